class Projection(nn.Module):
    """x ← c₁ x + c₂ MLP(norm x), the end of a pass over shared layers (Shen et al. 2021, arXiv 2111.05297)."""

    def __init__(self, width):
        super().__init__()
        self.norm = Norm(width)
        self.mixer = Mlp(width, activation="gelu", ratio=1)
        self.residual = nn.ParameterDict({"coefficients": nn.Parameter(torch.empty(2))})

    def forward(self, x, mask):
        kept, added = self.residual["coefficients"]
        return kept * x + added * self.mixer(self.norm(x), mask)
