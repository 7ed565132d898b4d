//! Three tiers of equality: what must merge (E1: one function, trained the same way), what must stay apart although it
//! can compute the same functions (E2) or starts as the same function (E3), and pairs that tempt (guards).
//!
//! A pair is written in the JSON of its space. Of equalities that nothing here can express yet, the missing part is
//! named, so that a pair is added when the part arrives:
//!
//! | tier | equality | missing |
//! |---|---|---|
//! | E1 | constant gates: selective = LTI = convolution | a gene that freezes the gates of `mamba` |
//! | E1 | parallel scan = loop, any chunk size | none: algorithms are not genes |
//! | E1 | ParaGRU with a = 0 = gated linear recurrence; Newton steps dead | none: it is written in one way only |
//! | E1 | Chimera = a pLSTM grid with mapped gates | none: gates of pLSTM are made by projections that no gene ties |
//! | E1 | key bias under softmax, bias before batch norm, constant prior | none is built: `attention` has no biases |
//! | E1 | entmax α = 1 = softmax, α = 2 = sparsemax | none: each has one name |
//! | E1 | frozen zero weights = mean pooling | frozen weights: those of attention pooling train |
//! | E1 | step mean of one step = linear head | none: how many steps a case has is no gene |
//! | E1 | pLSTM with dead transitions or marks = independent recurrences, or none | a gene that freezes gates |
//! | E1 | residual MLP = FSMN without taps | none: an FSMN has taps, and is no channel mixer |
//! | E1 | depthwise convolution of width 1 and weight 1 = identity | frozen weights: one that trains is a scale |
//! | E1 | masked column = absent column; rules equal up to algebra | feature rules |
//! | E1 | macros inlined | programs |
//! | E2 | linear ∘ linear = linear; norm gain folded into the next map | linear mixers without a norm |
//! | E2 | biases fixed at zero = no biases | a gene for biases |
//! | E3 | zero gates, residual scales that start at zero | each of them |
//! | E3 | router with equal logits; feature gates at temperature 1 | a mean of experts, feature gates |
//! | guard | P-mode of the pLSTM paper ≠ of its code | none: that of the paper alone is built |
//! | guard | gates permuted ≠ not | none: what a mixer reads is permuted, and with it all gates |
//! | guard | context of the batch ≠ of the example | none: no prediction depends on others of its batch |
//! | guard | nearest class mean ≠ linear head (no free weight of its own) | none: it is a score of every encoder, and no gene |
//!
//! Missed, which wastes and is never wrong: the heads of causal attention that runs backwards where the last
//! step alone is read (it sees one step, so that they are one function), branches side by side that change places (the
//! columns of their map do, too), the mask of the last mixer of a branch where the last step alone is read, and twice a
//! convolution of x written as the convolution of x + x.

use hashing::{CandidateHasher, Class, Keyed, TwoStage};
use spaces::sequence::{Mixer, SequenceSpace, blocks};
use spaces::{Space, cell101, cell201, nb_graph};

#[derive(Clone, Copy, Debug)]
enum In {
    Sequence,
    Cell101,
    Cell201,
    Graph,
}

/// The first stage at which two texts are seen to be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// They are read as the same candidate.
    Read,
    /// Their canonical forms are the same.
    Canonical,
    /// They respond alike to the probe.
    Probe,
}
use Stage::{Canonical, Probe, Read};

fn stage(space: In, a: &str, b: &str) -> Option<Stage> {
    match space {
        In::Sequence => compare(&SequenceSpace::default(), a, b),
        In::Cell101 => compare(&cell101::CellSpace::default(), a, b),
        In::Cell201 => compare(&cell201::CellSpace::default(), a, b),
        In::Graph => compare(&nb_graph::CellSpace, a, b),
    }
}

fn compare<S: Space>(space: &S, a: &str, b: &str) -> Option<Stage> {
    let [a, b]: [S::Candidate; 2] = [a, b].map(|json| serde_json::from_str(json).expect(json));
    if a == b {
        return Some(Read);
    }
    let [a, b] = [&a, &b].map(|candidate| space.canonicalize(candidate));
    if a.digest("test") == b.digest("test") {
        return Some(Canonical);
    }
    let [a, b] = [&a, &b].map(|canonical| TwoStage::default().identify(canonical).unwrap());
    assert_eq!([a.class, b.class], [Class::Function; 2], "{a:?} {b:?}");
    (a.fingerprint == b.fingerprint).then_some(Probe)
}

