class Snnk(nn.Module):
    """Scalable neural network kernel: Ψ Φ(x) + b with m fixed features, Φ(x) = relu(G x)/√m or exp(G u −
    |u|²/2)/√m with u = x/width^¼.

    Sehanobish et al. 2023, arXiv 2310.13225; Choromanski et al. 2020, arXiv 2009.14794.
    """

    def __init__(self, width, *, features, kernel):
        super().__init__()
        self.features = {"relu": self.rectified, "exponential": self.exponential}[kernel]
        self.register_buffer("g", fixed_normals(features, width), persistent=False)
        self.psi = nn.Parameter(torch.empty(width, features))
        self.b = nn.Parameter(torch.empty(width))

    def forward(self, x, mask):
        return F.linear(self.features(x) * len(self.g) ** -0.5, self.psi, self.b)

    def rectified(self, x):
        return F.relu(F.linear(x, self.g))

    def exponential(self, x):
        u = x * x.shape[-1] ** -0.25
        return torch.exp(F.linear(u, self.g) - u.square().sum(-1, keepdim=True) / 2)
