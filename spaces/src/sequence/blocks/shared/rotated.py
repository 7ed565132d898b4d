def rotated(x, steps):
    """Turns pairs (2i, 2i + 1) of the last dimension, of size d, by t·10000^(−2i/d), with the steps t of those before
    it. A last channel without a partner keeps its cosine part.
    """
    size = x.shape[-1]
    pairs = torch.arange(0, size, 2, device=x.device, dtype=x.dtype)
    angle = steps.to(x.dtype)[..., None] * 10000.0 ** (-pairs / size)
    sin, cos = angle.sin(), angle.cos()
    a, b = F.pad(x, (0, size % 2)).unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)[..., :size]
