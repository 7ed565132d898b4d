class Gru(nn.Module):
    """Gated recurrent unit: r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz),
    n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h ← (1 − z) ∘ n + z ∘ h, from h = 0; rows in the order r, z, n.

    Cho et al. 2014, arXiv 1406.1078, with the reset gate of cuDNN.
    """

    def __init__(self, width):
        super().__init__()
        self.w_ih = nn.Parameter(torch.empty(3 * width, width))
        self.w_hh = nn.Parameter(torch.empty(3 * width, width))
        self.b_ih = nn.Parameter(torch.empty(3 * width))
        self.b_hh = nn.Parameter(torch.empty(3 * width))

    def forward(self, x, mask):
        weights = (self.w_ih, self.w_hh, self.b_ih, self.b_hh)
        start = x.new_zeros(1, x.shape[0], x.shape[2])
        # The kernels of nn.GRU: biases, one layer, no dropout, one direction, batch first.
        y, _ = torch.gru(x, start, weights, True, 1, 0.0, self.training, False, True)
        return y
