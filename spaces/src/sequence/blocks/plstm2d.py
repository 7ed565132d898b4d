class Plstm2d(nn.Module):
    """pLSTM on a grid: a state r moves right and a state u moves down, r ← T_rr r + T_ru u + S_r k vᵀ,
    u ← T_dr r + T_du u + S_d k vᵀ; o = D ⟨q, k⟩ v + Σ (M_r r + M_u u)ᵀ q over four orientations with gates of
    their own, y = W_o rms_h(o). In mode "p" the share α of γ (r + u) + S k vᵀ leaves to the right and 1 − α down,
    in mode "d" T_ru = 0.

    Pöppel et al. 2025, arXiv 2506.11997.
    """

    def __init__(self, width, *, heads, mode, columns=1):
        super().__init__()
        self.mode, self.columns, rows = mode, columns, 4 * (4 if mode == "p" else 7) + 1
        self.w_q = nn.Parameter(torch.empty(width, width))
        self.w_k = nn.Parameter(torch.empty(width, width))
        self.w_v = nn.Parameter(torch.empty(width, width))
        self.w_gates = nn.Parameter(torch.empty(rows * heads, width))
        self.b_gates = nn.Parameter(torch.empty(rows, heads))
        self.gain = nn.Parameter(torch.empty(width))
        self.w_o = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        heads = self.b_gates.shape[1]
        q, k, v = (F.linear(x, w).unflatten(2, (heads, -1)) for w in (self.w_q, self.w_k, self.w_v))
        k = k * k.shape[-1] ** -0.5
        gates = torch.sigmoid(F.linear(x, self.w_gates, self.b_gates.flatten())).unflatten(-1, (-1, heads))
        *orientations, direct = gates.split([(gates.shape[2] - 1) // 4] * 4 + [1], 2)
        o = direct.transpose(2, 3) * (q * k).sum(-1, keepdim=True) * v
        for orientation, own in enumerate(orientations):
            turned = [self.turned(x, mask, orientation) for x in (q, k, v, own.transpose(2, 3))]
            o = o + self.turned_back(self.read(*turned), mask, orientation)
        o = F.rms_norm(o, o.shape[-1:], None, 1e-5).flatten(2) * self.gain
        return F.linear(o, self.w_o)

    def read(self, q, k, v, gates):
        """What the marks read of the states; all are batch × rows × columns × heads × …"""
        gates = gates[..., None].unbind(-2)
        if self.mode == "p":
            source, stay, share, m_r = gates
            s_r, t_rr, m_u, t_ru = share * source, share * stay, m_r, share * stay
            s_d, t_du, t_dr = (1 - share) * source, (1 - share) * stay, (1 - share) * stay
        else:
            s_r, s_d, t_rr, t_du, t_dr, m_r, m_u = gates
            t_ru = None

        def entering(dim, own, other, source):
            """What leaves a cell enters the next one."""
            added = (source * k)[..., None] * v[..., None, :]
            own, other = (x if x is None else shifted(x[..., None], dim) for x in (own, other))
            return own, other, shifted(added, dim)

        r, u = grid_scan(entering(2, t_rr, t_ru, s_r), entering(1, t_du, t_dr, s_d))
        return sum(((m * q)[..., None, :] @ state).squeeze(-2) for m, state in ((m_r, r), (m_u, u)))

    def turned(self, x, mask, orientation):
        """To batch × rows × columns × …: the last two orientations go up, the odd ones left."""
        if orientation // 2:
            x = reversed_steps(x.flatten(2), mask).view_as(x)
        x = x.unflatten(1, (-1, self.columns))
        return x.flip(2) if orientation in (1, 2) else x

    def turned_back(self, x, mask, orientation):
        x = (x.flip(2) if orientation in (1, 2) else x).flatten(1, 2)
        return reversed_steps(x.flatten(2), mask).view_as(x) if orientation // 2 else x
