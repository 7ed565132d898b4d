class Embedding(nn.Module):
    """A linear map of every step."""

    def __init__(self, channels, width):
        super().__init__()
        self.linear = nn.Linear(channels, width)

    def forward(self, x):
        return self.linear(x)
