class Router(nn.Module):
    """Scores of every step, by which it goes deep or not."""

    def __init__(self, width, scores):
        super().__init__()
        self.linear = nn.Linear(width, scores, bias=False)

    def forward(self, x):
        return self.linear(x)
