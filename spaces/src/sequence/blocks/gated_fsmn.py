class GatedFsmn(nn.Module):
    """Gated feedforward sequential memory: silu(W_f x + b_f) ∘ (u + p + memory of p), u = silu(W_g x + b_g), p =
    W_2 relu(W_1 u + b_1). The memory is Σ_j w[j] ∘ p[t − j·dilation], with j from 0 to taps − 1, or from 1 − taps on
    where it looks to both sides.

    Zhao et al. 2023, arXiv 2312.11825.
    """

    def __init__(self, width, *, dilation, sides, taps):
        super().__init__()
        self.dilation, self.ahead = dilation, taps - 1 if sides == "both" else 0
        self.w_f = nn.Parameter(torch.empty(width, width))
        self.b_f = nn.Parameter(torch.empty(width))
        self.w_g = nn.Parameter(torch.empty(width, width))
        self.b_g = nn.Parameter(torch.empty(width))
        self.w_1 = nn.Parameter(torch.empty(width, width))
        self.b_1 = nn.Parameter(torch.empty(width))
        self.w_2 = nn.Parameter(torch.empty(width, width))
        self.w_memory = nn.Parameter(torch.empty(width, taps + self.ahead))

    def forward(self, x, mask):
        u = F.silu(F.linear(x, self.w_g, self.b_g))
        weights = self.w_1, self.b_1, self.w_2, self.w_memory
        remembered = u + with_memory(u, mask, *weights, dilation=self.dilation, ahead=self.ahead)
        return F.silu(F.linear(x, self.w_f, self.b_f)) * remembered
