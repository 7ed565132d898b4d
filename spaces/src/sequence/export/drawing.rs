//! A drawing of the stack: from the input down to the classes, with genes, parameters and residual connections.

use std::fmt::Write as _;

use crate::sequence::genome::name_of;
use crate::sequence::network::Group;
use crate::sequence::{
    Depth, Genome, Head, Join, Layer, Layout, Mixer, Network, Order, Passes, Pattern, Place, Pooling,
    Position, Sharing, Skeleton, Tokenizer, Value,
};

const WIDTH: usize = 620;
const BOX_LEFT: usize = 130;
const BOX_WIDTH: usize = 330;
const BOX_HEIGHT: usize = 46;
/// Where the stream runs that the mixers add to; that of a second branch is on its left.
const STREAM: usize = 90;
const SECOND_STREAM: usize = STREAM - 24;
/// By how much boxes are narrower on tokens pooled by two.
const INSET: usize = 30;
const GAP: usize = 18;
const FRAME_LEFT: usize = 50;
const FRAME_WIDTH: usize = WIDTH - FRAME_LEFT - 20;

/// Colors for light and for dark viewers; the drawing brings its own background, so that either is readable anywhere.
const STYLE: &str = "
  .paper { fill: #ffffff; stroke: #d0d7de; }
  .frame { fill: #f6f8fa; stroke: #d0d7de; }
  .end { fill: #eaeef2; stroke: #8c959f; }
  .token { fill: #ddf4ff; stroke: #218bff; }
  .channel { fill: #fff1e5; stroke: #bc4c00; }
  .stream, .link { fill: none; stroke: #57606a; stroke-width: 1.5; }
  .sum { fill: #ffffff; stroke: #57606a; stroke-width: 1.5; }
  text { font-family: system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .name { font-weight: 600; }
  .small { font-size: 11.5px; fill: #57606a; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #30363d; }
    .frame { fill: #161b22; stroke: #30363d; }
    .end { fill: #21262d; stroke: #6e7681; }
    .token { fill: #0c2d4a; stroke: #388bfd; }
    .channel { fill: #3d2410; stroke: #db6d28; }
    .stream, .link { stroke: #9198a1; }
    .sum { fill: #0d1117; stroke: #9198a1; }
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
  }
";

/// An SVG image. `title` may hold any text.
pub fn drawing(network: &Network, title: &str) -> String {
    let mut page = Page::default();
    page.header(network, title);
    page.ends("input", &format!("{} channels, standardized", network.shape.channels), None);
    let embedding = network.embedding();
    page.ends("embedding", &embedded(network), Some(&embedding));
    if let Some(group) = network.position() {
        page.ends("positions", positions(network.genome.position), Some(&group));
    }
    let branched = page.y - GAP;
    let first = network.genome.turns().passes.first().and_then(|runs| Some(runs.first()?.layer));
    let last = network.genome.turns().passes.last().and_then(|runs| Some(runs.last()?.layer));
    for index in 0..network.genome.layers.len() {
        if first == Some(index) {
            page.start_of_passes(network);
        }
        page.layer(network, index);
        if last == Some(index) {
            page.end_of_passes(network);
        }
    }
    if let Skeleton::TwoBranch { join } = network.genome.skeleton {
        page.second_stream(branched);
        let detail = match join {
            Join::Sum => "what both branches add, added",
            Join::Concat => "both branches side by side, linear",
        };
        page.ends("join", detail, network.join().as_ref());
    }
    page.ends("head", &head(network), Some(&network.head()));
    let (name, answer) = answer(network);
    page.ends(name, &answer, None);
    page.finish(title)
}

fn embedded(network: &Network) -> String {
    let (width, columns) = (network.genome.width, network.columns());
    let tokens = network.genome.tokens;
    match (network.genome.layout, tokens) {
        (Layout::Steps, Tokenizer::Steps) => format!("linear to width {width}"),
        (Layout::Steps, _) => format!("{tokens}, linear to width {width}"),
        (Layout::Grid, Tokenizer::Steps) => {
            format!("{columns} tokens a step, one a channel, of width {width}")
        }
        (Layout::Grid, _) => format!("{tokens}, {columns} tokens each, one a channel, of width {width}"),
    }
}

fn positions(position: Position) -> &'static str {
    match position {
        Position::None => "none",
        Position::Learned => "a learned vector for each step, added",
        Position::Decay => "a decaying mean of the steps so far, added",
        Position::Prior => "what each step tells of the class, times a vector, added",
    }
}

fn head(network: &Network) -> String {
    let Genome { norm, pooling, head, .. } = &network.genome;
    if network.pointer.is_some() {
        return format!("{} norm, gru from the mean token, points at tokens", name_of(norm));
    }
    let pooled = match pooling {
        Pooling::Last => "last step over time".into(),
        Pooling::None => "every step by itself".into(),
        Pooling::StepMean => "mean of the votes of all steps".into(),
        other => format!("{} over time", name_of(other)),
    };
    let answer = match head {
        Head::Linear => "linear",
        Head::Simplex => "corners of a simplex",
    };
    format!("{} norm, {pooled}, {answer}", name_of(norm))
}

/// What comes out of the head, and how much.
fn answer(network: &Network) -> (&'static str, String) {
    match network.pointer {
        None => ("logits", format!("{} classes", network.shape.classes)),
        Some(pointer) if pointer.ends => ("positions", "up to the end".into()),
        Some(_) => ("positions", "each token once".into()),
    }
}

/// The drawing as it grows downwards.
#[derive(Default)]
struct Page {
    /// Frames, under everything else.
    back: String,
    boxes: String,
    y: usize,
    /// Where the stream starts and ends.
    stream: Option<(usize, usize)>,
}

impl Page {
    fn header(&mut self, network: &Network, title: &str) {
        let (norm, parameters) = (name_of(&network.genome.norm), thousands(network.parameters()));
        let width = network.genome.width;
        self.text("title", 30, 36, &shortened(title));
        self.text(
            "small",
            30,
            56,
            &format!(
                "{parameters} parameters · width {width} · {norm} norm before every mixer{}",
                shared(network)
            ),
        );
        self.y = 76;
    }

    /// A box on the stream itself.
    fn ends(&mut self, name: &str, detail: &str, group: Option<&Group>) {
        let y = self.y;
        self.rectangle("end", FRAME_LEFT, y, BOX_LEFT + BOX_WIDTH - FRAME_LEFT, BOX_HEIGHT);
        self.text("name", BOX_LEFT, y + 20, name);
        self.text("small", BOX_LEFT, y + 37, detail);
        self.parameters(group, y);
        let start = self.stream.map_or(y + BOX_HEIGHT, |(start, _)| start);
        self.stream = Some((start, y));
        self.y += BOX_HEIGHT + GAP;
    }

    /// Above the first layer of a pass.
    fn start_of_passes(&mut self, network: &Network) {
        let Some(passes) = network.genome.passes() else { return };
        let all = of_every_pass(passes, |pass| network.router(pass));
        let detail = match passes.depth {
            Depth::Fixed => return,
            Depth::TokenChoice => "every step chooses how many passes it takes".to_string(),
            Depth::Converge => {
                format!("a step stops once a pass changes it by less than {} of it", passes.epsilon)
            }
            Depth::ExpertChoice => {
                "every pass chooses which steps go on, and how much of it they get".to_string()
            }
        };
        self.ends(&name_of(&passes.depth), &detail, all.as_ref());
    }

    /// Below the last layer of a pass.
    fn end_of_passes(&mut self, network: &Network) {
        let Some(passes) = network.genome.passes() else { return };
        if let Some(all) = of_every_pass(passes, |pass| network.projection(pass)) {
            self.ends("projection", "c₁ x + c₂ MLP(norm x), another one after every pass", Some(&all));
        }
    }

    fn layer(&mut self, network: &Network, index: usize) {
        let layer = &network.genome.layers[index];
        let stream = if network.genome.skeleton.branch(layer.part) == 0 { STREAM } else { SECOND_STREAM };
        let inset = INSET * network.genome.level(index);
        let top = self.y;
        self.text("name", FRAME_LEFT + 60, top + 20, &(layer_label(index, layer) + &part(network, index)));
        self.y += 32;
        for place in Place::ALL {
            if let Some(group) = network.branch(index, place) {
                self.branch(layer, place, &group, stream, inset);
            }
        }
        let height = self.y - top;
        let _ = writeln!(
            self.back,
            r#"<rect class="frame" x="{FRAME_LEFT}" y="{top}" width="{FRAME_WIDTH}" height="{height}" rx="8"/>"#
        );
        self.y += GAP;
    }

    /// A mixer beside a stream, with the link that leaves it and the sum where it comes back.
    fn branch(&mut self, layer: &Layer, place: Place, group: &Group, stream: usize, inset: usize) {
        let (y, mixer) = (self.y, layer.mixer(place));
        let (out, back) = (y + BOX_HEIGHT / 4, y + BOX_HEIGHT * 3 / 4);
        let left = BOX_LEFT + inset;
        self.rectangle(&place.to_string(), left, y, BOX_WIDTH - inset, BOX_HEIGHT);
        self.text("name", left + 14, y + 20, &mixer_label(layer, place));
        self.text("small", left + 14, y + 37, &genes(mixer, place));
        self.parameters(Some(group), y);
        let _ =
            writeln!(self.boxes, r#"<path class="link" d="M{stream} {out}H{left}M{left} {back}H{stream}"/>"#);
        let _ =
            writeln!(self.boxes, r#"<path class="link" d="M{x} {a}l6 4l-6 4" />"#, x = left - 7, a = out - 4);
        let _ = writeln!(self.boxes, r#"<circle class="sum" cx="{stream}" cy="{back}" r="8"/>"#);
        let (left, top) = (stream - 4, back - 4);
        let _ = writeln!(self.boxes, r#"<path class="link" d="M{left} {back}h8M{stream} {top}v8"/>"#);
        self.y += BOX_HEIGHT + GAP;
    }

    /// From this height to where the next box begins.
    fn second_stream(&mut self, from: usize) {
        let to = self.y;
        let _ = writeln!(self.back, r#"<path class="stream" d="M{SECOND_STREAM} {from}V{to}"/>"#);
    }

    fn parameters(&mut self, group: Option<&Group>, y: usize) {
        let Some(group) = group else { return };
        let count: usize = group.tensors().iter().map(|named| named.tensor.len()).sum();
        self.text(
            "small",
            BOX_LEFT + BOX_WIDTH + 14,
            y + BOX_HEIGHT / 2 + 4,
            &format!("{} parameters", thousands(count as u64)),
        );
    }

    fn rectangle(&mut self, class: &str, x: usize, y: usize, width: usize, height: usize) {
        let _ = writeln!(
            self.boxes,
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>"#
        );
    }

    fn text(&mut self, class: &str, x: usize, y: usize, text: &str) {
        let _ = writeln!(self.boxes, r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escaped(text));
    }

    fn finish(self, title: &str) -> String {
        let Self { back, boxes, y: height, stream } = self;
        let (start, end) = stream.expect("a stack has ends");
        let title = escaped(title);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">
<title>{title}</title>
<style>{STYLE}</style>
<rect class="paper" x="0.5" y="0.5" width="{}" height="{}" rx="10"/>
{back}<path class="stream" d="M{STREAM} {start}V{end}"/>
{boxes}</svg>
"#,
            WIDTH - 1,
            height - 1,
        )
    }
}

/// One group with the tensors of all passes.
fn of_every_pass(passes: Passes, group: impl Fn(usize) -> Option<Group>) -> Option<Group> {
    let groups: Vec<Group> = (0..passes.count).filter_map(group).collect();
    let parts = groups.iter().flat_map(|group| group.parts.clone()).collect();
    Some(Group { parts, ..groups.first()?.clone() })
}

/// Which layers are run again together.
fn shared(network: &Network) -> String {
    let Sharing { pattern, passes, .. } = network.genome.sharing;
    match pattern {
        Pattern::None => String::new(),
        Pattern::Cycle => format!(" · all layers {passes} times in turn"),
        Pattern::Sequence => format!(" · each layer {passes} times in a row"),
        Pattern::MiddleCycle => format!(" · all but the ends {passes} times in turn"),
    }
}

/// What fits on the line of the title.
fn shortened(title: &str) -> String {
    const FITTING: usize = 64;
    if title.chars().count() <= FITTING {
        return title.into();
    }
    title.chars().take(FITTING - 1).chain(['…']).collect()
}

/// Where in its skeleton a layer stands.
fn part(network: &Network, index: usize) -> String {
    let skeleton = network.genome.skeleton;
    match (skeleton, network.genome.level(index)) {
        (Skeleton::TwoBranch { .. }, _) => {
            format!(", in branch {}", skeleton.branch(network.genome.layers[index].part))
        }
        (Skeleton::Stack, _) | (Skeleton::UShape, 0) => String::new(),
        (Skeleton::UShape, level) => format!(", on means of {} tokens", 1 << level),
    }
}

fn layer_label(index: usize, layer: &Layer) -> String {
    let rank = match layer.rank {
        0 => String::new(),
        rank => format!(", each run corrected by rank {rank}"),
    };
    match layer.repeat {
        1 => format!("layer {index}{rank}"),
        repeat => format!("layer {index}, run {repeat} times with the same weights{rank}"),
    }
}

fn mixer_label(layer: &Layer, place: Place) -> String {
    let kind = &layer.mixer(place).kind;
    match (place, layer.order) {
        (Place::Channel, _) | (Place::Token, Order::Forward) => kind.clone(),
        (Place::Token, Order::Reverse) => format!("{kind} ← in reverse"),
        (Place::Token, Order::Bidirectional) => format!("{kind} ↔ in both directions, added"),
        (Place::Token, Order::Snake) => format!("{kind} ∿ along a snake"),
        (Place::Token, snakes) => format!("{kind} ∿ along {} snakes, added", snakes.snakes()),
    }
}

fn genes(mixer: &Mixer, place: Place) -> String {
    let mixes = match place {
        Place::Token => "mixes time",
        Place::Channel => "mixes channels",
    };
    let genes = mixer.settings.0.iter().filter_map(|(gene, value)| match value {
        Value::Flag(set) => set.then(|| gene.clone()),
        value => Some(format!("{gene} {value}")),
    });
    std::iter::once(mixes.to_string()).chain(genes).collect::<Vec<_>>().join(" · ")
}

/// With a comma before every three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// For XML, as text or as an attribute. Characters that XML has no way to write become spaces.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\u{FFFE}' | '\u{FFFF}' => out.push(' '),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{Pointer, Shape};

    fn drawn(genome: &str, title: &str) -> String {
        let genome = serde_json::from_str(genome).unwrap();
        drawing(&Network::new(&genome, Shape { channels: 12, classes: 9 }), title)
    }

    #[test]
    fn every_mixer_is_drawn_with_its_genes_and_parameters() {
        let layer = r#"{"token": {"kind": "attention"}, "order": "bidirectional", "channel": {"kind": "mlp"}, "repeat": 2}"#;
        let svg = drawn(&format!(r#"{{"layers": [{layer}]}}"#), "a title");
        for expected in [
            "12 channels",
            "linear to width 32",
            "run 2 times",
            "attention ↔ in both directions",
            "mixes time · alpha softmax · groups 1 · heads 4 · position none",
            "8,256 parameters",
            "mixes channels · activation gelu · ratio 2",
            "layer norm, mean over time, linear",
            "9 classes",
        ] {
            assert!(svg.contains(expected), "{expected}: {svg}");
        }
    }

    #[test]
    fn a_grid_is_drawn_as_tokens_of_channels() {
        let svg = drawn(r#"{"layout": "grid"}"#, "a title");
        assert!(svg.contains("12 tokens a step, one a channel, of width 32"), "{svg}");
    }

    #[test]
    fn projections_are_drawn_once_below_what_is_shared() {
        let genome = r#"{"width": 8, "layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "s4d"}}, {}],
            "sharing": {"pattern": "middle-cycle", "passes": 3, "projection": true}}"#;
        let svg = drawn(genome, "a title");
        let at = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text}: {svg}"));
        assert!(at(">layer 1<") < at(">projection<") && at(">projection<") < at(">layer 2<"), "{svg}");
        assert!(!svg.contains("choice"), "{svg}");
        let routed = drawn(&genome.replace(r#""projection": true"#, r#""depth": "token-choice""#), "a title");
        let at = |text: &str| routed.find(text).unwrap_or_else(|| panic!("{text}: {routed}"));
        assert!(at(">layer 0<") < at(">token-choice<") && at(">token-choice<") < at(">layer 1<"), "{routed}");
        // 3 · 8.
        assert!(routed.contains(">24 parameters<") && !routed.contains("projection"), "{routed}");
        // Norm 16, perceptron 2 · (64 + 8), coefficients 2, three times.
        assert!(svg.contains("486 parameters"), "{svg}");
    }

    #[test]
    fn a_token_of_several_steps_says_of_how_many() {
        let svg = drawn(r#"{"tokens": {"kind": "patch", "size": 8}}"#, "a title");
        assert!(svg.contains("patches of 8 steps, linear to width 32"), "{svg}");
        let svg = drawn(r#"{"tokens": {"kind": "values"}, "layout": "grid"}"#, "a title");
        assert!(svg.contains("values of 4 steps, 12 tokens each, one a channel"), "{svg}");
    }

    #[test]
    fn a_pointer_is_drawn_with_what_it_answers() {
        let genome = serde_json::from_str(r#"{"pooling": "none", "width": 8}"#).unwrap();
        for (ends, answer, parameters) in [(true, "up to the end", 600), (false, "each token once", 592)] {
            let svg = drawing(&Network::pointing(&genome, 2, Pointer { ends }), "a title");
            let parameters = format!("{parameters} parameters");
            for expected in ["points at tokens", "positions", answer, &parameters] {
                assert!(svg.contains(expected), "{expected}: {svg}");
            }
        }
    }

    #[test]
    fn layers_say_where_they_stand_in_a_skeleton() {
        let layers = r#""layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "gru"}, "part": 2}]"#;
        for (skeleton, expected) in [
            (r#"{"kind": "two-branch", "join": "sum"}"#, "layer 1, in branch 1"),
            (r#"{"kind": "two-branch", "join": "sum"}"#, "what both branches add, added"),
            (r#"{"kind": "two-branch", "join": "sum"}"#, r#"<path class="stream" d="M66 "#),
            (r#"{"kind": "u-shape"}"#, r#"<rect class="token" x="190""#),
            (r#"{"kind": "two-branch", "join": "concat"}"#, "both branches side by side, linear"),
            (r#"{"kind": "u-shape"}"#, "layer 1, on means of 4 tokens"),
        ] {
            let svg = drawn(&format!(r#"{{"skeleton": {skeleton}, {layers}}}"#), "a title");
            assert!(svg.contains(expected), "{expected}: {svg}");
        }
    }

    #[test]
    fn a_head_is_drawn_with_what_it_pools_and_how_it_answers() {
        for (genome, expected) in [
            (r#"{"pooling": "attention"}"#, "layer norm, attention over time, linear"),
            (
                r#"{"pooling": "step-mean", "head": "simplex"}"#,
                "mean of the votes of all steps, corners of a simplex",
            ),
        ] {
            assert!(drawn(genome, "a title").contains(expected), "{expected}");
        }
    }

    #[test]
    fn titles_are_escaped() {
        let svg = drawn("{}", "<b> & \"c\"\u{0}");
        assert!(svg.contains("<title>&lt;b&gt; &amp; &quot;c&quot; </title>"), "{svg}");
    }
}
