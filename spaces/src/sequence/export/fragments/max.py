def pool(x, mask):
    """The largest value of the real steps, channel by channel."""
    return (x if mask is None else x.masked_fill(~mask[..., None], -torch.inf)).amax(1)
