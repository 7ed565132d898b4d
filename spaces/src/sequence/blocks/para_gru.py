class ParaGru(GatedCell):
    """ParaGRU: z = σ(x_z + α_z ∘ h), r = σ(x_r + α_r ∘ h), n = tanh(x_n + α_n ∘ r ∘ h), h ← h + z ∘ (n − h), from
    h = 0, with α = tanh(a); without recurrence α = 0, which makes it linear in h (minGRU, with a tanh).

    Danieli et al. 2025, arXiv 2510.21450; without recurrence Feng et al. 2024, arXiv 2410.01201.
    """

    def __init__(self, width, *, recurrence):
        super().__init__(width, gates=3 if recurrence == "diagonal" else 2)
        self.recurrence = recurrence
        if recurrence == "diagonal":
            self.a = nn.Parameter(torch.empty(3, width))

    def cell(self, made):
        if self.recurrence == "none":
            z, n = made.chunk(2, dim=-1)
            return linear_scan(torch.sigmoid(-z), torch.sigmoid(z) * torch.tanh(n))
        a_z, a_r, a_n = torch.tanh(self.a)
        h, states = torch.zeros_like(made[:, 0, : a_z.shape[0]]), []
        for row in made.unbind(1):
            z, r, n = row.chunk(3, dim=-1)
            z, r = torch.sigmoid(z + a_z * h), torch.sigmoid(r + a_r * h)
            h = h + z * (torch.tanh(n + a_n * r * h) - h)
            states.append(h)
        return torch.stack(states, 1)
