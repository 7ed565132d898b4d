class Simplex(nn.Module):
    """Products of a place in n dimensions with the corners of a regular simplex, one for each of n + 1 classes, which are
    not trained: unit vectors, any two with the cosine −1/n.
    """

    def __init__(self, width, classes):
        super().__init__()
        self.classes = classes
        self.weight = nn.Parameter(torch.empty(max(classes - 1, 1), width))

    def forward(self, x):
        x, k = F.linear(x, self.weight), self.classes
        if k == 1:
            return x
        total = x.sum(-1, keepdim=True)
        others = (k / (k - 1)) ** 0.5 * (x - total / (k + k**0.5))
        return torch.cat([others, -total / (k - 1) ** 0.5], -1)
