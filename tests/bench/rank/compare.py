"""Rankings by `fecund rank` and by OutRank 0.97.5 on the same generated tables, in one run.

compare.py weak [SEEDS] [SCRATCH]: of 30 relevant columns among 300, how many are among the first 30.
compare.py cost [SCRATCH]: CPU seconds and peak memory on 100,000 rows of 100 columns, side by side.

Needs target/release/fecund. OutRank is installed into SCRATCH (default: a folder for temporary files), with the
versions on which it still starts.
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

PEER = ["outrank==0.97.5", "numpy==2.2.6", "pandas==2.3.3", "xxhash==3.8.2"]
HERE = Path(__file__).resolve().parent
FECUND = HERE.parents[2] / "target" / "release" / "fecund"
RELEVANT = 30


def installed(scratch):
    place = scratch / "outrank-0.97.5"
    if not (place / "bin" / "outrank").exists():
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", *PEER], check=True)
    return place / "bin"


def generated(binaries, scratch, setting, seed, rows):
    folder = scratch / f"{setting}-{seed}-{rows}"
    folder.mkdir(exist_ok=True)
    file = folder / "data.csv"
    if not file.exists():
        subprocess.run(
            [binaries / "python", HERE / "generate.py", setting, str(seed), str(rows), file], check=True
        )
    return file


def memory(root):
    """Resident bytes of a process and all that it started."""
    parents, resident = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            resident[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(resident.get(pid, 0) for pid in family)


def measured(command, folder):
    """CPU seconds, seconds and peak bytes (summed over the family, looked at 50 times a second)."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    environment = {**os.environ, "PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        [str(part) for part in command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    peak = [0]

    def watch():
        while process.poll() is None:
            peak[0] = max(peak[0], memory(process.pid))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, errors = process.communicate()
    watcher.join()
    if process.returncode != 0:
        sys.exit(f"{command[0]}: {errors.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return output.decode(), cpu, time.time() - started, peak[0]


def peer(binaries, file, heuristic):
    out = file.parent / f"out-{heuristic}"
    command = [binaries / "outrank", "--task", "ranking", "--data_path", file.parent, "--data_source", "csv-raw"]
    command += ["--heuristic", heuristic, "--subsampling", "1", "--num_threads", "2", "--disable_tqdm", "True"]
    command += ["--label_column", "label", "--output_folder", out, "--target_ranking_only", "True"]
    command += ["--combination_number_upper_bound", "2048"]
    _, *costs = measured(command, file.parent)
    lines = [line.split("\t") for line in (out / "pairwise_ranks.tsv").read_text().splitlines()[1:]]
    scores = {a.split("-(")[0]: float(score) for a, b, score in lines if b.startswith("label") and a != b}
    return sorted(scores, key=scores.get, reverse=True), costs


def ours(file, *options):
    command = [FECUND, "rank", file, "--target", "label", "--format", "csv", *options]
    text, *costs = measured(command, file.parent)
    header, *rows = text.splitlines()
    place = header.split(",").index("feature")
    return [row.split(",")[place] for row in rows], costs


def hits(order):
    return sum(name.startswith("rel_") for name in order[:RELEVANT])


def weak(seeds, scratch):
    binaries = installed(scratch)
    found = {}
    for seed in range(seeds):
        file = generated(binaries, scratch, "weak", seed, 16_384)
        runs = {f"fecund {name}": ours(file, "--statistic", name)[0] for name in ["ami", "z", "excess", "mi"]}
        runs |= {f"outrank {name}": peer(binaries, file, name)[0] for name in ["MI-numba-randomized", "AMI"]}
        for name, order in runs.items():
            found.setdefault(name, []).append(hits(order))
        print(seed, {name: counts[-1] for name, counts in found.items()}, flush=True)
    for name, counts in found.items():
        print(f"{name}: mean {sum(counts) / len(counts):.1f}, {min(counts)} to {max(counts)}")


def cost(scratch):
    binaries = installed(scratch)
    file = generated(binaries, scratch, "mixed", 0, 100_000)
    print(f"{file.stat().st_size / 1e6:.1f} MB")
    for repeat in range(3):
        order, (cpu, seconds, peak) = ours(file)
        print(f"fecund: {cpu:.2f} CPU s, {seconds:.2f} s, {peak / 1e6:.0f} MB, {hits_of(order)}", flush=True)
    for heuristic in ["MI-numba-randomized"]:
        order, (cpu, seconds, peak) = peer(binaries, file, heuristic)
        print(f"outrank {heuristic}: {cpu:.1f} CPU s, {seconds:.1f} s, {peak / 1e6:.0f} MB, {hits_of(order)}")


def hits_of(order):
    return f"{sum(name.startswith('rel_') for name in order[:12])} of 12 relevant columns first"


def main():
    setting = sys.argv[1] if len(sys.argv) > 1 else ""
    rest = sys.argv[2:]
    if setting == "weak":
        seeds = int(rest.pop(0)) if rest else 10
        run = lambda scratch: weak(seeds, scratch)
    elif setting == "cost":
        run = cost
    else:
        sys.exit(__doc__)
    if rest:
        Path(rest[0]).mkdir(parents=True, exist_ok=True)
        run(Path(rest[0]).resolve())
    else:
        with tempfile.TemporaryDirectory() as scratch:
            run(Path(scratch))


main()
