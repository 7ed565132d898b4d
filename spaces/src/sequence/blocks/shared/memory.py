def with_memory(u, mask, w_1, b_1, w_2, w_memory, *, dilation, ahead):
    """p[t] + Σ_j w_memory[j] ∘ p[t − (j − ahead)·dilation], p = W_2 relu(W_1 u + b_1)."""
    p = F.linear(F.relu(F.linear(u, w_1, b_1)), w_2)
    return p + depthwise(p, mask, w_memory, None, dilation=dilation, ahead=ahead)
