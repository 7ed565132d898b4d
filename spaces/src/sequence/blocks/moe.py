class Moe(nn.Module):
    """Mixture of experts on every step: Σ g_i E_i(x) over the `top` experts with the largest scores W_g x,
    those with equal scores by their number; E_i(x) = W_2i act(W_1i x + b_1i) + b_2i, g = softmax(W_g x) over
    all experts or, with `normalize`, over those kept. A shared expert is added to every step.

    `balance` is a matter of training: E Σ f_i P_i is added to the loss, times 0.01, where f_i is the share of
    expert i in what is kept and P_i its mean gate among all.

    Shazeer et al. 2017, arXiv 1701.06538; Fedus, Zoph and Shazeer 2021, arXiv 2101.03961; shared: Dai et al. 2024,
    arXiv 2401.06066.
    """

    def __init__(self, width, *, activation, balance, experts, normalize, ratio, shared, top):
        super().__init__()
        # One expert needs no scores, and has the tensors of a perceptron.
        hidden, each = ratio * width, (experts,) if experts > 1 else ()
        self.activation, self.normalize = getattr(F, activation), normalize
        self.kept = min(top, experts)
        self.w_1 = nn.Parameter(torch.empty(*each, hidden, width))
        self.b_1 = nn.Parameter(torch.empty(*each, hidden))
        self.w_2 = nn.Parameter(torch.empty(*each, width, hidden))
        self.b_2 = nn.Parameter(torch.empty(*each, width))
        self.w_g = nn.Parameter(torch.empty(experts, width)) if experts > 1 else None
        self.shared = shared
        if shared:
            self.shared_w_1 = nn.Parameter(torch.empty(hidden, width))
            self.shared_b_1 = nn.Parameter(torch.empty(hidden))
            self.shared_w_2 = nn.Parameter(torch.empty(width, hidden))
            self.shared_b_2 = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        tensors = self.w_1, self.b_1, self.w_2, self.b_2
        y = self.perceptron(x, *tensors) if self.w_g is None else self.mixture(x, *tensors)
        if self.shared:
            y = y + self.perceptron(x, self.shared_w_1, self.shared_b_1, self.shared_w_2, self.shared_b_2)
        return y

    def mixture(self, x, *tensors):
        rows = x.flatten(0, 1)
        gates, y = self.gates(rows), torch.zeros_like(rows)
        for gate, *expert in zip(gates.unbind(1), *tensors):
            asking = gate.nonzero().squeeze(1)
            y = y.index_add(0, asking, gate[asking, None] * self.perceptron(rows[asking], *expert))
        return y.view_as(x)

    def perceptron(self, x, w_1, b_1, w_2, b_2):
        return F.linear(self.activation(F.linear(x, w_1, b_1)), w_2, b_2)

    def gates(self, x):
        """Steps × experts, 0 where an expert is not asked."""
        scores = F.linear(x, self.w_g)
        ranked = scores.sort(dim=1, descending=True, stable=True).indices
        dropped = torch.zeros_like(scores, dtype=torch.bool).scatter(1, ranked[:, self.kept :], True)
        if self.normalize:
            return scores.masked_fill(dropped, float("-inf")).softmax(1)
        return scores.softmax(1).masked_fill(dropped, 0)