/// What is equal, where it is expressed, at which stage it must be caught, and the two texts.
const MUST_MERGE: &[(&str, In, Stage, &str, &str)] = &[
    (
        "recursion of depth 1 = plain layer",
        In::Sequence,
        Read,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 1}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "tied recursion = corrections of rank 0",
        In::Sequence,
        Read,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2, "rank": 0}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "nested head of one full dimension = linear head",
        In::Sequence,
        Read,
        r#"{"layers": [{"token": {"kind": "gru"}}], "head": "linear", "training": {"prefixes": 1}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "corrections where nothing is shared are not there",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}, "rank": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "a token of the default size",
        In::Sequence,
        Read,
        r#"{"tokens": {"kind": "patch"}}"#,
        r#"{"tokens": {"kind": "patch", "size": 4}}"#,
    ),
    (
        "steps are tokens",
        In::Sequence,
        Read,
        r#"{"tokens": {"kind": "steps"}, "layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "an empty second branch is not there",
        In::Sequence,
        Canonical,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}}, {"part": 1}, {"channel": {"kind": "mlp"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "branches that are added change places",
        In::Sequence,
        Canonical,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}, "part": 1}, {"token": {"kind": "s4d"}}]}"#,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}, "part": 2}]}"#,
    ),
    (
        "layers of two branches, listed in turn or one branch after the other",
        In::Sequence,
        Probe,
        r#"{"skeleton": {"kind": "two-branch", "join": "concat"}, "layers": [
            {"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}, "part": 1}, {"token": {"kind": "lstm"}}]}"#,
        r#"{"skeleton": {"kind": "two-branch", "join": "concat"}, "layers": [
            {"token": {"kind": "gru"}}, {"token": {"kind": "lstm"}}, {"token": {"kind": "s4d"}, "part": 1}]}"#,
    ),
    (
        "two branches that are added, listed in another order",
        In::Sequence,
        Probe,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}, "part": 1}]}"#,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "s4d"}}, {"token": {"kind": "gru"}, "part": 1}]}"#,
    ),
    (
        "a stack has no parts",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}, "part": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "a U that pools nothing is a stack",
        In::Sequence,
        Canonical,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [{"token": {"kind": "gru"}}, {"part": 1}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "halves of one layer on pooled tokens",
        In::Sequence,
        Canonical,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [
            {"token": {"kind": "gru"}, "part": 1}, {"channel": {"kind": "mlp"}, "part": 1}]}"#,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}, "part": 1}]}"#,
    ),
    (
        "one pass shares nothing, whatever the pattern",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}], "sharing": {"pattern": "cycle"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}], "sharing": {"passes": 3}}"#,
    ),
    (
        "passes in a row = repetitions",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "sequence", "passes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 4}, {"token": {"kind": "s4d"}, "repeat": 2}]}"#,
    ),
    (
        "a cycle of one layer = its repetition",
        In::Sequence,
        Canonical,
        r#"{"layers": [{}, {"token": {"kind": "gru"}, "rank": 1}], "sharing": {"pattern": "cycle", "passes": 3}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 3, "rank": 1}]}"#,
    ),
    (
        "a middle of one layer = its repetition",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "middle-cycle", "passes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}, "repeat": 2},
            {"token": {"kind": "s4d"}}]}"#,
    ),
    (
        "one pass ends in no projection",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "cycle", "projection": true}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}]}"#,
    ),
    (
        "one pass, or none, leaves no depth to choose",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "cycle", "depth": "token-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"passes": 2, "depth": "token-choice"}}"#,
    ),
    (
        "how near steps come is dead where none stops",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice", "epsilon": 0.03}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
    ),
    (
        "passes over nothing leave no depth to choose",
        In::Sequence,
        Canonical,
        r#"{"layers": [{}, {}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "middle-cycle", "passes": 3, "depth": "token-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "s4d"}}]}"#,
    ),
    (
        "halves of a layer that is passed at depths of each step's own = the layer",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
    ),
    (
        "passes over nothing are none, and end in no projection",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "middle-cycle", "passes": 2, "projection": true}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}]}"#,
    ),
    (
        "a cycle = a middle cycle between ends that add nothing",
        In::Sequence,
        Probe,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "projection": true}}"#,
        r#"{"layers": [{}, {"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}, {}],
            "sharing": {"pattern": "middle-cycle", "passes": 2, "projection": true}}"#,
    ),
    (
        "a layer that adds nothing = no layer",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}}, {}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "nothing, however often = no layer",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"repeat": 3}, {"channel": {"kind": "mlp"}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "a layer = its two halves",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "s4d"}}, {"channel": {"kind": "glu"}}]}"#,
        r#"{"layers": [{"token": {"kind": "s4d"}, "channel": {"kind": "glu"}}]}"#,
    ),
    (
        "dropout of nothing = no dropout",
        In::Sequence,
        Canonical,
        r#"{"training": {"dropout": 0.3}}"#,
        r#"{"layers": [{}]}"#,
    ),
    (
        "the order of attention without positions is dead",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention"}, "order": "reverse", "channel": {"kind": "mlp"}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "the order of attention without positions is dead on a grid, too",
        In::Sequence,
        Canonical,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention"}, "order": "reverse"}], "position": "learned"}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention"}}], "position": "learned"}"#,
    ),
    (
        "the order of no token mixer is dead",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"channel": {"kind": "glu"}, "order": "bidirectional"}]}"#,
        r#"{"layers": [{"channel": {"kind": "glu"}}]}"#,
    ),
    (
        "causal = not causal in the last row",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}], "pooling": "last"}"#,
    ),
    (
        "one group = full attention, however steps are dealt",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 1, "strided": true}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
    ),
    (
        "one group cannot be regrouped",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 1, "regroup": true}, "repeat": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 1}, "repeat": 2}]}"#,
    ),
    (
        "groups of a layer that is run once are not regrouped",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "strided": true, "regroup": true}, "order": "reverse"}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "strided": true}}]}"#,
    ),
    (
        "two strided groups are one in the next run, and their order is dead",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2, "strided": true, "regroup": true}, "order": "reverse",
            "repeat": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2, "strided": true, "regroup": true}, "repeat": 2}]}"#,
    ),
    (
        "the order of attention in strided groups is dead",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "strided": true}, "order": "reverse"}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "strided": true}}]}"#,
    ),
    (
        "causal = not causal in the last row, of means under the keys too",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": true}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": false}}], "pooling": "last"}"#,
    ),
    (
        "the order of means over all steps is dead",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": false}, "order": "reverse"}]}"#,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": false}}]}"#,
    ),
    (
        "Chimera without cross terms = Mamba in every channel, where there is one column",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "chimera", "cross": false, "state": 4}}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba", "state": 4}}]}"#,
    ),
    (
        "a snake through steps goes forward",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "mamba"}, "order": "snake"}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba"}}]}"#,
    ),
    (
        "a snake has no columns: Chimera without cross terms = Mamba",
        In::Sequence,
        Canonical,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "chimera", "cross": false}, "order": "snake4"}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "mamba"}, "order": "snake4"}]}"#,
    ),
    (
        "the order of no token mixer is dead, snakes neither",
        In::Sequence,
        Canonical,
        r#"{"layout": "grid", "layers": [{"channel": {"kind": "glu"}, "order": "snake2"}]}"#,
        r#"{"layout": "grid", "layers": [{"channel": {"kind": "glu"}}]}"#,
    ),
    (
        "one expert = MLP, whatever is asked of it",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"channel": {"kind": "moe", "experts": 1, "top": 4, "balance": false, "ratio": 4}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp", "ratio": 4}}]}"#,
    ),
    (
        "the gate of one expert is 1, normalized or not",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"channel": {"kind": "moe", "experts": 1, "normalize": false}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "more than all experts = all experts, whose gates sum to 1 and whose load is balanced",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"channel":
            {"kind": "moe", "experts": 2, "top": 4, "normalize": false, "balance": false}}]}"#,
        r#"{"layers": [{"channel": {"kind": "moe", "experts": 2, "top": 2}}]}"#,
    ),
    (
        "a mean of the past = a mean of all in the last row",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "se", "context": "past"}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "se"}}], "pooling": "last"}"#,
    ),
    (
        "a causal gated attention unit = one that is not, in the last row",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "gau", "group": 8, "causal": true}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "gau", "group": 8}}], "pooling": "last"}"#,
    ),
    (
        "causal = not causal in the last row, before experts whose load nobody balances",
        In::Sequence,
        Canonical,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}, "channel": {"kind": "moe", "balance": false}}],
            "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "channel": {"kind": "moe", "balance": false}}],
            "pooling": "last"}"#,
    ),
    (
        "residual of zero = identity",
        In::Cell201,
        Canonical,
        r#"{"arch": "|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"}"#,
        r#"{"arch": "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"}"#,
    ),
    (
        "an identity on the way is not there",
        In::Cell201,
        Canonical,
        r#"{"arch": "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"}"#,
        r#"{"arch": "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"}"#,
    ),
    (
        "operands commute",
        In::Cell201,
        Canonical,
        r#"{"arch": "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|avg_pool_3x3~2|"}"#,
        r#"{"arch": "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"}"#,
    ),
    (
        "operands associate",
        In::Cell201,
        Canonical,
        r#"{"arch": "|nor_conv_1x1~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|none~1|skip_connect~2|"}"#,
        r#"{"arch": "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"}"#,
    ),
    (
        "a linear map distributes over a sum",
        In::Cell201,
        Probe,
        r#"{"arch": "|nor_conv_1x1~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"}"#,
        r#"{"arch": "|nor_conv_1x1~0|+|none~0|none~1|+|avg_pool_3x3~0|avg_pool_3x3~1|none~2|"}"#,
    ),
    (
        "an identity on the way is not there, behind an operation either",
        In::Cell201,
        Canonical,
        r#"{"arch": "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"}"#,
        r#"{"arch": "|avg_pool_3x3~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"}"#,
    ),
    (
        "vertices in another order",
        In::Cell101,
        Canonical,
        r#"{"matrix": [[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]],
            "ops": ["input", "conv1x1-bn-relu", "conv3x3-bn-relu", "output"]}"#,
        r#"{"matrix": [[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]],
            "ops": ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "output"]}"#,
    ),
    (
        "a vertex that nothing reaches",
        In::Cell101,
        Canonical,
        r#"{"matrix": [[0,1,0,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]],
            "ops": ["input", "conv1x1-bn-relu", "maxpool3x3", "output"]}"#,
        r#"{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input", "conv1x1-bn-relu", "output"]}"#,
    ),
    (
        "a vertex that nothing reads",
        In::Cell101,
        Canonical,
        r#"{"matrix": [[0,1,1,0],[0,0,0,1],[0,0,0,0],[0,0,0,0]],
            "ops": ["input", "conv1x1-bn-relu", "maxpool3x3", "output"]}"#,
        r#"{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input", "conv1x1-bn-relu", "output"]}"#,
    ),
    (
        "pooling that is nowhere may mean anything",
        In::Cell101,
        Probe,
        r#"{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input", "conv1x1-bn-relu", "output"]}"#,
        r#"{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input", "conv1x1-bn-relu", "output"], "pooling": "max"}"#,
    ),
    (
        "pooling that is nowhere may mean anything",
        In::Cell201,
        Probe,
        r#"{"arch": "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"}"#,
        r#"{"arch": "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|", "pooling": "own"}"#,
    ),
    (
        "nodes in another order",
        In::Graph,
        Canonical,
        r#"{"links": "0012", "ops": ["gcn", "gat", "fc", "sage"]}"#,
        r#"{"links": "0012", "ops": ["gat", "gcn", "sage", "fc"]}"#,
    ),
    (
        "an identity on the way is not there",
        In::Graph,
        Canonical,
        r#"{"links": "0012", "ops": ["skip", "gat", "fc", "skip"]}"#,
        r#"{"links": "0122", "ops": ["skip", "skip", "fc", "gat"]}"#,
    ),
    (
        "an identity at the end hands on its value",
        In::Graph,
        Canonical,
        r#"{"links": "0123", "ops": ["gin", "arma", "cheb", "skip"]}"#,
        r#"{"links": "0123", "ops": ["skip", "gin", "arma", "cheb"]}"#,
    ),
];

