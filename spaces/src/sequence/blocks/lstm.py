class Lstm(nn.Module):
    """Long short-term memory: i, f, o = σ(W_i· x + b_i· + W_h· h + b_h·), g = tanh(of the same), c ← f ∘ c +
    i ∘ g, h ← o ∘ tanh(c), from h = c = 0; rows in the order i, f, g, o. With peepholes, p_i ∘ c and p_f ∘ c
    are added under σ, and p_o ∘ c of the new c.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000, and the
    peepholes of Gers and Schmidhuber 2000.
    """

    def __init__(self, width, *, peepholes):
        super().__init__()
        self.peepholes = peepholes
        self.w_ih = nn.Parameter(torch.empty(4 * width, width))
        self.w_hh = nn.Parameter(torch.empty(4 * width, width))
        self.b_ih = nn.Parameter(torch.empty(4 * width))
        self.b_hh = nn.Parameter(torch.empty(4 * width))
        if peepholes:
            self.p_i = nn.Parameter(torch.empty(width))
            self.p_f = nn.Parameter(torch.empty(width))
            self.p_o = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        if self.peepholes:
            return self.step_by_step(x)
        weights = (self.w_ih, self.w_hh, self.b_ih, self.b_hh)
        start = x.new_zeros(1, x.shape[0], x.shape[2])
        # The kernels of nn.LSTM: biases, one layer, no dropout, one direction, batch first.
        y, _, _ = torch.lstm(x, (start, start), weights, True, 1, 0.0, self.training, False, True)
        return y

    def step_by_step(self, x):
        h = c = x.new_zeros(x.shape[0], x.shape[2])
        states = []
        for from_x in F.linear(x, self.w_ih, self.b_ih).unbind(1):
            i, f, g, o = (from_x + F.linear(h, self.w_hh, self.b_hh)).chunk(4, dim=1)
            i, f = torch.sigmoid(i + self.p_i * c), torch.sigmoid(f + self.p_f * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.p_o * c) * torch.tanh(c)
            states.append(h)
        return torch.stack(states, dim=1)
