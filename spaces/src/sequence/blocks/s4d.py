class S4d(nn.Module):
    """Diagonal state space (S4D-Lin) under zero-order hold, per channel the convolution with
    K_l = 2 Re Σ_n G_n e^{lΔA_n}, G_n = C_n (e^{ΔA_n} − 1)/A_n, A_n = −e^{log_decay} + i·frequency, Δ = e^{log_step};
    v = K ∗ u + D u, y = GLU(W gelu(v) + b).

    Gu et al. 2022, arXiv 2206.11893.
    """

    def __init__(self, width, *, state):
        super().__init__()
        self.log_step = nn.Parameter(torch.empty(width))
        self.log_decay = nn.Parameter(torch.empty(width, state // 2))
        self.frequency = nn.Parameter(torch.empty(width, state // 2))
        self.c_re = nn.Parameter(torch.empty(width, state // 2))
        self.c_im = nn.Parameter(torch.empty(width, state // 2))
        self.d = nn.Parameter(torch.empty(width))
        self.w = nn.Parameter(torch.empty(2 * width, width))
        self.b = nn.Parameter(torch.empty(2 * width))

    def forward(self, x, mask):
        v = convolved(x, mask, self.kernel(x.shape[1])) + self.d * x
        return F.glu(F.linear(F.gelu(v), self.w, self.b), dim=-1)

    def kernel(self, length):
        """K, width × length: 2 Σ_n |G_n| e^{l Re ΔA_n} cos(l Im ΔA_n + arg G_n), without complex exponentials."""
        a = torch.complex(-self.log_decay.exp(), self.frequency)
        a_step = self.log_step.exp()[:, None] * a
        gain = torch.complex(self.c_re, self.c_im) * torch.expm1(a_step) / a
        lag = torch.arange(length, device=a.device, dtype=self.d.dtype)
        size = torch.exp(a_step.real[..., None] * lag)
        angle = a_step.imag[..., None] * lag + gain.angle()[..., None]
        return 2 * torch.einsum("dn,dnl->dl", gain.abs(), size * angle.cos())
