class Plstm(nn.Module):
    """pLSTM on a line: with gates S, T, M, D = σ(W x + b) of each head, C_t = T_t C_{t−1} + S_t k_t v_tᵀ,
    o_t = M_t C_{t−1}ᵀ q_t + D_t ⟨q_t, k_t⟩ v_t and y = W_o rms_h(o), each head normalized by itself.

    Pöppel et al. 2025, arXiv 2506.11997.
    """

    def __init__(self, width, *, heads):
        super().__init__()
        self.w_q = nn.Parameter(torch.empty(width, width))
        self.w_k = nn.Parameter(torch.empty(width, width))
        self.w_v = nn.Parameter(torch.empty(width, width))
        self.w_gates = nn.Parameter(torch.empty(4 * heads, width))
        self.b_gates = nn.Parameter(torch.empty(4, heads))
        self.gain = nn.Parameter(torch.empty(width))
        self.w_o = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        heads = self.b_gates.shape[1]
        q, k, v = (F.linear(x, w).unflatten(2, (heads, -1)) for w in (self.w_q, self.w_k, self.w_v))
        k = k * k.shape[-1] ** -0.5
        gates = F.linear(x, self.w_gates, self.b_gates.flatten()).unflatten(-1, (4, heads)).unbind(2)
        source, mark, direct = (torch.sigmoid(gates[i])[..., None] for i in (0, 2, 3))
        log_decay, key, value = (self.delayed(x) for x in (F.logsigmoid(gates[1]), source * k, v))
        o = matrix_state(log_decay, mark * q, key, value)
        o = o + direct * (q * k).sum(-1, keepdim=True) * v
        o = F.rms_norm(o, o.shape[-1:], None, 1e-5).flatten(2) * self.gain
        return F.linear(o, self.w_o)

    def delayed(self, x):
        """One step later: a step reads the state before it."""
        return F.pad(x, (0, 0) * (x.dim() - 2) + (1, 0))[:, :-1]
