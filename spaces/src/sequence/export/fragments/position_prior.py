class Position(nn.Module):
    """x_t + p_t w: a number for each of the first steps, the last one for all later steps, times one vector."""

    def __init__(self, width):
        super().__init__()
        self.code = nn.ParameterDict(
            {"prior": nn.Parameter(torch.empty(256)), "weight": nn.Parameter(torch.empty(width))}
        )

    def forward(self, x):
        prior = self.code["prior"]
        steps = torch.arange(x.shape[1], device=x.device).clamp(max=len(prior) - 1)
        return x + prior[steps].unsqueeze(-1) * self.code["weight"]
