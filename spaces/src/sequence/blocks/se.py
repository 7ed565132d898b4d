class Se(nn.Module):
    """Squeeze and excitation: σ(W_2 relu(W_1 z_t + b_1) + b_2) ∘ x_t, where z_t is the mean of x over `all`
    steps, or over those up to t (the `past`).

    Hu, Shen and Sun 2018, arXiv 1709.01507, over time in place of space.
    """

    def __init__(self, width, *, context, reduction):
        super().__init__()
        hidden = -(-width // reduction)
        self.mean = {"all": self.mean_of_all, "past": self.mean_of_past}[context]
        self.w_1 = nn.Parameter(torch.empty(hidden, width))
        self.b_1 = nn.Parameter(torch.empty(hidden))
        self.w_2 = nn.Parameter(torch.empty(width, hidden))
        self.b_2 = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        hidden = F.relu(F.linear(self.mean(x, mask), self.w_1, self.b_1))
        return x * F.linear(hidden, self.w_2, self.b_2).sigmoid()

    @staticmethod
    def mean_of_all(x, mask):
        if mask is None:
            return x.mean(1, keepdim=True)
        return (x * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]

    @staticmethod
    def mean_of_past(x, mask):
        return x.cumsum(1) / torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
