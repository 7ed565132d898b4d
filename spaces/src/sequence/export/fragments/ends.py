class Head(nn.Module):
    """Norm, pooling over the real steps, linear map to classes."""

    def __init__(self, width, classes):
        super().__init__()
        self.norm = Norm(width)
        self.linear = nn.Linear(width, classes)

    def forward(self, x, mask):
        return self.linear(pool(self.norm(x), mask))
