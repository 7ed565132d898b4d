class Branch(nn.Module):
    """What a mixer makes of the normed input, scanning `forward`, in `reverse`, or `bidirectional`: the sum of both."""

    def __init__(self, norm, mixer, *, order="forward", reverse=None, dropout=0.0):
        super().__init__()
        self.order, self.norm, self.mixer, self.reverse = order, norm, mixer, reverse
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x, mask, run):
        x = self.norm(x)
        if self.order == "forward":
            y = self.mix("mixer", x, mask, run)
        elif self.order == "reverse":
            y = self.mix_in_reverse("mixer", x, mask, run)
        else:
            y = self.mix("mixer", x, mask, run) + self.mix_in_reverse("reverse", x, mask, run)
        return self.dropout(y)

    def mix(self, name, x, mask, run):
        return getattr(self, name)(x, mask)

    def mix_in_reverse(self, name, x, mask, run):
        return reversed_steps(self.mix(name, reversed_steps(x, mask), mask, run), mask)


def reversed_steps(x, mask):
    """Each sequence in reverse within its own length; padding stays behind."""
    if mask is None:
        return x.flip(1)
    step = torch.arange(x.shape[1], device=x.device)
    source = torch.where(mask, mask.sum(1, keepdim=True) - 1 - step, step)
    return x.gather(1, source[..., None].expand_as(x))


class Layer(nn.Module):
    """x ← x + token(x), x ← x + channel(x)."""

    def __init__(self, *, token=None, channel=None):
        super().__init__()
        self.token, self.channel = token, channel

    def forward(self, x, mask, run=0):
        for branch in (self.token, self.channel):
            if branch is not None:
                x = x + branch(x, mask, run)
        return x
