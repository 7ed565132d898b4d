//! OutRank's order by least redundancy, most relevance and most relation (3MR), for comparison.
//!
//! Plain mutual information throughout, nothing corrected for chance, so row numbers rank high. Relevance I(f; y),
//! redundancy I(f; g), entropies H(f) among it, and relation I((f, g); y) are each scaled to their own least and largest.
//! Then, one after the other, the column with the largest relevance − median redundancy + median relation, medians over
//! the columns chosen so far.

/// A number for each pair of columns, in either order.
pub struct Pairs {
    columns: usize,
    numbers: Vec<f64>,
}

impl Pairs {
    /// `number` is asked once for each pair, the lesser column first, and for a column with itself.
    pub fn of(columns: usize, mut number: impl FnMut(usize, usize) -> f64) -> Self {
        let mut pairs = Self { columns, numbers: vec![0.0; columns * columns] };
        for a in 0..columns {
            for b in a..columns {
                let number = number(a, b);
                pairs.numbers[a * columns + b] = number;
                pairs.numbers[b * columns + a] = number;
            }
        }
        pairs
    }

    fn at(&self, a: usize, b: usize) -> f64 {
        self.numbers[a * self.columns + b]
    }
}

/// Columns, the first to choose first; of equal ones (as `f32`, which OutRank writes) the one that is given first, where
/// OutRank takes whichever its processes wrote first. `relation` of a column with itself is not looked at.
pub fn three_mr(relevance: &[f64], redundancy: &Pairs, relation: &Pairs) -> Vec<usize> {
    let columns = relevance.len();
    let relevance = scaled(relevance, |_| true);
    let redundancy = Pairs { columns, numbers: scaled(&redundancy.numbers, |_| true) };
    let relation = Pairs { columns, numbers: scaled(&relation.numbers, |at| at / columns != at % columns) };
    let mut left: Vec<usize> = (0..columns).collect();
    let mut chosen = Vec::with_capacity(columns);
    while !left.is_empty() {
        let worth = |column: &usize| {
            let median_of =
                |pairs: &Pairs| median(chosen.iter().map(|other| pairs.at(*column, *other)).collect());
            relevance[*column] - median_of(&redundancy) + median_of(&relation)
        };
        let worths: Vec<f64> = left.iter().map(worth).collect();
        let best = (0..left.len()).max_by(|a, b| worths[*a].total_cmp(&worths[*b]).then(b.cmp(a)));
        chosen.push(left.remove(best.expect("some are left")));
    }
    chosen
}

/// To 0 … 1, by those at places that count.
fn scaled(numbers: &[f64], counts: impl Fn(usize) -> bool) -> Vec<f64> {
    let numbers: Vec<f64> = numbers.iter().map(|number| f64::from(*number as f32)).collect();
    let counting = || numbers.iter().enumerate().filter(|(at, _)| counts(*at)).map(|(_, number)| *number);
    let (low, high) = (counting().fold(f64::MAX, f64::min), counting().fold(f64::MIN, f64::max));
    let room = if high > low { high - low } else { 1.0 };
    numbers.iter().map(|number| (number - low) / room).collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[count / 2],
        count => (numbers[count / 2 - 1] + numbers[count / 2]) / 2.0,
    }
}
