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
        u = F.silu(depthwise(u, mask, self.w_conv, self.b_conv, dilation=1, ahead=0))
        h = self.cell(F.linear(u, self.w_x, self.b_x.flatten()))
        h = F.rms_norm(h, self.gain.shape, self.gain, 1e-5)
        return F.linear(h * F.silu(gate), self.w_out)
