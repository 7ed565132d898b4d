class Rcnn(nn.Module):
    """Recurrent convolution: l_t = f(W_l l_{t−1} + V_l x_{t−1}) from l_1 = s_l, its mirror image r_t from the
    last step of each sequence, y_t = tanh(W [l_t; x_t; r_t] + b).

    Lai, Xu, Liu and Zhao 2015, Recurrent Convolutional Neural Networks for Text Classification.
    """

    def __init__(self, width, *, activation):
        super().__init__()
        self.run = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[activation]
        for side in "lr":
            setattr(self, f"w_{side}", nn.Parameter(torch.empty(width, width)))
            setattr(self, f"v_{side}", nn.Parameter(torch.empty(width, width)))
            setattr(self, f"start_{side}", nn.Parameter(torch.empty(width)))
        self.w = nn.Parameter(torch.empty(width, 3 * width))
        self.b = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        left = self.before(x, self.v_l, self.w_l, self.start_l)
        right = self.before(reversed_steps(x, mask), self.v_r, self.w_r, self.start_r)
        y = torch.cat([left, x, reversed_steps(right, mask)], dim=-1)
        return torch.tanh(F.linear(y, self.w, self.b))

    def before(self, x, v, w, start):
        """What the recurrence over x made of the steps before each."""
        start = start.expand(x.shape[0], -1)
        # The kernels of nn.RNN: no biases, one layer, no dropout, one direction, batch first.
        states, _ = self.run(x, start[None].contiguous(), (v, w), False, 1, 0.0, self.training, False, True)
        return torch.cat([start[:, None], states[:, :-1]], dim=1)
