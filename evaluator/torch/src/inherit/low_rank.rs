//! Low-rank corrections of a shared matrix, from the matrices that it replaces (Bae et al. 2024, arXiv 2410.20672).

use tch::Tensor;

/// Singular values below this share of the largest are rounding.
const NOTHING: f64 = 1e-12;

/// Matrices A (rank × inputs) and B (outputs × rank) whose product is the closest to `residual` (outputs × inputs) of that
/// rank: residual = U Σ Vᵀ, A = V_rᵀ, B = U_r Σ_r. What is left has the norm √(Σ_{i > r} σ_i²) (Eckart and Young 1936).
/// Directions that the residual does not have start as they do afresh: A as in `fresh`, B at zero.
pub fn low_rank(residual: &Tensor, rank: i64, fresh: &Tensor) -> [Tensor; 2] {
    let (u, sigma, v) = residual.svd(true, true);
    let values: Vec<f64> = Vec::try_from(&sigma).expect("a vector of doubles on the processor");
    let least = NOTHING * values.first().copied().unwrap_or(0.0);
    let kept = (values.iter().filter(|value| **value > least).count() as i64).min(rank);
    let down = Tensor::cat(&[v.narrow(1, 0, kept).tr(), fresh.narrow(0, kept, rank - kept)], 0);
    let up = u.narrow(1, 0, kept) * sigma.narrow(0, 0, kept);
    let up = up.constant_pad_nd([0, rank - kept]);
    [down, up]
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;

    fn drawn(name: &str, rows: i64, columns: i64) -> Tensor {
        let mut rng = Rng::named(1, name, 0);
        let values: Vec<f64> = (0..rows * columns).map(|_| rng.normal()).collect();
        Tensor::from_slice(&values).view([rows, columns])
    }

    fn norm(x: &Tensor) -> f64 {
        x.square().sum(None).double_value(&[]).sqrt()
    }

    #[test]
    fn what_is_left_is_the_tail_of_the_singular_values() {
        for (rows, columns) in [(12, 8), (8, 12), (7, 7)] {
            let residual = drawn("residual", rows, columns);
            let values: Vec<f64> = Vec::try_from(residual.svd(true, true).1).unwrap();
            for rank in 0..=values.len() {
                let fresh = drawn("fresh", rank as i64, columns);
                let [down, up] = low_rank(&residual, rank as i64, &fresh);
                assert_eq!((down.size(), up.size()), (vec![rank as i64, columns], vec![rows, rank as i64]));
                let tail = values[rank..].iter().map(|value| value * value).sum::<f64>().sqrt();
                let left = norm(&(&residual - up.matmul(&down)));
                assert!((left - tail).abs() < 1e-12 * norm(&residual), "rank {rank}: {left} and {tail}");
            }
        }
    }

    #[test]
    fn directions_that_are_not_there_start_afresh() {
        let fresh = drawn("fresh", 4, 6);
        let [down, up] = low_rank(&Tensor::zeros([5, 6], (tch::Kind::Double, tch::Device::Cpu)), 4, &fresh);
        assert_eq!((down == fresh, norm(&up)), (true, 0.0));
        let once = drawn("left", 5, 1).matmul(&drawn("right", 1, 6));
        let [down, up] = low_rank(&once, 4, &fresh);
        assert!(norm(&(&once - up.matmul(&down))) < 1e-12);
        assert_eq!(down.narrow(0, 1, 3), fresh.narrow(0, 1, 3));
        assert_eq!(norm(&up.narrow(1, 1, 3)), 0.0);
        let more = low_rank(&once, 8, &drawn("more", 8, 6));
        assert_eq!(more[1].size(), [5, 8], "a rank above that of any matrix of this shape");
    }
}
