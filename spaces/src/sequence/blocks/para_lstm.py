class ParaLstm(GatedCell):
    """ParaLSTM: f = σ(x_f + α_f ∘ h + π_f ∘ c), n = tanh(x_n + α_n ∘ h), c ← n + f ∘ (c − n),
    o = σ(x_o + α_o ∘ h + π_o ∘ c), h ← o ∘ tanh c, from zero, with α = tanh(a) and π = tanh(p).

    Danieli et al. 2025, arXiv 2510.21450.
    """

    def __init__(self, width):
        super().__init__(width, gates=3)
        self.a = nn.Parameter(torch.empty(3, width))
        self.p = nn.Parameter(torch.empty(2, width))

    def cell(self, made):
        (a_f, a_n, a_o), (p_f, p_o) = torch.tanh(self.a), torch.tanh(self.p)
        c = h = torch.zeros_like(made[:, 0, : a_f.shape[0]])
        states = []
        for row in made.unbind(1):
            f, n, o = row.chunk(3, dim=-1)
            f, n = torch.sigmoid(f + a_f * h + p_f * c), torch.tanh(n + a_n * h)
            c = n + f * (c - n)
            h = torch.sigmoid(o + a_o * h + p_o * c) * torch.tanh(c)
            states.append(h)
        return torch.stack(states, 1)
