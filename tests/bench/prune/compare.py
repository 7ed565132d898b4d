"""Searches over a table with 300 columns of noise, with `--prune auto` and without, on the same rows and budget.

compare.py [SEEDS] [TRAININGS] [SCRATCH]: for each seed the best validation score of the whole table, after how many
trainings the pruned one had reached it, and what both are worth on the test rows.

Needs target/release/fecund and fecund-worker (FECUND names another fecund). The table is generated: 3,000 rows; 10 columns
tell (five numbers, five words of 3 to 20 values), 300 do not (100 numbers, 200 words of 2 to 1,000 values).
"""

import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FECUND = Path(os.environ.get("FECUND", HERE.parents[2] / "target" / "release" / "fecund"))
ROWS = 3000


def generated(file, seed):
    draw = random.Random(seed)
    values = [3, 5, 8, 12, 20]
    effects = [[draw.gauss(0, 1) for _ in range(count)] for count in values]
    noise = [int(math.exp(draw.uniform(math.log(2), math.log(1000)))) for _ in range(200)]
    names = [f"n{i}" for i in range(5)] + [f"w{i}" for i in range(5)]
    names += [f"noise_n{i}" for i in range(100)] + [f"noise_w{i}" for i in range(200)]
    order = list(range(len(names)))
    draw.shuffle(order)
    lines = [",".join([names[place] for place in order] + ["y"])]
    for _ in range(ROWS):
        n = [draw.gauss(0, 1) for _ in range(5)]
        w = [draw.randrange(count) for count in values]
        logit = n[0] + 0.8 * math.sin(2 * n[1]) + 0.7 * n[2] * n[2] - 0.7 + 0.5 * n[3] - 0.5 * n[4]
        logit += sum(0.7 * effect[value] for effect, value in zip(effects, w))
        cells = [f"{x:.4f}" for x in n] + [f"v{v}" for v in w]
        cells += [f"{draw.gauss(0, 1):.4f}" for _ in range(100)] + [f"v{draw.randrange(count)}" for count in noise]
        y = "yes" if draw.random() < 1 / (1 + math.exp(-logit)) else "no"
        lines.append(",".join([cells[place] for place in order] + [y]))
    file.write_text("\n".join(lines) + "\n")


def fecund(folder, *arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(FECUND), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def searched(folder, run, seed, trainings, *options):
    """Best score so far after every training, score on the test rows, columns kept, CPU seconds."""
    arguments = ["search", "--space", "mlp", "--data", "data.csv", "--target", "y", "--seed", seed, "--out", run]
    _, seconds = fecund(folder, *arguments, "--trainings", trainings, "--epochs", 8, "--jobs", 1, *options)
    history = json.loads(fecund(folder, "history", run, "--format", "json", "--every", 1)[0].stdout)
    best = {}
    for moment in history:
        best.setdefault(moment["trained"], moment["best"])
    tested = json.loads(fecund(folder, "test", run, "--format", "json")[0].stdout)
    study = (folder / run / "study.toml").read_text()
    line = next(line for line in study.splitlines() if line.startswith("columns = "))
    return best, tested[0]["auc"], len(json.loads(line.removeprefix("columns = "))), seconds


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    trainings = int(sys.argv[2]) if len(sys.argv) > 2 else 24
    scratch = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp())
    for seed in range(seeds):
        folder = scratch / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        generated(folder / "data.csv", seed)
        whole, whole_test, _, whole_seconds = searched(folder, "whole", seed, trainings)
        pruned, pruned_test, kept, seconds = searched(folder, "pruned", seed, trainings, "--prune", "auto")
        target = max(score for score in whole.values() if score is not None)
        needed = min(trained for trained, score in whole.items() if score is not None and score >= target)
        reached = [trained for trained, score in pruned.items() if score is not None and score >= target]
        best = max(score for score in pruned.values() if score is not None)
        print(
            f"seed {seed}: whole table auc {target:.4f} after {needed} of {trainings} trainings, test {whole_test:.4f}, "
            f"{whole_seconds:.0f} CPU s; {kept} columns kept: as good after {min(reached) if reached else 'more'} "
            f"trainings, best {best:.4f}, test {pruned_test:.4f}, {seconds:.0f} CPU s",
            flush=True,
        )


main()
