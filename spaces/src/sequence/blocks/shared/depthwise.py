def depthwise(x, mask, w, b, *, dilation, ahead):
    """b[d] + Σ_j w[d, j] · x[t − (j − ahead)·dilation, d]. As a two-dimensional convolution, several times faster than
    conv1d on a CPU.
    """
    width, kernel = w.shape
    if ahead and mask is not None:
        x = x.masked_fill(~mask[..., None], 0)
    past, future = (kernel - 1 - ahead) * dilation, ahead * dilation
    rows = F.pad(x, (0, 0, past, future)).transpose(1, 2).unsqueeze(2)
    y = F.conv2d(rows, w.flip(1)[:, None, None, :], b, groups=width, dilation=(1, dilation))
    return y.squeeze(2).transpose(1, 2)
