def pool(x, mask):
    """The mean of the real steps."""
    if mask is None:
        return x.mean(1)
    return x.masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)
