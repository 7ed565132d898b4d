class Input(nn.Module):
    """Standardizes channels, (x − mean)/scale, and clears the padding."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, x, mask):
        x = (x - self.mean) / self.scale
        return x if mask is None else x.masked_fill(~mask[..., None], 0)
