class Norm(nn.Module):
    """x/√(mean x² + 1e-5) · gain, over the channels of each step (Zhang and Sennrich 2019)."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.rms_norm(x, self.gain.shape, self.gain, eps=1e-5)
