class Lssl(nn.Module):
    """Linear state space layer with the HiPPO-LegS matrices A_nk = −√((2n + 1)(2k + 1)) for n > k, −(n + 1) for n = k,
    B_n = √(2n + 1): Ā = (I − αΔA)⁻¹ (I + (1 − α)ΔA), B̄ = (I − αΔA)⁻¹ ΔB, Δ = e^{log_step}, α = ½ ("bilinear") or 1
    ("backward-euler"); v = K ∗ x + D x, K_l = C Ā^l B̄; W gelu(v) + b.

    Gu et al. 2021, arXiv 2110.13985.
    """

    def __init__(self, width, *, discretization, state):
        super().__init__()
        self.alpha = 0.5 if discretization == "bilinear" else 1.0
        self.log_step = nn.Parameter(torch.empty(width))
        self.c = nn.Parameter(torch.empty(width, state))
        self.d = nn.Parameter(torch.empty(width))
        self.w = nn.Parameter(torch.empty(width, width))
        self.b = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        v = convolved(x, mask, self.kernel(x.shape[1])) + self.d * x
        return F.linear(F.gelu(v), self.w, self.b)

    def kernel(self, length):
        """K, width × length: the states of twice as many steps are those so far and Ā^k of them."""
        step = self.log_step.exp()[:, None, None]
        n = torch.arange(self.c.shape[1], device=step.device, dtype=step.dtype)
        root = (2 * n + 1).sqrt()
        a = -torch.tril(root[:, None] * root, -1) - torch.diag(n + 1)
        eye = torch.eye(len(n), device=step.device, dtype=step.dtype)
        known = torch.cat((eye + (1 - self.alpha) * step * a, step * root[:, None]), -1)
        solved = torch.linalg.solve_triangular(eye - self.alpha * step * a, known, upper=False)
        power, states = solved[..., :-1], solved[..., -1:]
        while states.shape[2] < length:
            states = torch.cat((states, power @ states), -1)
            power = power @ power
        return (self.c[:, None] @ states[..., :length]).squeeze(1)
