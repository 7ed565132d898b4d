class Router(nn.Module):
    """Scores of every step, from the mean of its channels, by which it goes deep or not."""

    def __init__(self, width, scores):
        super().__init__()
        self.linear = nn.Linear(width, scores, bias=False)

    def forward(self, x):
        return self.linear(x.unflatten(-1, (CHANNELS, -1)).mean(-2))
