//! The end of an exported stack: how its tokens are pooled, and the class `Head`.

use crate::sequence::{Genome, Head, Layout, Network, Pooling};

/// What the class needs, before it.
pub(super) fn fragments(network: &Network) -> Vec<&'static str> {
    if network.pointer.is_some() {
        return Vec::new();
    }
    let genome = &network.genome;
    let pooling = match genome.pooling {
        Pooling::Mean => include_str!("fragments/mean.py"),
        Pooling::Max => include_str!("fragments/max.py"),
        Pooling::Last if genome.layout == Layout::Grid => include_str!("fragments/last_of_grid.py"),
        Pooling::Last => include_str!("fragments/last.py"),
        Pooling::Attention => include_str!("fragments/attention_pooling.py"),
        Pooling::StepMean => include_str!("fragments/step_mean.py"),
        Pooling::None => include_str!("fragments/every_step.py"),
    };
    let simplex = (genome.head == Head::Simplex).then_some(include_str!("fragments/simplex.py"));
    [pooling].into_iter().chain(simplex).collect()
}

/// From tokens × width to logits, or to positions.
pub(super) fn class(network: &Network) -> String {
    if network.pointer.is_some() {
        return include_str!("fragments/pointer.py").into();
    }
    let genome = &network.genome;
    let (name, module, map) = match genome.head {
        Head::Linear => ("linear", "nn.Linear", "linear map to classes"),
        Head::Simplex => ("simplex", "Simplex", "map to the corners of a simplex"),
    };
    let [pool, scores] = match genome.pooling {
        Pooling::Attention => ["\n        self.pool = nn.Linear(width, width, bias=False)", ", self.pool"],
        _ => [""; 2],
    };
    let (what, logits) = match genome.pooling {
        Pooling::StepMean => {
            (format!("{map}, votes of the real steps"), format!("votes(self.{name}(self.norm(x)), mask)"))
        }
        _ => (
            format!("pooling over the real steps, {map}"),
            format!("self.{name}(pool(self.norm(x), mask{scores}))"),
        ),
    };
    let nested = nested(genome);
    format!(
        r#"class Head(nn.Module):
    """Norm, {what}.{nested}"""

    def __init__(self, width, classes):
        super().__init__()
        self.norm = Norm(width){pool}
        self.{name} = {module}(width, classes)

    def forward(self, x, mask):
        return {logits}
"#
    )
}

/// What the head has learned besides to read the whole.
fn nested(genome: &Genome) -> String {
    let prefixes: Vec<_> = genome.prefixes().skip(1).map(|prefix| prefix.to_string()).collect();
    if prefixes.is_empty() {
        return String::new();
    }
    format!(
        "

    It learned to answer by the first {} channels of what it reads alone, with as many columns of its weights.
    ",
        prefixes.join(", or ")
    )
}
