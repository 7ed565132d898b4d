class Mamba2(nn.Module):
    """Selective state space with one decay a head (Mamba-2): (z, u, B, C, δ) = W_in x; (u, B, C) ← silu(conv(u, B, C));
    Δ = softplus(δ + b_dt); h_t = e^{Δ_t A} h_{t−1} + Δ_t B_t u_tᵀ, v_t = C_tᵀ h_t + D u_t; y = W_out rms(v ∘ silu(z)).

    Dao and Gu 2024, arXiv 2405.21060.
    """

    def __init__(self, width, *, heads, state):
        super().__init__()
        inner, kernel = 2 * width, 4
        convolved = inner + 2 * state
        self.made, self.mixed = (inner, convolved, heads), (inner, state, state)
        self.w_in = nn.Parameter(torch.empty(inner + convolved + heads, width))
        self.w_conv = nn.Parameter(torch.empty(convolved, kernel))
        self.b_conv = nn.Parameter(torch.empty(convolved))
        self.b_dt = nn.Parameter(torch.empty(heads))
        self.log_a = nn.Parameter(torch.empty(heads))
        self.d = nn.Parameter(torch.empty(heads))
        self.gain = nn.Parameter(torch.empty(inner))
        self.w_out = nn.Parameter(torch.empty(width, inner))

    def forward(self, x, mask):
        z, mixed, step = F.linear(x, self.w_in).split(self.made, dim=-1)
        mixed = F.silu(depthwise(mixed, mask, self.w_conv, self.b_conv, dilation=1, ahead=0))
        u, b, c = mixed.split(self.mixed, dim=-1)
        step = F.softplus(step + self.b_dt)
        u = u.unflatten(-1, (len(self.d), -1))
        b, c = (x[:, :, None, :].expand(-1, -1, len(self.d), -1) for x in (b, c))
        v = matrix_state(-step * self.log_a.exp(), c, b, step[..., None] * u) + self.d[:, None] * u
        v = F.rms_norm(v.flatten(2) * F.silu(z), self.gain.shape, self.gain, 1e-5)
        return F.linear(v, self.w_out)
