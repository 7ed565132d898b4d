"""Tables for measuring rankings: `generate.py weak|mixed|clicks SEED ROWS FILE` writes a CSV file. Needs numpy.

weak: 300 columns of 2 to 10,000 values, even or by Zipf's law; 30 of them tell a little about the label.
mixed: 100 columns of 2 to 50,000 values, 12 of which tell; a tenth of the labels is 1.
clicks: 40 columns as in logs of clicks: 26 codes of up to a million values, 13 amounts with gaps, and the label.
"""

import sys

import numpy

# Deviation of the effects of values on the logit, the same for each relevant column; fixed once, so that adjusted
# mutual information finds 22 to 27 of the 30.
WEAK_EFFECT = 0.24
MIXED_EFFECT = 0.45
CHUNK = 100_000


def codes(rng, rows, values, even):
    if even:
        return rng.integers(0, values, rows)
    weights = 1.0 / numpy.arange(1, values + 1)
    return numpy.searchsorted(numpy.cumsum(weights / weights.sum()), rng.random(rows)).clip(0, values - 1)


def coded(rng, rows, columns, relevant, most, effect, share):
    """Columns by name, in an order that says nothing, and the label."""
    cardinalities = numpy.exp(rng.uniform(numpy.log(2), numpy.log(most), columns)).round().astype(int).clip(2)
    table, logit = [], numpy.zeros(rows)
    for number, values in enumerate(cardinalities):
        column = codes(rng, rows, values, number % 2 == 0)
        tells = number < relevant
        if tells:
            effects = rng.normal(0.0, 1.0, values)
            here = effects[column]
            logit += effect * (here - here.mean()) / max(here.std(), 1e-9)
        table.append((f"{'rel' if tells else 'noise'}_{number}_c{values}", column))
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + numpy.exp(-logit - middle))).mean() < share else (low, middle)
    label = (rng.random(rows) < 1 / (1 + numpy.exp(-logit - low))).astype(int)
    order = rng.permutation(columns)
    return [table[place] for place in order], label


def write(file, table, label):
    with open(file, "w") as out:
        out.write(",".join(name for name, _ in table) + ",label\n")
        columns = [column.astype(str) for _, column in table] + [label.astype(str)]
        out.writelines(",".join(row) + "\n" for row in zip(*columns))


def clicks(rng, rows, file):
    cardinalities = [int(10 ** (0.3 + 5.7 * place / 25)) for place in range(26)]
    with open(file, "w") as out:
        out.write(",".join([f"n{n}" for n in range(13)] + [f"c{n}" for n in range(26)] + ["label"]) + "\n")
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            label = rng.random(count) < 0.2
            columns = []
            for number in range(13):
                amount = numpy.exp(rng.normal(2 + 0.02 * number * label, 1.5)).astype(int).astype(str)
                columns.append(numpy.where(rng.random(count) < 0.03 * number, "", amount))
            for values in cardinalities:
                code = (rng.random(count) ** 3 * values).astype(numpy.int64)
                columns.append(numpy.char.mod("%08x", (code * 2654435761) % 2**32))
            columns.append(label.astype(int).astype(str))
            out.writelines(",".join(row) + "\n" for row in zip(*columns))


def main():
    setting, seed, rows, file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    rng = numpy.random.default_rng(seed)
    if setting == "weak":
        write(file, *coded(rng, rows, 300, 30, 10_000, WEAK_EFFECT, 0.48))
    elif setting == "mixed":
        write(file, *coded(rng, rows, 100, 12, 50_000, MIXED_EFFECT, 0.1))
    elif setting == "clicks":
        clicks(rng, rows, file)
    else:
        sys.exit(f"no setting {setting}; known: weak, mixed, clicks")


main()
