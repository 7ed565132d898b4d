def converge(x, mask, epsilon, passes, make):
    """G(… G(x)), where a step stops after the pass that changes it by less than a share epsilon of it."""
    kept = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
    for number in range(passes):
        made = with_kept(x, kept, lambda steps, mask, number=number: make(number, steps, mask))
        with torch.no_grad():
            kept = kept & ((made - x).norm(dim=-1) >= epsilon * x.norm(dim=-1))
        x = made
    return x
