//! Tasks whose cases have no class: a target at every step, or at some (the MAD tasks and text), or positions of the input.

use serde::{Deserialize, Serialize};
use spaces::sequence::{Genome, Layout, Network, Pointer, Pooling, Shape, Skeleton, Tokenizer};
use tasks::Windows;
use tasks::mad::{self, Kind, Mad};
use tasks::pointing::{self, Pointing};

/// What is asked at the steps. Read from files only where it can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "Unchecked")]
pub enum Steps {
    /// Each is trained and scored by itself; the mean decides.
    Mad(Vec<Mad>),
    /// The next character.
    Text(Windows),
    /// Positions of the input, in turn.
    Pointing(Pointing),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unchecked {
    Mad(Vec<Mad>),
    Text(Windows),
    Pointing(Pointing),
}

impl TryFrom<Unchecked> for Steps {
    type Error = String;

    fn try_from(unchecked: Unchecked) -> Result<Self, String> {
        let steps = match unchecked {
            Unchecked::Mad(tasks) => Self::Mad(tasks),
            Unchecked::Text(windows) => Self::Text(windows),
            Unchecked::Pointing(task) => Self::Pointing(task),
        };
        steps.check().map(|()| steps)
    }
}

/// What is trained by itself: a task with one model, or one of several that a candidate is put to.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Of its score and of the folder of its export; empty where there is no other.
    pub name: String,
    pub shape: Shape,
    /// Names of the outputs.
    pub classes: Vec<String>,
    /// Steps of the longest case.
    pub longest: usize,
    /// Whether one vector tells everything, whatever the genome pools.
    from_last: bool,
    /// Where positions are asked for.
    pointer: Option<Pointer>,
}

impl Steps {
    /// The tasks that a name on the command line means: all of `mad`, or one of them as in `mad/compression`.
    pub fn mad(name: &str, full: bool) -> Option<Self> {
        let sized = |kind: Kind| if full { kind.published() } else { kind.small() };
        let one = name.strip_prefix("mad/");
        let wanted = |kind: &Kind| name == "mad" || one == Some(kind.name());
        let tasks: Vec<Mad> = Kind::ALL.into_iter().filter(wanted).map(sized).collect();
        (!tasks.is_empty()).then_some(Self::Mad(tasks))
    }

    /// The task of this name that is answered by positions, as in `sort`.
    pub fn pointing(name: &str) -> Option<Self> {
        let kind = pointing::Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Self::Pointing(kind.small()))
    }

    /// Whether positions of the input are asked for.
    pub fn points(&self) -> bool {
        matches!(self, Self::Pointing(_))
    }

    /// How numbers come in, and what training lowers, as the context has them.
    pub(super) fn training(&self) -> [&'static str; 2] {
        match self {
            Self::Mad(_) | Self::Text(_) => {
                ["one channel a token", "cross-entropy of the steps that have a target"]
            }
            Self::Pointing(_) => {
                ["channels standardized as uniform", "cross-entropy of every position, told those before it"]
            }
        }
    }

    /// Why this genome cannot be put to such a task, if it cannot.
    pub(super) fn unfit(&self, genome: &Genome) -> Option<String> {
        match self {
            Self::Mad(_) | Self::Text(_) => unfit(genome),
            Self::Pointing(_) => Pointer::unfit(genome),
        }
    }

    /// Why nothing can be asked so, if nothing can.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Text(windows) => windows.check(),
            Self::Pointing(task) => task.check(),
            Self::Mad(tasks) if tasks.is_empty() => Err("no task to train on; name one".into()),
            Self::Mad(tasks) => {
                let twice = |(i, task): (usize, &Mad)| tasks[..i].iter().any(|it| it.task == task.task);
                if tasks.iter().enumerate().any(twice) {
                    return Err("a task is named twice; each has one score".into());
                }
                tasks.iter().try_for_each(Mad::check)
            }
        }
    }

    /// Everything that the cases depend on, where no data tell.
    pub fn describe(&self) -> String {
        match self {
            Self::Text(windows) => format!("text {windows:?}, the last tenth validates"),
            Self::Mad(tasks) => format!("mad v{} {tasks:?}", mad::VERSION),
            Self::Pointing(task) => format!("pointing v{} {task:?}", pointing::VERSION),
        }
    }
}

