"""Runs every exported folder under a directory and prints, for each, whether it points where the definition points, and how far
its probabilities are from the definition's.

A folder holds what `export` writes and `expected.json`: series, and of each the probabilities and positions of an answer
that is told and of a free one.
"""

import json
import sys
import xml.etree.ElementTree
from pathlib import Path

import torch
from compare import from_the_shell, imported, padded


def answers(model, x, lengths, ends, told=None):
    """Probabilities of every case and its positions, without what padding adds."""
    scores, positions = model(x, lengths, told)
    for case, length in enumerate(lengths.tolist()):
        columns = [*range(length), *([x.shape[1]] if ends else [])]
        row = [length if at == x.shape[1] else at for at in positions[case].tolist()]
        yield scores[case][:, columns].softmax(1), row


def told_batch(expected):
    longest = max(len(positions) for _, positions in expected)
    return torch.tensor([positions + [0] * (longest - len(positions)) for _, positions in expected])


def difference(found, expected):
    """The largest difference of probabilities, and whether all positions agree."""
    worst, agree = 0.0, True
    for (probabilities, row), (rows, positions) in zip(found, expected, strict=True):
        rows = torch.tensor(rows, dtype=torch.float64)
        worst = max(worst, (probabilities[: len(rows)].double() - rows).abs().max().item())
        agree &= row[: len(positions)] == positions
    return worst, agree


@torch.enable_grad()
def slope_error(model, x, lengths, told):
    """How far the gradient is from a central difference along a random direction."""
    torch.manual_seed(0)
    parameters = list(model.parameters())
    directions = [torch.randn_like(p) for p in parameters]

    def value():
        scores, _ = model(x, lengths, told)
        return sum(scores[case, :length, :length].clamp(min=-1e3).sin().sum() for case, length in enumerate(lengths))

    slope = sum((g * d).sum() for g, d in zip(torch.autograd.grad(value(), parameters), directions))

    def at(shift):
        with torch.no_grad():
            for p, d in zip(parameters, directions):
                p += shift * d
            result = value()
            for p, d in zip(parameters, directions):
                p -= shift * d
        return result

    estimates = [(at(step) - at(-step)) / (2 * step) for step in (1e-6, 1e-8)]
    return min(((slope - estimate).abs() / (1e-3 + slope.abs())).item() for estimate in estimates)


def compared(folder):
    module, case = imported(folder), json.loads((folder / "expected.json").read_text())
    ends = json.loads((folder / "architecture.json").read_text())["pointer"]["ends"]
    xml.etree.ElementTree.parse(folder / "architecture.svg")
    errors, agree = {}, True
    told = told_batch(case["told"])
    for name, dtype in (("single", torch.float32), ("double", torch.float64)):
        model, errors[name] = module.load(folder, dtype), 0.0
        for garbage in (1e6, float("nan")):
            x, lengths = padded(case["series"], garbage, dtype)
            with torch.no_grad():
                of_told = difference(answers(model, x, lengths, ends, told), case["told"])
                free = difference(answers(model, x, lengths, ends), case["free"])
            errors[name] = max(errors[name], of_told[0], free[0])
            agree &= free[1]
    # Without the end.
    expected = [[at for at in positions if at < len(s)] for (_, positions), s in zip(case["free"], case["series"])]
    agree &= from_the_shell(folder, case["series"]) == expected
    x, lengths = padded(case["series"], float("nan"), torch.float64)
    return {"positions": agree, **errors, "slope": slope_error(model, x, lengths, told)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        print(json.dumps({"name": folder.name, **compared(folder)}), flush=True)
