def pool(x, mask, scores):
    """In every channel a mean of the real steps, weighted by a softmax over time of its scores."""
    scores = scores(x)
    if mask is not None:
        scores = scores.masked_fill(~mask[..., None], -torch.inf)
    return (scores.softmax(1) * x).sum(1)
