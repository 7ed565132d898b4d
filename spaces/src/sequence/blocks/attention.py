class Attention(nn.Module):
    """Multi-head attention: W_o · concat_h softmax(q_h k_hᵀ/√d_h) v_h, over all steps or over those up to t.

    Vaswani et al. 2017, arXiv 1706.03762.
    """

    def __init__(self, width, *, causal, heads):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.w_q = nn.Parameter(torch.empty(width, width))
        self.w_k = nn.Parameter(torch.empty(width, width))
        self.w_v = nn.Parameter(torch.empty(width, width))
        self.w_o = nn.Parameter(torch.empty(width, width))

    def forward(self, x, mask):
        q, k, v = (self.split(F.linear(x, w)) for w in (self.w_q, self.w_k, self.w_v))
        # Padding follows the real steps: a causal step never sees it.
        seen = None if mask is None or self.causal else mask[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=self.causal)
        return F.linear(y.transpose(1, 2).flatten(2), self.w_o)

    def split(self, x):
        """batch × length × width to batch × heads × length × size."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)
