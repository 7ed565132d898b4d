//! What programs that tell classes apart are measured by: logistic regression and a network of two layers, both trained by
//! gradient descent, written as programs and judged as such.

use evaluator::program::{Judge, NoJudge, ProgramTask, SpaceName};
use spaces::program::Program;
use tasks::{Fitness, Part};

/// An algorithm of the textbooks, with the learning rate that does best on the tasks that select.
pub struct Reference {
    pub name: &'static str,
    pub rate: f64,
    /// On the tasks that nothing was chosen by.
    pub fitness: f64,
}

const RATES: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

const LOGISTIC: &str = "
def setup():
    s2 = constant(RATE)
def predict():
    s1 = dot(v0, v1)
    s1 = add(s1, s3)
def learn():
    s4 = subtract(s0, s1)
    s4 = multiply(s2, s4)
    s3 = add(s3, s4)
    v2 = multiply(s4, v0)
    v1 = add(v1, v2)
";

/// As many hidden units as features, rectified; weights begin with a variance of one over their number.
const NETWORK: &str = "
def setup():
    s2 = constant(RATE)
    m0 = gaussian(0, SPREAD)
    v1 = gaussian(0, SPREAD)
def predict():
    v2 = matmul(m0, v0)
    v2 = add(v2, v6)
    v3 = maximum(v2, v9)
    s1 = dot(v1, v3)
    s1 = add(s1, s5)
def learn():
    s3 = subtract(s0, s1)
    s3 = multiply(s2, s3)
    s5 = add(s5, s3)
    v4 = multiply(s3, v3)
    v7 = multiply(s3, v1)
    v8 = heaviside(v2)
    v7 = multiply(v7, v8)
    v1 = add(v1, v4)
    v6 = add(v6, v7)
    m1 = outer(v7, v0)
    m0 = add(m0, m1)
";

/// None where there are no classes.
pub fn references(task: &ProgramTask) -> Result<Vec<Reference>, NoJudge> {
    if task.learn.fitness() != Fitness::Accuracy {
        return Ok(Vec::new());
    }
    let task = ProgramTask { programs: SpaceName::Wide, ..task.clone() };
    let (mut selector, mut fresh) = (task.judge(Part::Selection)?, task.judge(Part::Final)?);
    let algorithms = [("logistic regression", LOGISTIC), ("two-layer network", NETWORK)];
    Ok(algorithms.map(|(name, text)| reference(name, text, task.features, &mut selector, &mut fresh)).into())
}

fn reference(
    name: &'static str,
    text: &str,
    features: usize,
    selector: &mut Judge,
    fresh: &mut Judge,
) -> Reference {
    let program = |rate: f64| -> Program {
        let spread = 1.0 / (features as f64).sqrt();
        let text = text.replace("RATE", &rate.to_string()).replace("SPREAD", &spread.to_string());
        text.parse().expect("a program of this file")
    };
    let judged = RATES.map(|rate| (rate, selector.judge(&program(rate))));
    let best = judged.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
    let (rate, _) = best.expect("there are rates");
    Reference { name, rate, fitness: fresh.judge(&program(rate)) }
}

#[cfg(test)]
mod tests {
    use evaluator::program::Learn;

    use super::*;

    #[test]
    fn textbook_algorithms_learn_digits_and_are_not_asked_of_numbers() {
        let found = references(&ProgramTask::new(Learn::Digits, None)).unwrap();
        assert_eq!(found.len(), 2);
        for Reference { name, rate, fitness } in found {
            assert!(fitness > 0.85, "{name} at {rate}: {fitness}");
        }
        assert!(references(&ProgramTask::new(Learn::Linear, None)).unwrap().is_empty());
    }
}
