//! Snakes through the tokens of a batch: every case within its own length, so that padding stays at the end.

use tch::{Kind, Tensor};

/// One order of the tokens of every case.
#[derive(Debug)]
pub struct Snake {
    /// B×T: of every place the token that stands there.
    tokens: Tensor,
    /// B×T: of every token its place.
    places: Tensor,
    /// B×T: of every place how the snake moved to reach it, as `spaces` numbers directions.
    arrivals: Tensor,
}

/// What undoes each direction.
const OPPOSITE: [i64; 5] = [0, 2, 1, 4, 3];

impl Snake {
    /// `lengths` are B, int64, of steps; of T tokens at most, so many for each step. The number is that of
    /// [`spaces::sequence::snake`].
    pub fn new(number: usize, lengths: &Tensor, tokens: i64, columns: i64) -> Self {
        let (cases, device) = (lengths.size()[0], lengths.device());
        let (through_rows, backwards) = (number < 2, number % 2 == 1);
        let steps = lengths.unsqueeze(1);
        let real = &steps * columns;
        let place = Tensor::arange(tokens, (Kind::Int64, device)).expand([cases, tokens], false);
        let extent = if through_rows { steps.full_like(columns) } else { steps };
        let line = place.divide_tensor_mode(&extent, "floor");
        let along = &place - &line * &extent;
        let odd = line.remainder(2).eq(1);
        let turned = (&extent - 1 - &along).where_self(&odd, &along);
        let visited = if through_rows { &line * columns + &turned } else { &turned * columns + &line };
        // A padded token stays where it is.
        let is_real = place.lt_tensor(&real);
        let visited = visited.where_self(&is_real, &place);
        let [ahead, back, onwards] = if through_rows { [1, 2, 3] } else { [3, 4, 1] };
        let ahead = (odd.to_kind(Kind::Int64) * (back - ahead)) + ahead;
        let arrivals = ahead.masked_fill(&along.eq(0), onwards).masked_fill(&place.eq(0), 0);
        if !backwards {
            return Self { places: visited.argsort(1, false), tokens: visited, arrivals };
        }
        let mirrored = (&real - 1 - &place).where_self(&is_real, &place);
        let visited = visited.gather(1, &mirrored, false);
        // The step to a place undoes the one from it, which was to the place behind its mirror image.
        let undone = (&real - &place).clamp(0, tokens - 1);
        let opposite = Tensor::from_slice(&OPPOSITE).to_device(device);
        let arrivals = opposite.take(&arrivals.gather(1, &undone, false)).masked_fill(&place.eq(0), 0);
        Self { places: visited.argsort(1, false), tokens: visited, arrivals }
    }

    /// B×T×D along the snake, with a row of `table` for every direction, if there is one.
    pub fn along(&self, x: &Tensor, table: Option<&Tensor>) -> Tensor {
        let along = taken(x, &self.tokens);
        match table {
            Some(table) => along + table.index_select(0, &self.arrivals.flatten(0, 1)).view_as(x),
            None => along,
        }
    }

    /// Back to the order of tokens.
    pub fn undo(&self, y: &Tensor) -> Tensor {
        taken(y, &self.places)
    }
}

/// Rows of every case by their numbers, B×T.
fn taken(x: &Tensor, numbers: &Tensor) -> Tensor {
    let (cases, tokens) = numbers.size2().expect("numbers are B×T");
    let first = Tensor::arange(cases, (Kind::Int64, x.device())).unsqueeze(1) * tokens;
    x.flatten(0, 1).index_select(0, &(numbers + first).flatten(0, 1)).view_as(x)
}

#[cfg(test)]
mod tests {
    use spaces::sequence::snake;

    use super::*;

    #[test]
    fn every_case_is_visited_within_its_own_length() {
        let (lengths, longest) = ([4i64, 1, 3], 6);
        for (columns, number) in [1, 2, 3].into_iter().flat_map(|columns| [0, 1, 2, 3].map(|n| (columns, n)))
        {
            let tokens = longest * columns;
            let found = Snake::new(number, &Tensor::from_slice(&lengths), tokens, columns);
            for (case, length) in lengths.into_iter().enumerate() {
                let mut expected = snake(number, length as usize, columns as usize);
                expected.extend((length * columns) as usize..tokens as usize);
                let visited = Vec::<i64>::try_from(found.tokens.get(case as i64)).unwrap();
                assert!(visited.iter().map(|token| *token as usize).eq(expected), "{number} {columns}");
            }
            let x = Tensor::arange(3 * tokens, (Kind::Double, tch::Device::Cpu)).view([3, tokens, 1]);
            assert_eq!(found.undo(&found.along(&x, None)), x);
        }
    }
}
