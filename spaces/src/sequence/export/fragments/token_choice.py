def token_choice(x, mask, router, make):
    """x + p G(x), where G takes as many passes as the largest share p of softmax(router(x)) says.

    Bae et al. 2025, arXiv 2507.10524.
    """
    shares = router(x).softmax(-1)
    last = shares.argmax(-1)
    share, hidden = shares.gather(-1, last[..., None]), x
    for number in range(shares.shape[-1]):
        kept = last >= number if mask is None else mask & (last >= number)
        hidden = with_kept(hidden, kept, lambda steps, mask, number=number: make(number, steps, mask))
    return x + share * hidden
