class Glu(nn.Module):
    """Gated perceptron on every step: W_o (act(W_g x) ∘ W_v x).

    Shazeer 2020, arXiv 2002.05202.
    """

    def __init__(self, width, *, activation, ratio):
        super().__init__()
        self.activation = nn.Identity() if activation == "identity" else getattr(F, activation)
        self.w_g = nn.Parameter(torch.empty(ratio * width, width))
        self.w_v = nn.Parameter(torch.empty(ratio * width, width))
        self.w_o = nn.Parameter(torch.empty(width, ratio * width))

    def forward(self, x, mask):
        return F.linear(self.activation(F.linear(x, self.w_g)) * F.linear(x, self.w_v), self.w_o)
