class Mlp(nn.Module):
    """Two-layer perceptron on every step: W_2 act(W_1 x + b_1) + b_2.

    The feed-forward part of Vaswani et al. 2017, arXiv 1706.03762.
    """

    def __init__(self, width, *, activation, ratio):
        super().__init__()
        self.activation = getattr(F, activation)
        self.w_1 = nn.Parameter(torch.empty(ratio * width, width))
        self.b_1 = nn.Parameter(torch.empty(ratio * width))
        self.w_2 = nn.Parameter(torch.empty(width, ratio * width))
        self.b_2 = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        return F.linear(self.activation(F.linear(x, self.w_1, self.b_1)), self.w_2, self.b_2)
