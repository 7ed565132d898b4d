class LongConvolution(nn.Module):
    """Convolution with a kernel that a small network makes of the distance in time, gated by its context:
    o_0(c) = sin(f_0 c + φ_0), o_i(c) = sin(f_i c + φ_i) ∘ (V_i o_{i−1}(c) + a_i), K_l = W_K o_2(c_l) + b_K with
    c_l = (l + 1)/64; W_out (Σ_{l≤t} K_l ∘ u[t − l]/√(t + 1) ∘ (W_z m_t + b_z)), u = W_u x, with the mean m_t of the
    steps up to t.

    Zhang 2024, arXiv 2401.17948; the small network: Romero et al. 2021, arXiv 2110.08059.
    """

    def __init__(self, width, *, hidden):
        super().__init__()
        for name in ("f_0", "phi_0", "f_1", "phi_1", "f_2", "phi_2", "a_1", "a_2"):
            self.register_parameter(name, nn.Parameter(torch.empty(hidden)))
        self.v_1 = nn.Parameter(torch.empty(hidden, hidden))
        self.v_2 = nn.Parameter(torch.empty(hidden, hidden))
        self.w_k = nn.Parameter(torch.empty(width, hidden))
        self.b_k = nn.Parameter(torch.empty(width))
        self.w_u = nn.Parameter(torch.empty(width, width))
        self.w_z = nn.Parameter(torch.empty(width, width))
        self.b_z = nn.Parameter(torch.empty(width))
        self.w_out = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        terms = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)[:, None]
        gate = F.linear(x.cumsum(1) / terms, self.w_z, self.b_z)
        y = convolved(F.linear(x, self.w_u), mask, self.kernel(terms / 64)) / terms.sqrt()
        return F.linear(y * gate, self.w_out)

    def kernel(self, c):
        """K, width × length."""
        o = torch.sin(self.f_0 * c + self.phi_0)
        o = torch.sin(self.f_1 * c + self.phi_1) * F.linear(o, self.v_1, self.a_1)
        o = torch.sin(self.f_2 * c + self.phi_2) * F.linear(o, self.v_2, self.a_2)
        return F.linear(o, self.w_k, self.b_k).T
