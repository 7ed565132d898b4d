class GatedCell(nn.Module):
    """The block around a cell that runs channel by channel: (u, g) = W_in x; u ← silu(conv(u)); the cell makes h from
    W_x u + b, a row of gates for each; y = W_out (rms(h) ∘ silu(g)).
    """

    def __init__(self, width, gates):
        super().__init__()
        self.w_in = nn.Parameter(torch.empty(2 * width, width))
        self.w_conv = nn.Parameter(torch.empty(width, 4))
        self.b_conv = nn.Parameter(torch.empty(width))
        self.w_x = nn.Parameter(torch.empty(gates * width, width))
        self.b_x = nn.Parameter(torch.empty(gates, width))
        self.gain = nn.Parameter(torch.empty(width))
        self.w_out = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        u, gate = F.linear(x, self.w_in).chunk(2, dim=-1)
        u = F.silu(self.convolve(u))
        h = self.cell(F.linear(u, self.w_x, self.b_x.flatten()))
        h = F.rms_norm(h, self.gain.shape, self.gain, 1e-5)
        return F.linear(h * F.silu(gate), self.w_out)

    def convolve(self, u):
        """Causal and depthwise; column j of w_conv looks j steps back. As conv2d: faster than conv1d on a CPU."""
        width, kernel = self.w_conv.shape
        past = F.pad(u, (0, 0, kernel - 1, 0)).transpose(1, 2).unsqueeze(2)
        y = F.conv2d(past, self.w_conv.flip(1)[:, None, None, :], self.b_conv, groups=width)
        return y.squeeze(2).transpose(1, 2)
