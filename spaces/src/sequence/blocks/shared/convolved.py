def convolved(x, mask, kernel):
    """y[t] = Σ_l kernel[:, l] ∘ x[t − l] by FFT, without what stands in padding."""
    if mask is not None:
        x = x.masked_fill(~mask[..., None], 0)
    length = x.shape[1]
    padded = fast_length(2 * length)
    spectrum = torch.fft.rfft(x.transpose(1, 2), n=padded) * torch.fft.rfft(kernel, n=padded)
    return torch.fft.irfft(spectrum, n=padded)[..., :length].transpose(1, 2)


def fast_length(n):
    """The next length without prime factors above 5, on which a transform is fast."""
    while pow(30, n.bit_length(), n):
        n += 1
    return n