/// The same functions can be reached, by other parameters that train in another way.
const SAME_CLASS_OF_FUNCTIONS: &[(&str, In, &str, &str)] = &[
    (
        "corrections of full rank = untied layers",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "mlp"}, "repeat": 2, "rank": 64}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}, {"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "two parallel linear maps of one value = one",
        In::Cell201,
        r#"{"arch": "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"}"#,
        r#"{"arch": "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"}"#,
    ),
    (
        "a small kernel beside a large one = the large one",
        In::Cell201,
        r#"{"arch": "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"}"#,
        r#"{"arch": "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"}"#,
    ),
    (
        "a value that is handed on twice = once, with twice the weight",
        In::Graph,
        r#"{"links": "0122", "ops": ["skip", "gcn", "skip", "skip"]}"#,
        r#"{"links": "0123", "ops": ["skip", "skip", "skip", "gcn"]}"#,
    ),
    (
        "an expert beside a shared one = an MLP of twice the width, whose bias is one",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "moe", "experts": 1, "shared": true, "ratio": 1}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp", "ratio": 2}}]}"#,
    ),
    (
        "one tap of a kernel that is read = one of another width, which starts otherwise",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "convolution", "kernel": 3}, "order": "reverse"}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "convolution", "kernel": 9}, "order": "reverse"}], "pooling": "last"}"#,
    ),
];

