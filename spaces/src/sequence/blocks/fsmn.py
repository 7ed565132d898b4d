class Fsmn(nn.Module):
    """Feedforward sequential memory: p[t] + Σ_j w[j] ∘ p[t − j·dilation], p = W_2 relu(W_1 x + b_1), with j from 0 to
    taps − 1, or from 1 − taps on where it looks to both sides. The residual connection adds x.

    Zhang et al. 2018, arXiv 1803.05030, as in Zhao et al. 2023, arXiv 2312.11825.
    """

    def __init__(self, width, *, dilation, sides, taps):
        super().__init__()
        self.dilation, self.ahead = dilation, taps - 1 if sides == "both" else 0
        self.w_1 = nn.Parameter(torch.empty(width, width))
        self.b_1 = nn.Parameter(torch.empty(width))
        self.w_2 = nn.Parameter(torch.empty(width, width))
        self.w_memory = nn.Parameter(torch.empty(width, taps + self.ahead))

    def forward(self, x, mask):
        weights = self.w_1, self.b_1, self.w_2, self.w_memory
        return with_memory(x, mask, *weights, dilation=self.dilation, ahead=self.ahead)
