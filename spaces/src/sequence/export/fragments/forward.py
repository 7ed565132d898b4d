    def forward(self, x, lengths=None):
        """Logits, batch × classes, of raw series, batch × length × channels. Series that are shorter than the
        longest say so in `lengths` (integers, batch): whatever stands behind their last step is ignored.
        """
        mask = None
        if lengths is not None:
            mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        x = self.embedding(self.input(x, mask))
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(x, mask)
