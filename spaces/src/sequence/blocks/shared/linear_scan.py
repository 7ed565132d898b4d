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
