"""Training steps per second of an exported model in PyTorch, on one CPU thread: the peer of our own training.

    python tests/bench/pytorch_steps.py FOLDER --batch 32 --length 29 --steps 200

Random series of full length; cross entropy, gradients clipped to norm 1, AdamW. Of the implementations of AdamW in
PyTorch the fastest is reported. Prints JSON; `--compile` measures the model under torch.compile too.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

OPTIMIZERS = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="what `fecund export` wrote; weights are drawn if there are none"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=29)
    parser.add_argument(
        "--channels", type=int, help="default: those of the model; another number is an error"
    )
    parser.add_argument("--classes", type=int, help="default: those of the model; another number is an error")
    parser.add_argument("--steps", type=int, default=100, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=5, help="the median round counts")
    parser.add_argument("--warmup", type=int, default=10, help="steps before the first round, not measured")
    parser.add_argument(
        "--compile", action="store_true", help="also with torch.compile (needs a C++ compiler)"
    )
    return parser.parse_args()


def imported(folder):
    spec = importlib.util.spec_from_file_location("exported", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fresh_model(folder):
    """In training mode, with the exported weights or small random ones."""
    module = imported(folder)
    if (folder / "model.safetensors").exists():
        return module.load(folder).train()
    model = module.Model()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.train()


def check(args, model):
    weights = model.state_dict()
    found = {
        "channels": weights["embedding.linear.weight"].shape[1],
        "classes": len(weights["head.linear.bias"]),
    }
    for name, number in found.items():
        if getattr(args, name) not in (None, number):
            sys.exit(f"error: the model has {number} {name}, not {getattr(args, name)}")
        setattr(args, name, number)


def batches(args, count=8):
    torch.manual_seed(0)
    inputs = torch.randn(count, args.batch, args.length, args.channels)
    targets = torch.randint(args.classes, (count, args.batch))
    return list(zip(inputs, targets))


def train(model, optimizer, data, steps):
    for step in range(steps):
        x, target = data[step % len(data)]
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), target).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


class Contender:
    """A model with its optimizer, and how fast each round was."""

    def __init__(self, args, data, settings, compiled):
        model = fresh_model(args.folder)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, **settings)
        self.model = torch.compile(model) if compiled else model
        self.data, self.rates = data, []
        train(self.model, self.optimizer, data, args.warmup)

    def round(self, steps):
        start = time.perf_counter()
        train(self.model, self.optimizer, self.data, steps)
        self.rates.append(steps / (time.perf_counter() - start))

    def rate(self):
        return statistics.median(self.rates)


def measure(args, data, compiled):
    """The rounds of the contenders take turns, so that a busy machine slows all alike."""
    contenders = {name: Contender(args, data, settings, compiled) for name, settings in OPTIMIZERS.items()}
    for _ in range(args.rounds):
        for contender in contenders.values():
            contender.round(args.steps)
    best = max(contenders, key=lambda name: contenders[name].rate())
    return {
        "steps_per_second": round(contenders[best].rate(), 2),
        "optimizer": best,
        "rounds": [round(rate, 2) for rate in contenders[best].rates],
        "by_optimizer": {name: round(contender.rate(), 2) for name, contender in contenders.items()},
    }


def main():
    args = arguments()
    torch.set_num_threads(1)
    check(args, fresh_model(args.folder))
    data = batches(args)
    shape = {name: getattr(args, name) for name in ("batch", "length", "channels", "classes", "steps")}
    result = {"torch": torch.__version__, **shape, **measure(args, data, compiled=False)}
    if args.compile:
        result["compiled"] = measure(args, data, compiled=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
