class Input(nn.Module):
    """Standardizes channels, (x − mean)/scale, and clears the padding."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, x, mask):
        x = (x - self.mean) / self.scale
        return x if mask is None else x.masked_fill(~mask[..., None], 0)


class Head(nn.Module):
    """Norm, pooling over the real steps, linear map to classes."""

    def __init__(self, width, classes):
        super().__init__()
        self.norm = Norm(width)
        self.linear = nn.Linear(width, classes)

    def forward(self, x, mask):
        return self.linear(pool(self.norm(x), mask))
