def expert_choice(x, mask, routers, make):
    """x + w G(x), w = 0.1 σ(score), for the steps that a pass keeps: those kept before that it scores above zero.

    The first pass keeps every step. Training kept the best scores of the whole sequence, and taught scores to be
    above zero for those. Bae et al. 2025, arXiv 2507.10524.
    """
    kept = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
    for number, router in enumerate(routers):
        score = router(x)
        if number > 0:
            kept = kept & (score[..., 0] > 0)
        made = with_kept(x, kept, lambda steps, mask, number=number: make(number, steps, mask))
        x = torch.where(kept[..., None], x + 0.1 * score.sigmoid() * made, x)
    return x
