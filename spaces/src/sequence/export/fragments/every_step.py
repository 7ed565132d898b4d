def pool(x, mask):
    """Every step by itself."""
    return x
