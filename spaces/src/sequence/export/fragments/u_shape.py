def at_level(layer, x, mask, run, level, columns):
    """x and what the layer adds to tokens pooled by two, `level` times, repeated as often: in a grid, column by column."""
    if level == 0:
        return layer(x, mask, run)
    real = torch.ones_like(x[..., :1]) if mask is None else mask[..., None].to(x.dtype)

    def pairs(t):
        steps = t.unflatten(1, (-1, columns))
        return F.pad(steps, (0, 0, 0, 0, 0, steps.shape[1] % 2)).unflatten(1, (-1, 2)).sum(2).flatten(1, 2)

    half, half_mask = pairs(x * real) / pairs(real).clamp(min=1), None
    if mask is not None:
        half_mask = mask.unflatten(1, (-1, columns))[:, ::2].flatten(1, 2)
    added = at_level(layer, half, half_mask, run, level - 1, columns) - half
    return x + added.unflatten(1, (-1, columns)).repeat_interleave(2, 1).flatten(1, 2)[:, : x.shape[1]]
