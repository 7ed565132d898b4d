class Attention(nn.Module):
    """Multi-head attention: W_o · concat_h P(q_h k_hᵀ/√d_h) v_h, over all steps or over those up to t, of the whole
    sequence or of the group of a step. P is softmax, or entmax with α = 1.5 or 2 ("sparsemax"). Regrouped, every run has
    half as many groups as the one before it, of consecutive steps and strided in turn.

    Vaswani et al. 2017, arXiv 1706.03762; groups: Shen et al. 2021, arXiv 2111.05297; entmax: Peters et al. 2019,
    arXiv 1905.05702; rotary: Su et al. 2021, arXiv 2104.09864.
    """

    def __init__(self, width, *, alpha, causal, groups, heads, position, regroup, strided):
        super().__init__()
        self.alpha, self.causal, self.groups, self.strided = alpha, causal, groups, strided
        self.heads, self.position, self.regroup = heads, position, regroup
        self.w_q = nn.Parameter(torch.empty(width, width))
        self.w_k = nn.Parameter(torch.empty(width, width))
        self.w_v = nn.Parameter(torch.empty(width, width))
        self.w_o = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask, run=0):
        groups, strided = self.groups, self.strided
        if self.regroup:
            groups, strided = max(groups >> run, 1), strided != (run % 2 == 1)
        if groups == 1:
            return F.linear(self.attend(x, mask, torch.arange(x.shape[1], device=x.device)), self.w_o)
        batch, _, width = x.shape
        steps, real, places = self.slices(x, mask, groups, strided)
        parts = x.gather(1, steps.view(batch, -1, 1).expand(-1, -1, width)).view(*steps.shape, width)
        y = self.attend(parts, real, steps[:, None]).reshape(batch, -1, width)
        return F.linear(y.gather(1, places[..., None].expand(-1, -1, width)), self.w_o)

    def attend(self, x, mask, steps):
        q, k, v = (self.split(F.linear(x, w)) for w in (self.w_q, self.w_k, self.w_v))
        if self.position == "rotary":
            q, k = rotated(q, steps), rotated(k, steps)
        # Padding follows the real steps: a causal step never sees it.
        seen = None if mask is None or self.causal else mask[:, None, None, :]
        return self.mixed(q, k, v, seen).transpose(1, 2).flatten(2)

    def split(self, x):
        """batch × length × width to batch × heads × length × size."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def slices(self, x, mask, groups, strided):
        """The step at every place, (batch · groups) × steps of a group, where one without a step repeats the last;
        which places have a step, the first always; and the place of every step among those of its case.
        """
        batch, length, _ = x.shape
        t = torch.arange(length, device=x.device).expand(batch, -1)
        lengths = t[:, -1:] + 1 if mask is None else mask.sum(1, keepdim=True)
        row, group = t[:, None, : -(-length // groups)], t.new_tensor(range(groups))[:, None]
        if strided:
            steps, places = row * groups + group, t % groups * row.shape[2] + t // groups
        else:
            sizes = -(-lengths // groups)
            steps = torch.where(row < sizes[..., None], group * sizes[..., None] + row, length)
            places = t // sizes * row.shape[2] + t % sizes
        last = lengths[..., None] - 1
        real = (steps <= last) | (row == 0)
        places = places.clamp(max=groups * row.shape[2] - 1)
        return steps.minimum(last).flatten(0, 1), real.flatten(0, 1), places

    def mixed(self, q, k, v, seen):
        if self.alpha == "softmax":
            return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=self.causal)
        if self.causal:
            seen = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool, device=q.device).tril()
        scores = q @ k.mT * q.shape[-1] ** -0.5
        return self.shares(scores if seen is None else scores.masked_fill(~seen, -torch.inf)) @ v

    def shares(self, scores):
        """max((α − 1) z − τ, 0)^{1/(α−1)} over the last dimension, with the τ for which they sum to 1."""
        scale = 0.5 if self.alpha == "1.5" else 1.0
        # What is 1 below the largest score has no share; nothing is lost further down.
        z = ((scores - scores.detach().amax(-1, keepdim=True)) * scale).clamp(min=-2)
        above = (z - self.threshold(z)).clamp(min=0)
        return above if scale == 1 else above.square()

    def threshold(self, z):
        """From the k largest scores, with the largest k of which all are above it."""
        top = z.sort(-1, descending=True).values
        k = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
        total = top.cumsum(-1)
        if self.alpha == "sparsemax":
            count = (top * k > total - 1).sum(-1, keepdim=True)
            return (total.gather(-1, count - 1) - 1) / count
        mean = total / k
        rest = (1 - (top.square().cumsum(-1) - total * mean)) / k
        count = (mean - rest.detach().clamp(min=0).sqrt() <= top).sum(-1, keepdim=True)
        return mean.gather(-1, count - 1) - rest.gather(-1, count - 1).sqrt()
