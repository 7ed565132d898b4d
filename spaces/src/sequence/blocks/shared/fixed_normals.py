def fixed_normals(rows, columns):
    """Nearly standard normal numbers that depend on their place alone: (ones − 32)/4 among 64 bits of
    SplitMix64."""

    def number(place):
        z = (place + 1) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return bin(z ^ z >> 31).count("1") / 4 - 8

    return torch.tensor([[number(row << 32 | column) for column in range(columns)] for row in range(rows)])
