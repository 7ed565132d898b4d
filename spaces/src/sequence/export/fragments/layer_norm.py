class Norm(nn.Module):
    """(x − mean)/√(variance + 1e-5) · gain + bias, over the channels of each step (Ba et al. 2016)."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.layer_norm(x, self.gain.shape, self.gain, self.bias, eps=1e-5)
