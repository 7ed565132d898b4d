def steps_of(x):
    """Steps with the tokens of all of their channels in a row, of tokens."""
    return x.unflatten(1, (-1, CHANNELS)).flatten(2)


def tokens_of(x):
    """Tokens, of steps with the tokens of all of their channels in a row."""
    return x.unflatten(2, (CHANNELS, -1)).flatten(1, 2)


def mask_of_steps(mask):
    """Which steps are real, of which tokens are."""
    return None if mask is None else mask[:, ::CHANNELS]
