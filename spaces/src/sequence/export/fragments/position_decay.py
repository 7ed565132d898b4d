class Position(nn.Module):
    """x_t + gain ∘ p_t with p_t = λ ∘ p_{t−1} + (1 − λ) ∘ x_t, λ = σ(decay), from p = 0.

    One-dimensional form of the decaying Toeplitz mix of Qin et al. 2024, arXiv 2405.21022.
    """

    def __init__(self, width):
        super().__init__()
        self.code = nn.ParameterDict(
            {"decay": nn.Parameter(torch.empty(width)), "gain": nn.Parameter(torch.empty(width))}
        )

    def forward(self, x):
        decay = torch.sigmoid(self.code["decay"])
        return x + linear_scan(decay.expand_as(x), (1 - decay) * x) * self.code["gain"]
