def matrix_state(log_decay, q, k, v, chunk=64):
    """o_t = S_tᵀ q_t with S_t = e^{log_decay_t} S_{t−1} + k_t v_tᵀ from S = 0, chunk by chunk.

    log_decay is batch × length × heads and at most 0, q and k are batch × length × heads × N, v and o are
    batch × length × heads × P.
    """
    length = q.shape[1]

    def chunks(x):
        """To batch × chunks × heads × steps × …"""
        x = F.pad(x, (0, 0) * (x.dim() - 2) + (0, -length % chunk))
        return x.unflatten(1, (-1, chunk)).transpose(2, 3)

    log_decay, q, k, v = (chunks(x) for x in (log_decay, q, k, v))
    total = log_decay.cumsum(-1)
    future = torch.ones(chunk, chunk, dtype=torch.bool, device=q.device).triu(1)
    between = (total[..., :, None] - total[..., None, :]).masked_fill(future, -torch.inf).exp()
    o = (q @ k.transpose(-1, -2) * between) @ v
    if length > chunk:
        last = total[..., -1:]
        added = (k * (last - total).exp()[..., None]).transpose(-1, -2) @ v
        states = linear_scan(last.exp()[..., None].expand_as(added), added)
        before = F.pad(states[:, :-1], (0, 0) * 3 + (1, 0))
        o = o + (q * total.exp()[..., None]) @ before
    return o.transpose(2, 3).flatten(1, 2)[:, :length]
