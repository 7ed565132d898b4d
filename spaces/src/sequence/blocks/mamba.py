class Mamba(nn.Module):
    """Selective state space (Mamba-1): (u, z) = W_in x; u ← silu(conv(u)); (δ, B, C) = W_x u;
    Δ = softplus(W_dt δ + b_dt); h_t = e^{Δ_t A} ∘ h_{t−1} + Δ_t B_t u_t; v_t = ⟨C_t, h_t⟩ + D u_t;
    y = W_out (v ∘ silu(z)). The input is scaled by Δ ("euler") or by (e^{ΔA} − 1)/A ("zoh").

    Gu and Dao 2023, arXiv 2312.00752.
    """

    def __init__(self, width, *, discretization, state):
        super().__init__()
        inner, rank, kernel = 2 * width, -(-width // 16), 4
        self.discretization, self.sizes = discretization, (rank, state, state)
        self.w_in = nn.Parameter(torch.empty(2 * inner, width))
        self.w_conv = nn.Parameter(torch.empty(inner, kernel))
        self.b_conv = nn.Parameter(torch.empty(inner))
        self.w_x = nn.Parameter(torch.empty(rank + 2 * state, inner))
        self.w_dt = nn.Parameter(torch.empty(inner, rank))
        self.b_dt = nn.Parameter(torch.empty(inner))
        self.log_a = nn.Parameter(torch.empty(inner, state))
        self.d = nn.Parameter(torch.empty(inner))
        self.w_out = nn.Parameter(torch.empty(width, inner))

    def forward(self, x, mask):
        u, z = F.linear(x, self.w_in).chunk(2, dim=-1)
        u = F.silu(self.convolve(u))
        low, b, c = F.linear(u, self.w_x).split(self.sizes, dim=-1)
        step = F.softplus(F.linear(low, self.w_dt, self.b_dt))
        h = linear_scan(*self.recurrence(step, u, b))
        v = (c[:, :, None, :] @ h).squeeze(2) + self.d * u
        return F.linear(v * F.silu(z), self.w_out)

    def recurrence(self, step, u, b):
        """e^{ΔA} and what each step adds to the state, batch × length × state × inner: long rows are fast."""
        a = -self.log_a.exp().T.contiguous()
        if self.discretization == "zoh":
            change = torch.expm1(step[:, :, None, :] * a)
            return change + 1, change / a * (b[..., None] * u[:, :, None, :])
        return torch.exp(step[:, :, None, :] * a), b[..., None] * (step * u)[:, :, None, :]

    def convolve(self, u):
        """Causal and depthwise; column j of w_conv looks j steps back. As conv2d: faster than conv1d on a CPU."""
        inner, kernel = self.w_conv.shape
        past = F.pad(u, (0, 0, kernel - 1, 0)).transpose(1, 2).unsqueeze(2)
        y = F.conv2d(past, self.w_conv.flip(1)[:, None, None, :], self.b_conv, groups=inner)
        return y.squeeze(2).transpose(1, 2)


def linear_scan(a, b):
    """h[:, t] = a[:, t] ∘ h[:, t − 1] + b[:, t], from h = 0."""
    return StepScan.apply(a, b) if a.device.type == "cpu" else chunk_scan(a, b)


class StepScan(torch.autograd.Function):
    """Step by step, in place, with its own backward pass: on a CPU, moving memory is what costs."""

    @staticmethod
    def forward(ctx, a, b):
        h = b.clone()
        StepScan.run(a.unbind(1)[1:], h.unbind(1))
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        a, h = ctx.saved_tensors
        grad = grad.clone()
        StepScan.run(a.unbind(1)[:0:-1], grad.unbind(1)[::-1])
        grad_a = torch.zeros_like(a)
        torch.mul(grad[:, 1:], h[:, :-1], out=grad_a[:, 1:])
        return grad_a, grad

    @staticmethod
    def run(decays, states):
        for decay, before, after in zip(decays, states, states[1:]):
            after.addcmul_(decay, before)


def chunk_scan(a, b, chunk=32):
    """In two levels: the steps of all chunks side by side, the ends of the chunks, then what each chunk inherits."""
    batch, length, *rest = a.shape
    padding = (0, 0) * len(rest) + (0, -length % chunk)
    a, b = (F.pad(x, padding).view(batch, -1, chunk, *rest) for x in (a, b))
    states, products = [b[:, :, 0]], [a[:, :, 0]]
    for decay, added in zip(a.unbind(2)[1:], b.unbind(2)[1:]):
        states.append(torch.addcmul(added, decay, states[-1]))
        products.append(decay * products[-1])
    inherited = [torch.zeros_like(states[-1][:, 0])]
    for product, state in zip(products[-1].unbind(1)[:-1], states[-1].unbind(1)[:-1]):
        inherited.append(torch.addcmul(state, product, inherited[-1]))
    carry = torch.stack(inherited, 1)[:, :, None]
    return torch.addcmul(torch.stack(states, 2), torch.stack(products, 2), carry).flatten(1, 2)[:, :length]
