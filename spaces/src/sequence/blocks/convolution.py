class Convolution(nn.Module):
    """Depthwise convolution: y[t, d] = b[d] + Σ_j w[d, j] · x[t − j·dilation, d], or, where it looks to both sides,
    with (j − (kernel − 1)/2) in place of j.

    The depthwise part of Chollet 2017, arXiv 1610.02357; dilation: Yu and Koltun 2015, arXiv 1511.07122.
    """

    def __init__(self, width, *, dilation, kernel, sides):
        super().__init__()
        self.dilation, self.ahead = dilation, kernel // 2 if sides == "both" else 0
        self.w = nn.Parameter(torch.empty(width, kernel))
        self.b = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        return depthwise(x, mask, self.w, self.b, dilation=self.dilation, ahead=self.ahead)