impl Part {
    /// Of a text in this alphabet, or of cases with a class each.
    pub(super) fn whole(shape: Shape, classes: Vec<String>, longest: usize) -> Self {
        Self { name: String::new(), shape, classes, longest, from_last: false, pointer: None }
    }

    /// Compression has an output for every step and token, from the vector of the last step.
    pub(super) fn of(task: &Mad, alone: bool) -> Self {
        let (channels, from_last) = (task.vocabulary, task.task == Kind::Compression);
        let classes: Vec<String> = match from_last {
            false => (0..channels).map(|token| token.to_string()).collect(),
            true => (0..channels * task.steps())
                .map(|output| format!("step {}: {}", output / channels, output % channels))
                .collect(),
        };
        let name = if alone { String::new() } else { task.task.name().replace('-', "_") };
        let shape = Shape { channels, classes: classes.len() };
        Self { name, shape, classes, longest: task.steps(), from_last, pointer: None }
    }

    /// There are no classes: a case has as many as tokens.
    pub(super) fn pointing(task: &Pointing) -> Self {
        let shape = Shape { channels: task.task.channels(), classes: 0 };
        let pointer = Some(Pointer { ends: task.task.ends() });
        Self { pointer, ..Self::whole(shape, Vec::new(), task.longest) }
    }

    /// The network that is trained.
    pub fn network(&self, genome: &Genome) -> Network {
        if let Some(pointer) = self.pointer {
            return Network::pointing(genome, self.shape.channels, pointer);
        }
        let pooling = if self.from_last { Pooling::Last } else { genome.pooling };
        Network::new(&Genome { pooling, ..genome.clone() }, self.shape)
    }
}

