"""Training steps a second: our training loop against the exported model.py, trained by PyTorch's fastest AdamW.

    tests/bench/steps [--rounds 9] [--seconds 0.3] [--stacks mlp gru] [--lengths 29]

One machine, one thread a side, batches of 32, width 32, one layer, 12 channels, 9 classes. On both sides a step is
forward, cross entropy, backward, gradients clipped to norm 1, AdamW; ours also picks and gathers its batch, and
reads loss and norm. Random series of full length, without masks; "padded": of 7 steps to all, with masks. The sides take turns, round by round, and medians count: a busy machine slows all alike.

Our workers run with settings that keep glibc from returning memory; PyTorch runs with and without them, and the
ratio is to the faster of the two.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# As in evaluator/src/sequence/command.rs.
KEEP_MEMORY = "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296"
STACKS = ["mlp", "attention", "gru", "mamba"]
OTHERS = ["s4d", "convolution", "glu"]
SHAPES = [(29, False), (29, True), (100, False)]
OPTIMIZERS = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}
BATCH, BATCHES, CHANNELS, CLASSES = 32, 8, 12, 9
LEAST = 1.3


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ours", help="the program of `cargo bench --bench steps`")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round, about")
    parser.add_argument("--stacks", nargs="*", default=STACKS + OTHERS)
    parser.add_argument("--lengths", nargs="*", type=int, default=[29, 100])
    parser.add_argument("--json", type=Path, help="where to write every round")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.peer)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([args.ours, "--export", folder], check=True)
        measure(args, folder)


def measure(args, folder):
    python = [sys.executable, __file__, args.ours, "--peer", folder]
    sides = {
        "ours": Side([args.ours, "--serve"], KEEP_MEMORY),
        "PyTorch": Side(python, None),
        "PyTorch, malloc": Side(python, KEEP_MEMORY),
    }
    print(f"{'steps a second':24} {'ours':>8} {'PyTorch':>8} {'+ malloc':>8} {'ratio':>6} {'CPU':>6}  AdamW")
    rows = []
    for length, padded in SHAPES:
        if length not in args.lengths:
            continue
        for stack in args.stacks:
            row = compare(args, sides, {"stack": stack, "length": length, "padded": padded})
            rows.append(row)
            show(row)
        rows_of_bar = [r for r in rows if (r["length"], r["padded"]) == (length, padded) and r["stack"] in STACKS]
        if len(rows_of_bar) == len(STACKS):
            ratio, cpu = (geometric_mean(r[k] for r in rows_of_bar) for k in ("ratio", "cpu"))
            bar = f"  at least {LEAST}" if (length, padded) == SHAPES[0] else ""
            print(f"{'geometric mean of four':24} {'':26} {ratio:6.2f} {cpu:6.2f}{bar}\n", flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


def compare(args, sides, workload):
    """Medians of rounds in turns. Each side runs as many steps as fill a round."""
    steps = {}
    for name, side in sides.items():
        side.round(workload, BATCHES)
        seconds = side.round(workload, 2 * BATCHES)["wall"]
        steps[name] = max(1, round(args.seconds / seconds * 2)) * BATCHES
    rounds = []
    for _ in range(args.rounds):
        taken = {name: side.round(workload, steps[name]) for name, side in sides.items()}
        rounds.append({n: {c: steps[n] / taken[n][c] for c in ("wall", "cpu")} for n in sides})
    rate = {n: {c: statistics.median(r[n][c] for r in rounds) for c in ("wall", "cpu")} for n in sides}
    peers = [name for name in sides if name != "ours"]
    # To each of the two round by round; the smaller median counts.
    ratio = {c: min(statistics.median(r["ours"][c] / r[p][c] for r in rounds) for p in peers) for c in ("wall", "cpu")}
    adamw = "/".join(sorted({sides[p].optimizer(workload) for p in peers}))
    return {**workload, "rate": rate, "ratio": ratio["wall"], "cpu": ratio["cpu"], "adamw": adamw, "rounds": rounds}


def show(row):
    name = f"{row['stack']}, {row['length']}" + (" padded" if row["padded"] else "")
    rates = " ".join(f"{row['rate'][side]['wall']:8.1f}" for side in ("ours", "PyTorch", "PyTorch, malloc"))
    print(f"{name:24} {rates} {row['ratio']:6.2f} {row['cpu']:6.2f}  {row['adamw']}", flush=True)


def geometric_mean(numbers):
    return math.exp(statistics.fmean(map(math.log, numbers)))


class Side:
    """A process that trains when it is told to."""

    def __init__(self, command, tunables):
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(threads, "1")}
        environment.pop("GLIBC_TUNABLES", None)
        if tunables:
            environment["GLIBC_TUNABLES"] = tunables
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.optimizers = {}

    def round(self, workload, steps):
        print(json.dumps({**workload, "steps": steps}), file=self.process.stdin, flush=True)
        wall, cpu, *optimizer = json.loads(self.process.stdout.readline())
        self.optimizers[json.dumps(workload)] = optimizer
        return {"wall": wall, "cpu": cpu}

    def optimizer(self, workload):
        return self.optimizers[json.dumps(workload)][0]


def peer(folder):
    """The side of PyTorch: reads rounds from stdin, answers with their seconds and with the optimizer."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    trainings = {}
    for line in sys.stdin:
        workload = json.loads(line)
        steps = workload.pop("steps")
        key = json.dumps(workload)
        if key not in trainings:
            trainings[key] = fastest([Training(folder, optimizer, **workload) for optimizer in OPTIMIZERS])
        training = trainings[key]
        print(json.dumps([*training.run(steps), training.name]), flush=True)


def fastest(trainings):
    for training in trainings:
        training.run(2 * BATCHES)
    # By processor time: what else the machine does shall not choose.
    times = [[training.run(BATCHES)[1] for training in trainings] for _ in range(7)]
    medians = [statistics.median(column) for column in zip(*times)]
    return trainings[medians.index(min(medians))]


class Training:
    """An exported model with an optimizer, on random series."""

    def __init__(self, folder, optimizer, stack, length, padded):
        import torch

        self.model = imported(folder / stack).load(folder / stack).train()
        self.name = optimizer
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-3, weight_decay=0.01, **OPTIMIZERS[optimizer]
        )
        torch.manual_seed(0)
        self.batches = []
        for _ in range(BATCHES):
            lengths = torch.randint(7, length + 1, (BATCH,))
            lengths[0] = length
            x, target = torch.randn(BATCH, length, CHANNELS), torch.randint(CLASSES, (BATCH,))
            self.batches.append((x, lengths if padded else None, target))

    def run(self, steps):
        import torch
        import torch.nn.functional as F

        model, optimizer, parameters = self.model, self.optimizer, list(self.model.parameters())
        wall, cpu = time.perf_counter(), time.process_time()
        for step in range(steps):
            x, lengths, target = self.batches[step % BATCHES]
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(x, lengths), target).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        return time.perf_counter() - wall, time.process_time() - cpu


def imported(folder):
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"exported_{folder.name}", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
