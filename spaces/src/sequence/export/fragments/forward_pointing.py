    def forward(self, x, lengths=None, told=None):
        """Scores, batch × steps × candidates, and the positions that they point at, batch × steps, of raw series, batch ×
        length × channels. A candidate is a step of the input and, where answers say where they end, one more for the
        end, the last; a softmax gives probabilities. Each step points at the best, or where it is `told` (integers,
        batch × steps). Series that are shorter than the longest say so in `lengths` (integers, batch): whatever stands
        behind their last step is ignored, and so is what stands behind the end of an answer.
        """
        mask = None
        if lengths is not None:
            mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        x = self.embedding(self.input(x, mask))
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(x, mask, told)