/// Why this genome cannot be put to a task with a target at every step, if it cannot.
fn unfit(genome: &Genome) -> Option<String> {
    if genome.pooling != Pooling::None {
        return Some("it pools, and every step has a target; give \"pooling\": \"none\"".into());
    }
    if genome.layout != Layout::Steps {
        return Some(
            "its tokens are channels, and every step has a target; give \"layout\": \"steps\"".into(),
        );
    }
    if genome.tokens != Tokenizer::Steps {
        return Some(format!(
            "{} are one token, and every step has a target; give \"tokens\": {{\"kind\": \"steps\"}}",
            genome.tokens
        ));
    }
    if genome.skeleton == Skeleton::UShape {
        return Some(
            "it pools steps, and every one has a target; give \"skeleton\": {\"kind\": \"stack\"}".into(),
        );
    }
    let (number, kind) = genome.looks_ahead()?;
    Some(format!(
        "`{kind}` of layer {number} sees later steps, or how many there are; give it the order forward, make it \
         causal, and its groups strided"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genome(json: &str) -> Genome {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn names_mean_one_task_or_all() {
        let count = |name: &str| match Steps::mad(name, true) {
            Some(Steps::Mad(tasks)) => tasks.len(),
            _ => 0,
        };
        assert_eq!(["mad", "mad/compression", "mad/", "made", "compression"].map(count), [6, 1, 0, 0, 0]);
    }

    #[test]
    fn what_sees_the_answers_is_unfit() {
        let fit = r#"{"pooling": "none", "layers": [{"token": {"kind": "gru"}},
            {"token": {"kind": "attention", "causal": true}, "channel": {"kind": "mlp"}}]}"#;
        assert_eq!(unfit(&genome(fit)), None);
        let unfits = [
            (r#"{"layers": []}"#, "it pools"),
            (r#"{"layout": "grid", "pooling": "none"}"#, "its tokens are channels"),
            (r#"{"tokens": {"kind": "patch"}, "pooling": "none"}"#, "patches of 4 steps are one token"),
            (r#"{"skeleton": {"kind": "u-shape"}, "pooling": "none"}"#, "it pools steps"),
            (
                r#"{"pooling": "none", "layers": [{"token": {"kind": "attention"}}]}"#,
                "`attention` of layer 0 sees",
            ),
            (
                r#"{"pooling": "none", "layers": [{"token": {"kind": "gru"}, "order": "reverse"}]}"#,
                "`gru` of layer 0 sees",
            ),
        ];
        for (json, word) in unfits {
            assert!(unfit(&genome(json)).unwrap().contains(word), "{json}");
        }
    }

    #[test]
    fn compression_is_told_from_one_vector() {
        let part = Part::of(&Kind::Compression.small(), true);
        let network = part.network(&genome(r#"{"pooling": "none"}"#));
        assert_eq!((network.genome.pooling, network.shape.classes), (Pooling::Last, 16 * 16));
        assert_eq!((part.classes[0].as_str(), part.classes[255].as_str()), ("step 0: 0", "step 15: 15"));
        let other = Part::of(&Kind::Memorization.small(), false);
        assert_eq!(other.network(&genome(r#"{"pooling": "none"}"#)).genome.pooling, Pooling::None);
        assert_eq!((other.name.as_str(), other.classes.len()), ("memorization", 128));
    }

    #[test]
    fn what_points_is_unpooled_and_may_see_all_steps() {
        let steps = Steps::pointing("convex-hull").unwrap();
        assert!(steps.points() && Steps::pointing("mad").is_none());
        let sees_all = genome(r#"{"pooling": "none", "layers": [{"token": {"kind": "attention"}}]}"#);
        assert_eq!(steps.unfit(&sees_all), None);
        assert!(Steps::mad("mad", false).unwrap().unfit(&sees_all).is_some());
        assert!(steps.unfit(&genome("{}")).unwrap().contains("pooling mean"));
        let grid = genome(r#"{"pooling": "none", "layout": "grid"}"#);
        assert!(steps.unfit(&grid).unwrap().contains("layout grid"));
        let Steps::Pointing(task) = &steps else { panic!() };
        let network = Part::pointing(task).network(&sees_all);
        assert_eq!(
            (network.shape, network.pointer),
            (Shape { channels: 2, classes: 0 }, Some(Pointer { ends: true }))
        );
    }

    #[test]
    fn settings_from_elsewhere_are_checked() {
        let sort = serde_json::to_string(&Steps::pointing("sort").unwrap()).unwrap();
        assert!(serde_json::from_str::<Steps>(&sort).unwrap().points());
        let odd = sort.replace("\"longest\":10", "\"longest\":1");
        assert!(serde_json::from_str::<Steps>(&odd).unwrap_err().to_string().contains("5 to 1 tokens"));
        let steps = |tasks| Steps::Mad(tasks).check();
        assert_eq!(steps(vec![Kind::Compression.small()]), Ok(()));
        assert!(steps(vec![]).unwrap_err().contains("no task"));
        assert!(steps(vec![Kind::Compression.small(); 2]).unwrap_err().contains("twice"));
        let odd = Mad { length: 7, ..Kind::Memorization.small() };
        assert!(steps(vec![odd]).unwrap_err().contains("mad/memorization: length must be even"));
        assert!(Steps::Text(Windows { length: 0, ..Windows::default() }).check().is_err());
        let written = serde_json::to_string(&Steps::Mad(vec![Kind::Compression.small()])).unwrap();
        assert!(serde_json::from_str::<Steps>(&written).is_ok());
        let odd = written.replace("\"vocabulary\":16", "\"vocabulary\":0");
        assert!(serde_json::from_str::<Steps>(&odd).unwrap_err().to_string().contains("fewer than 6"));
    }
}
