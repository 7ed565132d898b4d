//! A perceptron as PyTorch code, with what its folder says of it.

use super::{Activation, Network, Norm};

/// The network, and how it reads rows of a table: needs `torch` and `safetensors`, `model.safetensors` and
/// `preprocessing.json` beside it.
pub fn model_py(network: &Network) -> String {
    let genome = &network.genome;
    let activation = match genome.activation {
        Activation::Relu => "torch.relu",
        Activation::Gelu => "F.gelu",
        Activation::Silu => "F.silu",
        Activation::Tanh => "torch.tanh",
    };
    let (normed, norm) = match genome.norm {
        Norm::None => ("F.linear(x, self.weight, self.bias)", ""),
        Norm::Layer => {
            ("self.norm(F.linear(x, self.weight, self.bias))", "        self.norm = Norm(outputs)\n")
        }
    };
    let norm_class = match genome.norm {
        Norm::None => "",
        Norm::Layer => NORM,
    };
    let sum = if genome.residual { "y + x if i > 0 else y" } else { "y" };
    let summary = genome.summary();
    let (depth, width, size, outputs) = (genome.depth, genome.width, genome.embedding, network.shape.outputs);
    format!(
        r#""""A perceptron over the columns of a table: {summary}.

Needs torch and safetensors. `python model.py TABLE.csv` prints what it says of every row.
"""

{IMPORTS}

HERE = Path(__file__).parent
PREPROCESSING = json.loads((HERE / "preprocessing.json").read_text("utf-8"))
COLUMNS = PREPROCESSING["columns"]
CLASSES = PREPROCESSING["classes"]  # Empty where the answer is a number.
NUMBERS = [column for column in COLUMNS if "mean" in column]
FLAGGED = [column for column in NUMBERS if column["flag"]]
CATEGORIES = [column for column in COLUMNS if "words" in column]
DEPTH, WIDTH, EMBEDDING, OUTPUTS = {depth}, {width}, {size}, {outputs}

{norm_class}
class Hidden(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
{norm}
    def forward(self, x):
        return {activation}({normed})


class Embedding(nn.Module):
    """One table; every category has rows of its own, the first of which are for words never seen and for missing ones."""

    def __init__(self):
        super().__init__()
        values = [len(column["words"]) + 2 for column in CATEGORIES]
        self.offsets = [sum(values[:i]) for i in range(len(values))]
        self.table = nn.Parameter(torch.empty(sum(values), EMBEDDING))

    def forward(self, codes):
        places = codes + torch.tensor(self.offsets, device=codes.device)
        return self.table[places].flatten(1)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        inputs = len(NUMBERS) + len(FLAGGED) + len(CATEGORIES) * EMBEDDING
        self.embedding = Embedding() if CATEGORIES else None
        sizes = [inputs] + [WIDTH] * DEPTH
        self.layers = nn.ModuleList(Hidden(*pair) for pair in zip(sizes, sizes[1:]))
        self.head = nn.Linear(sizes[-1], OUTPUTS)

    def forward(self, numbers, codes):
        """Logits of the classes, or the standardized number: rows × outputs."""
        x = torch.cat([numbers, self.embedding(codes)], 1) if CATEGORIES else numbers
        for i, layer in enumerate(self.layers):
            y = layer(x)
            x = {sum}
        return self.head(x)

{READING}"#
    )
}

const IMPORTS: &str = r#"import csv
import datetime
import gzip
import json
import math
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F"#;

const NORM: &str = r#"
class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.layer_norm(x, self.gain.shape, self.gain, self.bias, 1e-5)

"#;

const READING: &str = r#"
def load(folder=HERE):
    model = Mlp()
    model.load_state_dict(load_file(str(Path(folder) / "model.safetensors")))
    return model.eval()


def number(text):
    """The number that a cell writes, or None."""
    text = text.strip(" \t\n\r\f")
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        value = float(text)
        return value if math.isfinite(value) else None
    return None


CLOCK = r"(?:[ T]([0-9]{1,9}):([0-9]{1,9})(?::([0-9.]+))?(Z|([+-])([0-9]{2}):?([0-9]{2})?)?)?"


def date(text):
    """Seconds since 1970-01-01 of a day or moment such as 2024-05-31T13:45:10.5+02:00, or None."""
    found = re.fullmatch(r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})" + CLOCK, text.strip(" \t\n\r\f"))
    if not found:
        return None
    year, _, month, day, hours, minutes, seconds, _, sign, zone_hours, zone_minutes = found.groups()
    try:
        days = datetime.date(int(year), int(month), int(day)).toordinal() - 719163
    except ValueError:
        return None
    clock = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
    zone = (int(zone_hours or 0) * 60 + int(zone_minutes or 0)) * 60
    return days * 86400.0 + clock - (-zone if sign == "-" else zone)


def is_missing(cell):
    return cell is None or cell == "" or cell in PREPROCESSING["missing"]


def value_of(column, cell):
    """The number in a cell, or None where it is not known. Cells may be text or numbers."""
    if isinstance(cell, (int, float)):
        return float(cell) if math.isfinite(cell) else None
    if is_missing(cell):
        return None
    return date(cell) if column["type"] == "date" else number(cell)


def encode(rows):
    """Inputs of rows, each a dict of cells by the name of their column."""
    numbers, flags, codes = [], [], []
    for column in NUMBERS:
        values = [value_of(column, row.get(column["name"])) for row in rows]
        standard = [0.0 if value is None else (value - column["mean"]) / column["scale"] for value in values]
        numbers.append([min(max(value, -PREPROCESSING["largest"]), PREPROCESSING["largest"]) for value in standard])
        if column["flag"]:
            flags.append([float(value is None) for value in values])
    for column in CATEGORIES:
        places = {word: place + 2 for place, word in enumerate(column["words"])}
        cells = [row.get(column["name"]) for row in rows]
        codes.append([1 if is_missing(cell) else places.get(str(cell), 0) for cell in cells])
    by_row = lambda columns, kind: torch.tensor(columns, dtype=kind).reshape(len(columns), len(rows)).T
    return by_row(numbers + flags, torch.float32), by_row(codes, torch.long)


def answers(model, rows):
    """Probabilities of CLASSES, rows × classes; or numbers, in the unit of the target."""
    with torch.no_grad():
        said = model(*encode(rows)).double()
    if CLASSES:
        return said.softmax(1).tolist()
    return (said[:, 0] * PREPROCESSING["scale"] + PREPROCESSING["mean"]).tolist()


def read(path):
    """Rows of a file with a header, as dicts."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=PREPROCESSING["delimiter"]))


def main():
    said = answers(load(), read(sys.argv[1]))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["class", *(f"p({name})" for name in CLASSES)] if CLASSES else ["predicted"])
    for answer in said:
        writer.writerow([CLASSES[answer.index(max(answer))], *answer] if CLASSES else [answer])


if __name__ == "__main__":
    main()
"#;

/// `README.md` of the folder. Scores are names and values, `command` made the folder.
pub fn readme(
    network: &Network,
    title: &str,
    scores: &[(String, String)],
    dropped: &[String],
    command: &str,
) -> String {
    let row = |(name, value): &(String, String)| format!("| {} | {} |\n", escaped(name), escaped(value));
    let scores: String = scores.iter().map(row).collect();
    let sizes = format!(
        "| network | {} |\n| parameters | {} |\n| multiply-adds of a row | {} |\n",
        network.genome.summary().replace('|', "\\|"),
        network.parameters(),
        network.multiply_adds()
    );
    let dropped = match dropped {
        [] => String::new(),
        names => format!(
            "\nColumns that were pruned, and are not read: {}.\n",
            names.iter().map(|name| escaped(name)).collect::<Vec<_>>().join(", ")
        ),
    };
    let fence = "`".repeat(3 + command.matches('`').count());
    format!(
        r#"# {title}

| | |
|---|---|
{scores}{sizes}
## Use

Needs Python with `torch` and `safetensors`. `python model.py TABLE.csv` prints what the network says of every row of a file
with a header; or, in this folder:

```python
import model

net = model.load()
rows = model.read("TABLE.csv")        # or a list of dicts, by the names of the columns
answers = model.answers(net, rows)    # probabilities of model.CLASSES, or numbers
```

Columns are found by name. Words that no training row had, and missing cells, are read as such.
{dropped}
## Files

- `model.py`: the network and its preprocessing, readable, in PyTorch alone.
- `preprocessing.json`: what was learned of each column of the training rows: mean and scale, or its words.
- `model.safetensors`: its weights, by the names of the state dict.
- `genome.json`: the genome.

Made by:

{fence}
{command}
{fence}
"#,
        title = escaped(title)
    )
}

/// In one cell of a table.
fn escaped(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect::<String>().replace('|', "\\|").replace('<', "&lt;")
}
