def with_kept(x, kept, make):
    """x with what `make(steps, mask)` makes of the kept steps (batch × length) of every sequence alone."""
    some = kept.any(1).nonzero().squeeze(1)
    if len(some) == 0:
        return x
    # The kept ones first, in the order of time.
    steps = (~kept[some]).to(torch.uint8).argsort(dim=1, stable=True)[:, : int(kept.sum(1).max())]
    mask, rows = kept[some].gather(1, steps), (some[:, None], steps)
    return x.index_put(rows, torch.where(mask[..., None], make(x[rows], mask), x[rows]))
