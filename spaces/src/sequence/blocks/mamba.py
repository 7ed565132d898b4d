class Mamba(nn.Module):
    """Selective state space (Mamba-1): (u, z) = W_in x; u ← silu(conv(u)); (δ, B, C) = W_x u;
    Δ = softplus(W_dt δ + b_dt); h_t = e^{Δ_t A} ∘ h_{t−1} + Δ_t B_t u_t; v_t = ⟨C_t, h_t⟩ + D u_t;
    y = W_out (v ∘ silu(z)). The input is scaled by Δ ("euler") or by (e^{ΔA} − 1)/A ("zoh").

    Gu and Dao 2023, arXiv 2312.00752.
    """

    def __init__(self, width, *, discretization, state):
        super().__init__()
        inner, rank, kernel = 2 * width, -(-width // 16), 4
        self.discretization, self.sizes = discretization, (rank, state, state)
        self.w_in = nn.Parameter(torch.empty(2 * inner, width))
        self.w_conv = nn.Parameter(torch.empty(inner, kernel))
        self.b_conv = nn.Parameter(torch.empty(inner))
        self.w_x = nn.Parameter(torch.empty(rank + 2 * state, inner))
        self.w_dt = nn.Parameter(torch.empty(inner, rank))
        self.b_dt = nn.Parameter(torch.empty(inner))
        self.log_a = nn.Parameter(torch.empty(inner, state))
        self.d = nn.Parameter(torch.empty(inner))
        self.w_out = nn.Parameter(torch.empty(width, inner))

    def forward(self, x, mask):
        u, z = F.linear(x, self.w_in).chunk(2, dim=-1)
        u = F.silu(depthwise(u, mask, self.w_conv, self.b_conv, dilation=1, ahead=0))
        low, b, c = F.linear(u, self.w_x).split(self.sizes, dim=-1)
        step = F.softplus(F.linear(low, self.w_dt, self.b_dt))
        h = linear_scan(*self.recurrence(step, u, b))
        v = (c[:, :, None, :] @ h).squeeze(2) + self.d * u
        return F.linear(v * F.silu(z), self.w_out)

    def recurrence(self, step, u, b):
        """e^{ΔA} and what each step adds to the state, batch × length × state × inner: long rows are fast."""
        a = -self.log_a.exp().T.contiguous()
        if self.discretization == "zoh":
            change = torch.expm1(step[:, :, None, :] * a)
            return change + 1, change / a * (b[..., None] * u[:, :, None, :])
        return torch.exp(step[:, :, None, :] * a), b[..., None] * (step * u)[:, :, None, :]