const TEMPTING: &[(&str, In, &str, &str)] = &[
    (
        "corrections start at zero and do not stay there",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2, "rank": 1}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "a cycle ≠ a sequence",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "cycle", "passes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "sequence", "passes": 2}}"#,
    ),
    (
        "a mixture of recursions at capacity 1, as its first pass is, is x + w block(x), not block(x)",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "expert-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "steps that may stop ≠ steps that do not, although none of the probe does",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "converge", "epsilon": 0.0001}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "near ≠ nearer",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "converge", "epsilon": 0.0002}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "converge", "epsilon": 0.0001}}"#,
    ),
    (
        "steps that choose ≠ passes that choose",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "expert-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
    ),
    (
        "depths that steps choose ≠ the same for all",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "passes of a repeated layer ≠ as many more passes of it",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}],
            "sharing": {"pattern": "cycle", "passes": 2, "depth": "token-choice"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 4, "depth": "token-choice"}}"#,
    ),
    (
        "in the last row, causal ≠ not causal where training balances the depths of all rows",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}}, {"channel": {"kind": "mlp"}}, {}],
            "sharing": {"pattern": "middle-cycle", "passes": 2, "depth": "token-choice"}, "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}, {"channel": {"kind": "mlp"}}, {}],
            "sharing": {"pattern": "middle-cycle", "passes": 2, "depth": "token-choice"}, "pooling": "last"}"#,
    ),
    (
        "passes that end in projections ≠ repetitions",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "projection": true}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}]}"#,
    ),
    (
        "projections of their own ≠ a perceptron that passes share",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "projection": true}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp", "ratio": 1}}],
            "sharing": {"pattern": "cycle", "passes": 2}}"#,
    ),
    (
        "an empty first layer is not shared in a middle cycle",
        In::Sequence,
        r#"{"layers": [{}, {"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}, {"token": {"kind": "mamba"}}],
            "sharing": {"pattern": "middle-cycle", "passes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}, {"token": {"kind": "mamba"}}],
            "sharing": {"pattern": "middle-cycle", "passes": 2}}"#,
    ),
    (
        "attention pooling starts near the mean and does not stay there",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "pooling": "attention"}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "the mean of votes ≠ the vote of the mean",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "pooling": "step-mean"}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "votes of steps ≠ an answer at every step",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "pooling": "step-mean"}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}], "pooling": "none"}"#,
    ),
    (
        "corners that stay where they are ≠ a linear head",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "head": "simplex"}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "a head that learns to read prefixes trains otherwise",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "training": {"prefixes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "two prefixes ≠ three",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}], "training": {"prefixes": 2}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}], "training": {"prefixes": 3}}"#,
    ),
    (
        "learned positions ≠ none",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention"}}], "position": "learned"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
    ),
    (
        "Euler ≠ zero-order hold",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "mamba", "discretization": "euler"}}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba", "discretization": "zoh"}}]}"#,
    ),
    (
        "causal ≠ not causal, but for the last row",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
    ),
    (
        "running means ≠ means over all steps",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": true}}]}"#,
        r#"{"layers": [{"token": {"kind": "lightnet", "causal": false}}]}"#,
    ),
    (
        "one decay a head ≠ one a state and channel",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "mamba2", "state": 16}}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba", "state": 16}}]}"#,
    ),
    (
        "the last row of a grid is several tokens, of which the last alone sees all: causal ≠ not causal",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention", "causal": true}}], "pooling": "last"}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention"}}], "pooling": "last"}"#,
    ),
    (
        "shares of one flow ≠ gates of two states",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "plstm2d", "mode": "p"}}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "plstm2d", "mode": "d"}}]}"#,
    ),
    (
        "pLSTM of four orientations ≠ of one and back, on one column",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "plstm2d"}}]}"#,
        r#"{"layers": [{"token": {"kind": "plstm"}, "order": "bidirectional"}]}"#,
    ),
    (
        "Chimera without cross terms runs in every channel of a grid, Mamba through all of its tokens",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "chimera", "cross": false}}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "mamba"}}]}"#,
    ),
    (
        "cross terms start at zero and do not stay there",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "chimera", "cross": false}}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "chimera"}}]}"#,
    ),
    (
        "two states of one column ≠ one",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "chimera"}}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba"}}]}"#,
    ),
    (
        "a snake through a grid ≠ its rows in turn",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "mamba"}, "order": "snake"}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "mamba"}}]}"#,
    ),
    (
        "both directions of one set of weights ≠ of two",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "mamba"}, "order": "snake2"}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba"}, "order": "bidirectional"}]}"#,
    ),
    (
        "four snakes through steps are two of them, twice",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "mamba"}, "order": "snake2"}]}"#,
        r#"{"layers": [{"token": {"kind": "mamba"}, "order": "snake4"}]}"#,
    ),
    (
        "snakes tell directions even to attention, which does not know the order",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention"}, "order": "snake"}]}"#,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "attention"}}]}"#,
    ),
    (
        "a channel a token ≠ a step a token",
        In::Sequence,
        r#"{"layout": "grid", "layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "in the last row, causal backwards ≠ not causal",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}, "order": "reverse"}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "order": "reverse"}], "pooling": "last"}"#,
    ),
    (
        "gates that read the state ≠ those of a linear recurrence",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "para-gru", "recurrence": "diagonal"}}]}"#,
        r#"{"layers": [{"token": {"kind": "para-gru", "recurrence": "none"}}]}"#,
    ),
    (
        "two groups ≠ full attention",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
    ),
    (
        "consecutive groups ≠ strided ones",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2, "strided": true}}]}"#,
    ),
    (
        "groups that are one in the next run ≠ groups that stay",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2, "regroup": true}, "repeat": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2}, "repeat": 2}]}"#,
    ),
    (
        "groups of four that are halved twice ≠ those that are halved once",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "regroup": true}, "repeat": 3}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 4, "regroup": true}, "repeat": 2}]}"#,
    ),
    (
        "consecutive groups know the order: the last one may be shorter",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "groups": 2}, "order": "reverse"}]}"#,
    ),
    (
        "attention with positions knows the order",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "position": "rotary"}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "position": "rotary"}, "order": "reverse"}]}"#,
    ),
    (
        "softmax ≠ 1.5-entmax",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "alpha": "1.5"}}]}"#,
    ),
    (
        "steps of a patch ≠ of a longer one",
        In::Sequence,
        r#"{"tokens": {"kind": "patch", "size": 2}, "layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"tokens": {"kind": "patch", "size": 4}, "layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "patches ≠ steps, even where all that follows is a mean",
        In::Sequence,
        r#"{"tokens": {"kind": "patch", "size": 2}}"#,
        r#"{"tokens": {"kind": "steps"}}"#,
    ),
    (
        "five numbers of an interval ≠ its steps",
        In::Sequence,
        r#"{"tokens": {"kind": "values", "size": 4}, "layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"tokens": {"kind": "patch", "size": 4}, "layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "a channel of a patch is a token ≠ all of its channels are one",
        In::Sequence,
        r#"{"tokens": {"kind": "patch", "size": 4}, "layout": "grid"}"#,
        r#"{"tokens": {"kind": "patch", "size": 4}}"#,
    ),
    (
        "two branches ≠ one behind the other",
        In::Sequence,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}, "part": 1}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "branches that are added ≠ side by side",
        In::Sequence,
        r#"{"skeleton": {"kind": "two-branch"}, "layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}, "part": 1}]}"#,
        r#"{"skeleton": {"kind": "two-branch", "join": "concat"},
            "layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}, "part": 1}]}"#,
    ),
    (
        "one branch and a map ≠ the branch",
        In::Sequence,
        r#"{"skeleton": {"kind": "two-branch", "join": "concat"}, "layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
    ),
    (
        "a perceptron of means of two tokens ≠ of each",
        In::Sequence,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [{"channel": {"kind": "mlp"}, "part": 1}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "means of two ≠ of four",
        In::Sequence,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [{"token": {"kind": "gru"}, "part": 1}]}"#,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [{"token": {"kind": "gru"}, "part": 2}]}"#,
    ),
    (
        "down and up again ≠ down alone",
        In::Sequence,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [
            {"token": {"kind": "gru"}}, {"token": {"kind": "gru"}, "part": 1}, {"token": {"kind": "gru"}}]}"#,
        r#"{"skeleton": {"kind": "u-shape"}, "layers": [
            {"token": {"kind": "gru"}}, {"token": {"kind": "gru"}, "part": 1}, {"token": {"kind": "gru"}, "part": 1}]}"#,
    ),
    (
        "forwards ≠ backwards",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "order": "reverse"}]}"#,
    ),
    (
        "one direction ≠ both",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "s4d"}}]}"#,
        r#"{"layers": [{"token": {"kind": "s4d"}, "order": "bidirectional"}]}"#,
    ),
    (
        "tied ≠ untied",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "mlp"}, "repeat": 2}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}, {"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "halves that are run again in turn ≠ each run again",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}, "repeat": 2}]}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}, {"channel": {"kind": "mlp"}, "repeat": 2}]}"#,
    ),
    (
        "heads are one only on a single step",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "heads": 1}}]}"#,
        r#"{"layers": [{"token": {"kind": "attention", "heads": 8}}]}"#,
    ),
    (
        "kernels are one only on short sequences",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "convolution", "kernel": 5}}]}"#,
        r#"{"layers": [{"token": {"kind": "convolution", "kernel": 9}}]}"#,
    ),
    (
        "taps in a row ≠ taps apart",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "convolution", "dilation": 1}}]}"#,
        r#"{"layers": [{"token": {"kind": "convolution", "dilation": 2}}]}"#,
    ),
    (
        "the past ≠ both sides",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "convolution", "sides": "past"}}]}"#,
        r#"{"layers": [{"token": {"kind": "convolution", "sides": "both"}}]}"#,
    ),
    (
        "a window is symmetric, its weights are not: forwards ≠ backwards",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "convolution", "sides": "both"}}]}"#,
        r#"{"layers": [{"token": {"kind": "convolution", "sides": "both"}, "order": "reverse"}]}"#,
    ),
    (
        "bilinear ≠ backward Euler",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "lssl", "discretization": "bilinear"}}]}"#,
        r#"{"layers": [{"token": {"kind": "lssl", "discretization": "backward-euler"}}]}"#,
    ),
    (
        "a gated attention unit shifts half of its channels: forwards ≠ backwards",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gau", "position": "none"}}]}"#,
        r#"{"layers": [{"token": {"kind": "gau", "position": "none"}, "order": "reverse"}]}"#,
    ),
    (
        "gates of memory ≠ memory",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "gated-fsmn"}}]}"#,
        r#"{"layers": [{"token": {"kind": "fsmn"}}]}"#,
    ),
    (
        "layers do not commute",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "mlp"}}, {"channel": {"kind": "glu"}}]}"#,
        r#"{"layers": [{"channel": {"kind": "glu"}}, {"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "equal experts are an MLP only if their gates sum to 1",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "moe", "top": 1, "normalize": false}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp"}}]}"#,
    ),
    (
        "a balance that is only trained ≠ none",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "moe"}}]}"#,
        r#"{"layers": [{"channel": {"kind": "moe", "balance": false}}]}"#,
    ),
    (
        "gated by the past ≠ gated by all, but for the last row",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "se", "context": "past"}}]}"#,
        r#"{"layers": [{"channel": {"kind": "se"}}]}"#,
    ),
    (
        "in the last row, causal ≠ not causal where a gate reads all rows",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}, "channel": {"kind": "se"}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "channel": {"kind": "se"}}], "pooling": "last"}"#,
    ),
    (
        "in the last row, causal ≠ not causal where training balances experts over all rows",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "attention", "causal": true}, "channel": {"kind": "moe"}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "channel": {"kind": "moe"}}], "pooling": "last"}"#,
    ),
    (
        "in the last row, gated by the past ≠ gated by all where a later layer balances experts over all rows",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "se", "context": "past"}}, {"channel": {"kind": "moe"}}],
            "pooling": "last"}"#,
        r#"{"layers": [{"channel": {"kind": "se"}}, {"channel": {"kind": "moe"}}], "pooling": "last"}"#,
    ),
    (
        "features whose products approach a kernel of rectifiers ≠ rectifiers",
        In::Sequence,
        r#"{"layers": [{"channel": {"kind": "snnk"}}]}"#,
        r#"{"layers": [{"channel": {"kind": "mlp", "activation": "relu"}}]}"#,
    ),
    (
        "peepholes are closed only by chance",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "lstm", "peepholes": true}}]}"#,
        r#"{"layers": [{"token": {"kind": "lstm"}}]}"#,
    ),
    (
        "contexts on both sides, mixed with the step ≠ their sum",
        In::Sequence,
        r#"{"layers": [{"token": {"kind": "rcnn"}}]}"#,
        r#"{"layers": [{"token": {"kind": "elman"}, "order": "bidirectional"}]}"#,
    ),
    (
        "two branches ≠ one of them twice",
        In::Cell201,
        r#"{"arch": "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"}"#,
        r#"{"arch": "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"}"#,
    ),
    (
        "x + x ≠ x",
        In::Cell201,
        r#"{"arch": "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|"}"#,
        r#"{"arch": "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"}"#,
    ),
    (
        "pooling is the identity only on a single position",
        In::Cell201,
        r#"{"arch": "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"}"#,
        r#"{"arch": "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"}"#,
    ),
    (
        "a maximum does not distribute over a sum",
        In::Cell201,
        r#"{"arch": "|nor_conv_1x1~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
            "pooling": "max"}"#,
        r#"{"arch": "|nor_conv_1x1~0|+|none~0|none~1|+|avg_pool_3x3~0|avg_pool_3x3~1|none~2|",
            "pooling": "max"}"#,
    ),
    (
        "a vertex that is read twice ≠ two vertices",
        In::Cell101,
        r#"{"matrix": [[0,1,0,0,0],[0,0,1,1,0],[0,0,0,0,1],[0,0,0,0,1],[0,0,0,0,0]],
            "ops": ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "conv1x1-bn-relu", "output"]}"#,
        r#"{"matrix": [[0,1,1,0,0,0],[0,0,0,1,0,0],[0,0,0,0,1,0],[0,0,0,0,0,1],[0,0,0,0,0,1],[0,0,0,0,0,0]],
            "ops": ["input", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv1x1-bn-relu", "conv1x1-bn-relu", "output"]}"#,
    ),
    (
        "a node that is read twice ≠ two nodes",
        In::Graph,
        r#"{"links": "0122", "ops": ["skip", "gcn", "fc", "fc"]}"#,
        r#"{"links": "0012", "ops": ["gcn", "gcn", "fc", "fc"]}"#,
    ),
    (
        "operations do not commute",
        In::Graph,
        r#"{"links": "0123", "ops": ["skip", "skip", "gcn", "fc"]}"#,
        r#"{"links": "0123", "ops": ["skip", "skip", "fc", "gcn"]}"#,
    ),
    (
        "with the input ≠ without it",
        In::Graph,
        r#"{"links": "0000", "ops": ["gcn", "gat", "fc", "skip"]}"#,
        r#"{"links": "0111", "ops": ["skip", "gcn", "gat", "fc"]}"#,
    ),
];

#[test]
fn one_function_has_one_key_from_the_stage_on_that_should_see_it() {
    for &(what, space, expected, a, b) in MUST_MERGE {
        assert_eq!(stage(space, a, b), Some(expected), "{what}, {space:?}\n{a}\n{b}");
    }
}

#[test]
fn one_class_of_functions_with_other_parameters_has_two_keys() {
    for &(what, space, a, b) in SAME_CLASS_OF_FUNCTIONS {
        assert_eq!(stage(space, a, b), None, "{what}, {space:?}\n{a}\n{b}");
    }
}

#[test]
fn what_only_looks_alike_has_two_keys() {
    for &(what, space, a, b) in TEMPTING {
        assert_eq!(stage(space, a, b), None, "{what}, {space:?}\n{a}\n{b}");
    }
}

/// What is equal when training starts and not afterwards is told apart because the probe knows no start.
#[test]
fn no_tensor_is_fixed_under_the_probe() {
    for &block in blocks::ALL {
        for tensor in block.tensors(&Mixer::of(block).settings, 8) {
            assert!(tensor.probe.1 > 0.1, "{} {}: {:?}", block.name(), tensor.name, tensor.probe);
        }
    }
}
