class Lightnet(nn.Module):
    """LightNet: for each head, with q = silu(W_q x), k = W_k x, v = W_v x, o_t = S_tᵀ q_t where row n of S_t is the
    mean of v_s under the weights e^{k_sn}, over all steps or over those up to t; y = W_o (rms(o) ∘ silu(W_g U_g x)).

    Qin et al. 2024, arXiv 2405.21022.
    """

    def __init__(self, width, *, causal, heads):
        super().__init__()
        self.heads, self.causal, rank = heads, causal, -(-width // 8)
        self.w_q = nn.Parameter(torch.empty(width, width))
        self.w_k = nn.Parameter(torch.empty(width, width))
        self.w_v = nn.Parameter(torch.empty(width, width))
        self.u_g = nn.Parameter(torch.empty(rank, width))
        self.w_g = nn.Parameter(torch.empty(width, rank))
        self.gain = nn.Parameter(torch.empty(width))
        self.w_o = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        q, k, v = (F.linear(x, w).unflatten(2, (self.heads, -1)) for w in (self.w_q, self.w_k, self.w_v))
        q = F.silu(q)
        o = self.running(q, k, v) if self.causal else self.over_all(q, k, v, mask)
        gate = F.silu(F.linear(F.linear(x, self.u_g), self.w_g))
        return F.linear(F.rms_norm(o.flatten(2), self.gain.shape, self.gain, 1e-5) * gate, self.w_o)

    def running(self, q, k, v):
        """Weights and their sum relative to the largest k so far: nothing overflows."""
        largest = k.detach().cummax(1).values
        decay = torch.exp(torch.cat((largest[:, :1], largest[:, :-1]), 1) - largest)
        weight = torch.exp(k - largest)
        added = weight[..., None] * v[..., None, :]
        sums = linear_scan(decay[..., None].expand_as(added), added)
        return ((q / linear_scan(decay, weight))[..., None, :] @ sums).squeeze(-2)

    def over_all(self, q, k, v, mask):
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        if mask is not None:
            k = k.masked_fill(~mask[:, None, :, None], -torch.inf)
        return (q @ (k.softmax(2).transpose(2, 3) @ v)).transpose(1, 2)
