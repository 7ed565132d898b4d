//! What a found program is made of: as little as does the same, and what every line of it is good for.

use evaluator::program::Judge;
use spaces::program::{Function, Instruction, Program, canonicalize};

/// An instruction, and what becomes of the program without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub function: Function,
    pub instruction: Instruction,
    /// The fitness of the program without this line.
    pub fitness_without: f64,
}

/// How much fitness a line may be worth that is left out.
const NOTHING: f64 = 1e-6;

/// The canonical form of the program without the lines that its fitness does not need, the last ones first.
pub fn simplified(program: &Program, judge: &mut Judge) -> Program {
    let mut best = canonicalize(program);
    let mut fitness = judge.judge(&best);
    loop {
        let shorter = shorter_ones(&best)
            .map(|shorter| (judge.judge(&shorter), shorter))
            .find(|(without, _)| *without >= fitness - NOTHING);
        match shorter {
            Some((without, shorter)) => {
                best = canonicalize(&shorter);
                fitness = without.max(fitness);
            }
            None => return best,
        }
    }
}

/// Every line with the fitness that is left when it is gone.
pub fn explained(program: &Program, judge: &mut Judge) -> Vec<Line> {
    let lines = program.instructions().map(|(function, instruction)| (function, *instruction));
    let without: Vec<Program> = places(program).map(|place| without(program, place)).collect();
    let explained = lines.zip(without).map(|((function, instruction), without)| Line {
        function,
        instruction,
        fitness_without: judge.judge(&without),
    });
    explained.collect()
}

/// The root mean squared error that has this fitness; infinite for a fitness of 0.
pub fn error_of(fitness: f64) -> f64 {
    if fitness <= 0.0 { f64::INFINITY } else { libm::tan(std::f64::consts::FRAC_PI_2 * (1.0 - fitness)) }
}

fn shorter_ones(program: &Program) -> impl Iterator<Item = Program> + '_ {
    let places: Vec<_> = places(program).collect();
    places.into_iter().rev().map(|place| without(program, place))
}

fn places(program: &Program) -> impl Iterator<Item = (Function, usize)> + '_ {
    Function::ALL
        .into_iter()
        .flat_map(|function| (0..program.function(function).len()).map(move |i| (function, i)))
}

fn without(program: &Program, (function, place): (Function, usize)) -> Program {
    let mut shorter = program.clone();
    shorter.function_mut(function).remove(place);
    shorter
}

#[cfg(test)]
mod tests {
    use evaluator::program::Rules;
    use spaces::program::Memory;
    use tasks::{Family, Size};

    use super::*;

    #[test]
    fn what_is_left_is_gradient_descent_and_every_line_of_it_is_needed() {
        let text = "def setup():\n s3 = constant(0.5)\n s2 = constant(0.1)\n v2 = set(v2, 0, 0)\ndef predict():\n s1 = dot(v0, v1)\n \
            s2 = constant(0.1)\ndef learn():\n s3 = subtract(s0, s1)\n s0 = sin(s0)\n s3 = multiply(s2, s3)\n v2 = multiply(s3, v0)\n \
            v1 = add(v1, v2)\n v2 = subtract(v2, v2)\n";
        let size = Size { features: 4, training: 100, validation: 50 };
        let problems: Vec<_> = (0..5).map(|n| Family::Linear.problem(size, 0, n).unwrap()).collect();
        let mut judge = Judge::new(&problems, Memory::new(4, 3, 1).unwrap(), Rules::default()).unwrap();
        let simple = simplified(&text.parse().unwrap(), &mut judge);
        assert_eq!(simple.instructions().count(), 6, "{simple}");
        let fitness = judge.judge(&simple);
        for line in explained(&simple, &mut judge) {
            assert!(line.fitness_without < fitness - 0.01, "{line:?}");
        }
        assert!((error_of(0.5) - 1.0).abs() < 1e-12 && error_of(0.0).is_infinite());
    }
}
