def joined(x, mask):
    """Patches of steps in a row, batch × tokens × (steps · channels), with zeros behind the last step; and their mask."""
    x = F.pad(x, (0, 0, 0, -x.shape[1] % SIZE)).unflatten(1, (-1, SIZE))
    return x.flatten(2), None if mask is None else mask[:, ::SIZE]
