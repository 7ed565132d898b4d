def votes(logits, mask):
    """Logarithms of the mean over the real steps of the probabilities that the logits of each stand for."""
    logits = logits.log_softmax(-1)
    if mask is None:
        return logits.logsumexp(1) - torch.tensor(logits.shape[1], dtype=logits.dtype).log()
    logits = logits.masked_fill(~mask[..., None], -torch.inf)
    return logits.logsumexp(1) - mask.sum(1, keepdim=True).to(logits.dtype).log()
