class Embedding(nn.Module):
    """A token for every channel of what several steps were joined to: a linear map of its own numbers for each channel."""

    def __init__(self, channels, width, numbers):
        super().__init__()
        shapes = {"weight": (channels, width, numbers), "bias": (channels, width)}
        maps = {name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}
        self.channels = nn.ParameterDict(maps)

    def forward(self, x):
        numbers = x.unflatten(2, (-1, len(self.channels["bias"])))
        return (torch.einsum("btfc,cdf->btcd", numbers, self.channels["weight"]) + self.channels["bias"]).flatten(1, 2)
