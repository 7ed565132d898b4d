class Head(nn.Module):
    """Points at tokens, at each at most once: p(step points at j) = softmax_j v · tanh(W_key e_j + W_query d). The e_j are
    the normed tokens and, with `ends`, a learned one for the end; d decodes: a GRU that starts at the mean of the tokens
    and reads what the step before pointed at.

    Vinyals et al. 2015, arXiv 1506.03134.
    """

    def __init__(self, width, *, ends):
        super().__init__()
        self.norm = Norm(width)
        shapes = {"start": [width], "end": [width]} if ends else {"start": [width]}
        shapes |= {"w_key": [width, width], "w_query": [width, width], "v": [1, width]}
        self.pointer = nn.ParameterDict({n: nn.Parameter(torch.empty(s)) for n, s in shapes.items()})
        shapes = {"w_ih": [3 * width, width], "w_hh": [3 * width, width]}
        shapes |= {"b_ih": [3 * width], "b_hh": [3 * width]}
        self.decoder = nn.ParameterDict({n: nn.Parameter(torch.empty(s)) for n, s in shapes.items()})

    def forward(self, x, mask, told):
        pointer, cell = self.pointer, [self.decoder[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
        free = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        e = self.norm(x).masked_fill(~free[..., None], 0)
        d = e.sum(1) / free.sum(1, keepdim=True)
        if "end" in pointer:
            e = torch.cat([e, pointer["end"].expand(len(e), 1, -1)], 1)
            free = F.pad(free, (0, 1), value=True)
        keys, case = e @ pointer["w_key"].T, torch.arange(len(e), device=x.device)
        token, scores, positions = pointer["start"].expand_as(d), [], []
        for step in range(e.shape[1] if told is None else told.shape[1]):
            d = torch.gru_cell(token, d, *cell)
            u = torch.tanh(keys + (d @ pointer["w_query"].T)[:, None]) @ pointer["v"][0]
            scores.append(u.masked_fill(~free, -torch.inf))
            positions.append(scores[-1].argmax(1) if told is None else told[:, step])
            token, free = e[case, positions[-1]], free.scatter(1, positions[-1][:, None], False)
        return torch.stack(scores, 1), torch.stack(positions, 1)
