class CorrectedBranch(Branch):
    """Every run of the layer adds B A of its own, of a low rank, to the matrices that all of its runs share."""

    def __init__(self, norm, mixer, *, corrected, rank, runs, **options):
        super().__init__(norm, mixer, **options)
        for name in ["mixer"] if self.reverse is None else ["mixer", "reverse"]:
            shapes = {matrix: getattr(getattr(self, name), matrix).shape for matrix in corrected}
            down = {m: nn.Parameter(torch.empty(runs, rank, inputs)) for m, (_, inputs) in shapes.items()}
            up = {m: nn.Parameter(torch.empty(runs, outputs, rank)) for m, (outputs, _) in shapes.items()}
            setattr(self, name + "_down", nn.ParameterDict(down))
            setattr(self, name + "_up", nn.ParameterDict(up))

    def mix(self, name, x, mask, run):
        mixer, down, up = (getattr(self, name + part) for part in ("", "_down", "_up"))
        matrices = {matrix: getattr(mixer, matrix) + up[matrix][run] @ a[run] for matrix, a in down.items()}
        return torch.func.functional_call(mixer, matrices, (x, mask))
