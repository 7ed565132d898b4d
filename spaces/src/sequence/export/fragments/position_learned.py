class Position(nn.Module):
    """A learned vector for each of the first steps, the last one for all later steps."""

    def __init__(self, width):
        super().__init__()
        self.code = nn.ParameterDict({"table": nn.Parameter(torch.empty(256, width))})

    def forward(self, x):
        table = self.code["table"]
        return x + table[torch.arange(x.shape[1], device=x.device).clamp(max=len(table) - 1)]
