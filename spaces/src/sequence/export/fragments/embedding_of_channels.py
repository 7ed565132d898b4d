class Embedding(nn.Module):
    """A token for every channel of every step, step after step: the number times a vector of the channel, and a bias."""

    def __init__(self, channels, width):
        super().__init__()
        vector = {name: nn.Parameter(torch.empty(channels, width)) for name in ("weight", "bias")}
        self.channels = nn.ParameterDict(vector)

    def forward(self, x):
        return (x[..., None] * self.channels["weight"] + self.channels["bias"]).flatten(1, 2)
