"""Runs every exported folder under a directory and prints, for each, how far its logits are from the definition's.

A folder holds what `export` writes and `expected.json`: series, and the logits that they should have.
"""

import importlib.util
import io
import json
import runpy
import sys
import xml.etree.ElementTree
from contextlib import redirect_stdout
from pathlib import Path

import torch


def imported(folder):
    spec = importlib.util.spec_from_file_location("exported", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def padded(series, garbage, dtype):
    """One batch, longer than its longest series, with garbage behind the last steps."""
    longest = max(map(len, series)) + 3
    x = torch.full((len(series), longest, len(series[0][0])), garbage, dtype=dtype)
    for row, steps in zip(x, series):
        row[: len(steps)] = torch.tensor(steps, dtype=dtype)
    return x, torch.tensor([len(steps) for steps in series])


def difference(logits, expected):
    """The largest difference relative to the largest logit."""
    if not logits.isfinite().all():
        return float("inf")
    return ((logits.double() - expected).abs().max() / expected.abs().max()).item()


@torch.enable_grad()
def slope_error(model, x, lengths):
    """How far the gradient is from a central difference along a random direction. Of two steps the better: kinks (of
    relu, maxima, top experts) that lie within the wider one rarely lie within the narrower.
    """
    torch.manual_seed(0)
    parameters = list(model.parameters())
    directions = [torch.randn_like(p) for p in parameters]
    weights = torch.randn_like(model(x, lengths))
    # What belongs to a depth that no step takes has no gradient: the slope along it is zero.
    gradients = torch.autograd.grad((model(x, lengths) * weights).sum(), parameters, allow_unused=True)
    slope = sum((g * d).sum() for g, d in zip(gradients, directions) if g is not None)

    def at(shift):
        with torch.no_grad():
            for p, d in zip(parameters, directions):
                p += shift * d
            value = (model(x, lengths) * weights).sum()
            for p, d in zip(parameters, directions):
                p -= shift * d
        return value

    estimates = [(at(step) - at(-step)) / (2 * step) for step in (1e-6, 1e-8)]
    return min(((slope - estimate).abs() / (1e-3 + slope.abs())).item() for estimate in estimates)


def chunk_error(module):
    """The scan for GPUs against the one for CPUs, with decays of 0 and below."""
    if not hasattr(module, "chunk_scan"):
        return 0.0
    a, b = (torch.randn(2, 75, 3, 2, dtype=torch.float64) for _ in range(2))
    a[:, 5] = 0
    return difference(module.chunk_scan(a, b), module.linear_scan(a, b))


def from_the_shell(folder, series):
    """What `python model.py` prints for the series on its standard input."""
    sys.stdin, printed = io.StringIO(json.dumps(series)), io.StringIO()
    sys.stdin.isatty = lambda: False
    with redirect_stdout(printed):
        runpy.run_path(str(folder / "model.py"), run_name="__main__")
    return json.loads(printed.getvalue())


def compared(folder):
    module, case = imported(folder), json.loads((folder / "expected.json").read_text())
    series, expected = case["series"], torch.tensor(case["logits"], dtype=torch.float64)
    xml.etree.ElementTree.parse(folder / "architecture.svg")
    assert module.CLASSES == json.loads((folder / "architecture.json").read_text())["classes"]
    single, double = module.load(folder), module.load(folder, torch.float64)
    # Single precision has seven digits of the largest logit.
    size = max(1.0, expected.abs().max().item())
    with torch.no_grad():
        alone = [double(torch.tensor([steps], dtype=torch.float64)) for steps in series]
        garbage = [double(*padded(series, garbage, torch.float64)) for garbage in (1e6, float("nan"))]
        return {
            "single": difference(single(*padded(series, 1e6, torch.float32)), expected) / size,
            "double": max(difference(logits, expected) for logits in [torch.cat(alone), *garbage]),
            "shell": difference(torch.tensor(from_the_shell(folder, series), dtype=torch.float64), expected) / size,
            "chunks": chunk_error(module),
            "slope": slope_error(double, *padded(series, float("nan"), torch.float64)),
        }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        print(json.dumps({"name": folder.name, **compared(folder)}), flush=True)
