class Lstm(nn.Module):
    """Long short-term memory: i, f, o = σ(W_i· x + b_i· + W_h· h + b_h·), g = tanh(of the same),
    c ← f ∘ c + i ∘ g, h ← o ∘ tanh(c), from h = c = 0; rows in the order i, f, g, o.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.
    """

    def __init__(self, width):
        super().__init__()
        self.w_ih = nn.Parameter(torch.empty(4 * width, width))
        self.w_hh = nn.Parameter(torch.empty(4 * width, width))
        self.b_ih = nn.Parameter(torch.empty(4 * width))
        self.b_hh = nn.Parameter(torch.empty(4 * width))

    def forward(self, x, mask):
        weights = (self.w_ih, self.w_hh, self.b_ih, self.b_hh)
        start = x.new_zeros(1, x.shape[0], x.shape[2])
        # The kernels of nn.LSTM: biases, one layer, no dropout, one direction, batch first.
        y, _, _ = torch.lstm(x, (start, start), weights, True, 1, 0.0, self.training, False, True)
        return y
