class Branch(nn.Module):
    """What a mixer makes of the normed input, scanning `forward`, in `reverse`, or `bidirectional`: the sum of both."""

    def __init__(self, norm, mixer, *, order="forward", reverse=None, dropout=0.0):
        super().__init__()
        self.order, self.norm, self.mixer, self.reverse = order, norm, mixer, reverse
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x, mask):
        x = self.norm(x)
        if self.order == "forward":
            y = self.mixer(x, mask)
        elif self.order == "reverse":
            y = in_reverse(self.mixer, x, mask)
        else:
            y = self.mixer(x, mask) + in_reverse(self.reverse, x, mask)
        return self.dropout(y)


def in_reverse(mixer, x, mask):
    return reversed_steps(mixer(reversed_steps(x, mask), mask), mask)


def reversed_steps(x, mask):
    """Each sequence in reverse within its own length; padding stays behind."""
    if mask is None:
        return x.flip(1)
    step = torch.arange(x.shape[1], device=x.device)
    source = torch.where(mask, mask.sum(1, keepdim=True) - 1 - step, step)
    return x.gather(1, source[..., None].expand_as(x))


class Layer(nn.Module):
    """x ← x + token(x), x ← x + channel(x), `repeat` times with the same weights."""

    def __init__(self, *, token=None, channel=None, repeat=1):
        super().__init__()
        self.token, self.channel, self.repeat = token, channel, repeat

    def forward(self, x, mask):
        for _ in range(self.repeat):
            for branch in (self.token, self.channel):
                if branch is not None:
                    x = x + branch(x, mask)
        return x
