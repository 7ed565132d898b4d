class CorrectedSnakeBranch(SnakeBranch, CorrectedBranch):
    """Along snakes, with corrections of every run."""
