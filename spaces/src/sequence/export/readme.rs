//! `README.md` of an exported folder: what it holds and how to use it.

use super::drawing::thousands;
use crate::sequence::{Network, Pooling};

/// What the network itself does not know.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub title: &'a str,
    pub classes: &'a [String],
    /// Name and value, as in ("test accuracy", "0.973").
    pub scores: &'a [(String, String)],
    /// Steps of a sequence for which multiply-adds are counted.
    pub length: usize,
    /// The command that made the folder.
    pub command: &'a str,
}

/// Classes whose names are listed.
const NAMED: usize = 40;

pub fn readme(network: &Network, facts: &Facts) -> String {
    let Facts { title, classes, scores, length, command } = *facts;
    let shape = network.shape;
    let title = in_line(title);
    let scores = rows(scores.iter().map(|(name, value)| (name.clone(), value.clone())));
    let sizes = rows([
        ("stack".to_string(), network.genome.summary()),
        ("parameters".to_string(), thousands(network.parameters())),
        (format!("multiply-adds, {length} steps"), thousands(network.multiply_adds(length))),
    ]);
    let mut names: Vec<_> = classes.iter().take(NAMED).map(|name| code(name)).collect();
    if classes.len() > NAMED {
        names.push("… (`model.CLASSES`)".into());
    }
    let answer = if network.pointer.is_some() { "positions" } else { "classes" };
    let listed = if network.pointer.is_some() { "how it points" } else { "the classes" };
    let (command, usage) = (fenced(command), usage(network, length));
    format!(
        r#"# {title}

![The stack, from input to {answer}](architecture.svg)

| | |
|---|---|
{scores}{sizes}
## Use

Needs Python with `torch` and `safetensors`. In this folder:

```python
{usage}```

{told}

## Files

- `model.py`: the network, readable, in PyTorch alone.
- `model.safetensors`: its weights, by the names of the state dict.
- `architecture.json`: the genome, the channels and {listed}.
- `architecture.svg`: the drawing above.

Made by:

{command}
"#,
        told = match network.pointer {
            None => format!(
                "The model standardizes the {} channels itself. `python model.py < series.json` prints the logits of \
                 series given\nas JSON (series × steps × channels).\n\nThe {} classes, in order: {}.\n",
                shape.channels,
                shape.classes,
                names.join(", "),
            ),
            Some(_) => format!(
                "The model standardizes the {} channels itself. `python model.py < series.json` prints the positions \
                 that answer\nseries given as JSON (series × steps × channels).\n",
                shape.channels,
            ),
        }
        .trim_end(),
    )
}

/// What a program does with the folder.
fn usage(network: &Network, length: usize) -> String {
    let (channels, count) = (network.shape.channels, network.shape.classes);
    if network.pointer.is_some() {
        return format!(
            r#"import torch
import model

net = model.load(".")
# Raw series, batch × length × channels; scores are batch × steps × candidates, positions batch × steps.
x = torch.rand(4, {length}, {channels})
scores, positions = net(x)
probabilities = scores.softmax(2)
# The positions that answer series of any lengths, without the end.
names = model.answers(net, [x[0].tolist(), x[1, :5].tolist()])
"#
        );
    }
    if network.genome.pooling == Pooling::None {
        return format!(
            r#"import torch
import model

net = model.load(".")
# Tokens as channels of 0 and 1, batch × length × {channels}; logits are batch × length × {count}.
tokens = torch.randint({channels}, (4, {length}))
logits = net(torch.nn.functional.one_hot(tokens, {channels}).float())
names = [[model.CLASSES[i] for i in steps] for steps in logits.argmax(2)]
"#
        );
    }
    format!(
        r#"import torch
import model

net = model.load(".")
# Raw series, batch × length × channels, not standardized; logits are batch × {count}.
x = torch.randn(4, {length}, {channels})
logits = net(x)
# Of shorter series, padded to one batch: what stands behind their last step is ignored.
logits = net(x, torch.tensor([{length}, {length}, 1, 1]))
names = [model.CLASSES[i] for i in logits.argmax(1)]
"#
    )
}

fn rows(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    pairs.into_iter().map(|(name, value)| format!("| {} | {} |\n", in_cell(&name), in_cell(&value))).collect()
}

/// On one line.
fn in_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn in_cell(text: &str) -> String {
    in_line(text).replace('|', "\\|")
}

/// Between more backquotes than stand in a row in the text.
fn code(text: &str) -> String {
    let marks = "`".repeat(1 + longest_run(text));
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{space}{}{space}{marks}", in_line(text))
}

fn fenced(text: &str) -> String {
    let marks = "`".repeat(3.max(1 + longest_run(text)));
    format!("{marks}sh\n{}\n{marks}", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{Pointer, Shape};

    #[test]
    fn a_readme_says_how_to_load_what_it_scored_and_what_made_it() {
        let genome = serde_json::from_str(r#"{"layers": [{"token": {"kind": "gru"}}]}"#).unwrap();
        let network = Network::new(&genome, Shape { channels: 12, classes: 2 });
        let facts = Facts {
            title: "Japanese\nvowels",
            classes: &["a|b".into(), "`c`".into()],
            scores: &[("test accuracy".into(), "0.97".into())],
            length: 29,
            command: "fecund export --trial 3\n",
        };
        let text = readme(&network, &facts);
        for expected in [
            "# Japanese vowels\n",
            "| test accuracy | 0.97 |",
            "| parameters | 6,946 |",
            "| multiply-adds, 29 steps | 189,376 |",
            "model.load(\".\")",
            "torch.randn(4, 29, 12)",
            "in order: `a|b`, `` `c` ``.",
            "```sh\nfecund export --trial 3\n```",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let genome = serde_json::from_str(r#"{"pooling": "none"}"#).unwrap();
        let text = readme(&Network::new(&genome, network.shape), &facts);
        let pointing = Network::pointing(&genome, 2, Pointer { ends: true });
        let pointed = readme(&pointing, &Facts { classes: &[], ..facts });
        for expected in
            ["positions = net(x)", "torch.rand(4, 29, 2)", "from input to positions", "how it points"]
        {
            assert!(pointed.contains(expected), "{expected}: {pointed}");
        }
        assert!(text.contains("batch × length × 2") && text.contains("one_hot(tokens, 12)"), "{text}");
    }
}
