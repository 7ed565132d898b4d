class Gau(nn.Module):
    """Gated attention unit: quadratic attention within groups of steps plus linear attention over all of them.

    Half of the channels of x come from the step before. (u, v) = silu(W_in x + b_in), z = silu(W_z x + b_z); queries
    and keys, local and global, are γ_i ∘ z + β_i. With the m_t steps of its group that step t sees, and the n_t of
    all, M_ts = relu(⟨q_t, k_s⟩/√d)²/m_t, within the group, + ⟨q̄_t, k̄_s⟩/(√d n_t); W_out (M u ∘ v ∘ σ(M v ∘ u)).

    Hua et al. 2022, arXiv 2202.10447, as in Zhao et al. 2023, arXiv 2312.11825.
    """

    def __init__(self, width, *, causal, group, key, position):
        super().__init__()
        self.causal, self.group, self.position = causal, group, position
        self.w_in = nn.Parameter(torch.empty(4 * width, width))
        self.b_in = nn.Parameter(torch.empty(4 * width))
        self.w_z = nn.Parameter(torch.empty(key, width))
        self.b_z = nn.Parameter(torch.empty(key))
        self.gamma = nn.Parameter(torch.empty(4, key))
        self.beta = nn.Parameter(torch.empty(4, key))
        self.w_out = nn.Parameter(torch.empty(width, 2 * width))

    def forward(self, x, mask):
        length, half = x.shape[1], x.shape[2] // 2
        x = torch.cat((F.pad(x[:, :-1, :half], (0, 0, 1, 0)), x[..., half:]), -1)
        values = F.silu(F.linear(x, self.w_in, self.b_in))
        if mask is None:
            mask = x.new_ones(x.shape[:2], dtype=torch.bool)
        mixed = self.mixed(F.silu(F.linear(x, self.w_z, self.b_z)), values * mask[..., None], mask)[:, :length]
        (u, v), (mixed_u, mixed_v) = values.chunk(2, -1), mixed.chunk(2, -1)
        return F.linear(mixed_u * v * torch.sigmoid(mixed_v * u), self.w_out)

    def mixed(self, z, values, mask):
        """M (u, v), in groups of steps."""
        length, scale = z.shape[1], z.shape[2] ** -0.5
        keys = z[:, :, None] * self.gamma + self.beta
        if self.position == "rotary":
            keys = rotated(keys.transpose(1, 2), torch.arange(length, device=z.device)).transpose(1, 2)
        group = min(self.group, length)
        padding = -length % group
        # batch × groups × steps × …
        keys = F.pad(keys, (0, 0, 0, 0, 0, padding)).unflatten(1, (-1, group))
        values = F.pad(values, (0, 0, 0, padding)).unflatten(1, (-1, group))
        q, k, global_q, global_k = keys.unbind(3)
        local = F.relu(q @ k.mT * scale).square()
        states = global_k.mT @ values * scale
        if self.causal:
            step = torch.arange(length + padding, device=z.device, dtype=z.dtype).view(-1, group, 1) + 1
            state = F.pad(states.cumsum(1)[:, :-1], (0, 0, 0, 0, 1, 0))
            within = (local / step[0] + global_q @ global_k.mT * scale / step).tril()
            return (within @ values + global_q @ state / step).flatten(1, 2)
        real = F.pad(mask, (0, padding)).unflatten(1, (-1, group)).to(z.dtype)
        of_group = real.sum(2).clamp(min=1)[..., None, None]
        of_all = real.sum((1, 2))[:, None, None, None]
        return (local @ values / of_group + global_q @ states.sum(1, keepdim=True) / of_all).flatten(1, 2)
