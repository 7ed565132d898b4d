class Chimera(Mamba):
    """Mamba along the time of every channel (h), and with `cross` another state across channels (g):
    h[t, v] = Ā ∘ h[t−1, v] + (1 − Ā) ∘ tanh(M) ∘ g[t−1, v] + Δ B u,
    g[t, v] = Ā′ ∘ g[t, v−1] + (1 − Ā′) ∘ tanh(M′) ∘ h[t, v−1] + Δ′ B′ u,
    o = ⟨C, h⟩ + ⟨C′, g⟩, the mean of both orders of the channels.

    Behrouz, Santacatterina and Zabih 2024, arXiv 2406.04320.
    """

    def __init__(self, width, *, cross, state, columns=1):
        super().__init__(width, discretization="euler", state=state)
        self.cross, self.columns = cross, columns
        if cross:
            inner, rank = 2 * width, self.sizes[0]
            self.w_x_across = nn.Parameter(torch.empty(rank + 2 * state, inner))
            self.w_dt_across = nn.Parameter(torch.empty(inner, rank))
            self.b_dt_across = nn.Parameter(torch.empty(inner))
            self.log_a_across = nn.Parameter(torch.empty(inner, state))
            self.couple = nn.Parameter(torch.empty(inner, state))
            self.couple_across = nn.Parameter(torch.empty(inner, state))

    def forward(self, x, mask):
        if not self.cross:
            return self.joined(super().forward(self.alone(x), None)).flatten(1, 2)
        u, z = F.linear(x, self.w_in).chunk(2, dim=-1)
        u = F.silu(depthwise(self.alone(u), None, self.w_conv, self.b_conv, dilation=1, ahead=0))
        u = self.joined(u)
        along = self.axis(u, self.w_x, self.w_dt, self.b_dt, self.log_a, self.couple)
        names = ("w_x_across", "w_dt_across", "b_dt_across", "log_a_across", "couple_across")
        across = self.axis(u, *(getattr(self, name) for name in names))
        there = self.read(across, along)
        back = self.read(*([x.flip(2) for x in axis] for axis in (across, along))).flip(2)
        o = (there + back) / 2 + self.d * u
        return F.linear(o.flatten(1, 2) * F.silu(z), self.w_out)

    def axis(self, u, w_x, w_dt, b_dt, log_a, couple):
        """Gate of the own state, gate of the other one, what is added, C; all batch × time × columns × …"""
        low, b, c = F.linear(u, w_x).split(self.sizes, dim=-1)
        step = F.softplus(F.linear(low, w_dt, b_dt))
        change = -torch.expm1(step[..., None, :] * -log_a.exp().T)
        return 1 - change, change * torch.tanh(couple).T, b[..., None] * (step * u)[..., None, :], c

    def read(self, across, along):
        g, h = grid_scan(across[:3], along[:3])
        return (across[3][..., None, :] @ g + along[3][..., None, :] @ h).squeeze(-2)

    def alone(self, x):
        """The time of every channel as a sequence."""
        return x.unflatten(1, (-1, self.columns)).transpose(1, 2).flatten(0, 1)

    def joined(self, x):
        """To batch × time × columns × …"""
        return x.unflatten(0, (-1, self.columns)).transpose(1, 2)
