class Join(nn.Module):
    """A linear map of what both branches end as, side by side, back to the width."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(2 * width, width)

    def forward(self, a, b):
        return self.linear(torch.cat([a, b], 2))
