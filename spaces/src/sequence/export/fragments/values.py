def joined(x, mask):
    """Of intervals of steps in a row mean, standard deviation, slope a step, least and largest value of every channel,
    batch × tokens × (5 · channels); and the mask of these tokens. The last interval may have fewer steps.
    """
    real = torch.ones_like(x[..., :1]) if mask is None else mask[..., None].to(x.dtype)
    x, real = (F.pad(t, (0, 0, 0, -t.shape[1] % SIZE)).unflatten(1, (-1, SIZE)) for t in (x, real))
    count = real.sum(2, keepdim=True).clamp(min=1)
    mean = x.sum(2, keepdim=True) / count
    off = (x - mean) * real
    time = (torch.arange(SIZE, dtype=x.dtype, device=x.device)[:, None] - (count - 1) / 2) * real
    # One step has no slope, and two have the least spread of time.
    slope = (time * off).sum(2) / (time**2).sum(2).clamp(min=0.5)
    deviation = ((off**2).sum(2) / count.squeeze(2)).sqrt()
    # In place of a step that is not there the mean is neither the least nor the largest.
    x = torch.where(real > 0, x, mean)
    values = [mean.squeeze(2), deviation, slope, x.amin(2), x.amax(2)]
    return torch.cat(values, 2), None if mask is None else mask[:, ::SIZE]
