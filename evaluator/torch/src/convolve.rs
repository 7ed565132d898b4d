//! Causal convolution with a kernel as long as the sequence, y[t] = Σ_l K[l] x[t − l], channel by channel: by FFT, or
//! term by term where sequences are so short that this is faster.

use tch::Tensor;

use crate::custom::{Functions, Operation};
use crate::kernels;

/// Steps up to which the terms are faster on the processor.
const SHORT: i64 = 16;

static BY_FFT: Operation = Operation::new(&Functions { forward, backward });

/// x is B×L×D, the kernel D×L, y is B×L×D. `mask` is B×L, 1 where a step is real, padding at the end, of which the real
/// steps of y see nothing. A transform rounds relative to its largest input, in both directions of time: so padding is
/// cleared, and lags that no case is long enough for have no gradient.
pub fn convolve(x: &Tensor, kernel: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let (x, kernel) = &mask.map_or_else(
        || (x.shallow_clone(), kernel.shallow_clone()),
        |mask| (x * mask.unsqueeze(-1), kernel * mask.amax(0, false)),
    );
    if kernels::suit(x) && x.size()[1] <= SHORT { by_terms(x, kernel) } else { by_fft(x, kernel) }
}

/// x is B×L×D, the kernel D×L, both on the processor.
pub fn by_terms(x: &Tensor, kernel: &Tensor) -> Tensor {
    let no_bias = Tensor::zeros([kernel.size()[0]], (x.kind(), x.device()));
    kernels::convolution::causal_convolution(x, kernel, &no_bias, 1)
}

/// x is B×L×D, the kernel D×L, on any device.
pub fn by_fft(x: &Tensor, kernel: &Tensor) -> Tensor {
    BY_FFT.apply(&[x, kernel])
}

/// The result and the two spectra.
fn forward(inputs: &[Tensor]) -> Vec<Tensor> {
    let (x, kernel) = (inputs[0].transpose(1, 2), &inputs[1]);
    let [of_x, of_kernel] = [&x, kernel].map(spectrum);
    let y = signal(&(&of_x * &of_kernel), kernel.size()[1]);
    vec![y.transpose(1, 2).contiguous(), of_x, of_kernel]
}

/// ∂x[s] = Σ_l K[l] ∂y[s + l], ∂K[l] = Σ_t ∂y[t] x[t − l] over all cases: convolutions with what is reversed in time,
/// whose spectrum is conjugate.
fn backward(saved: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let [of_x, of_kernel] = [&saved[2], &saved[3]];
    let (of_gradient, length) = (spectrum(&gradient.transpose(1, 2)), gradient.size()[1]);
    let x = signal(&(&of_gradient * of_kernel.conj()), length);
    let kernel = (of_gradient * of_x.conj()).sum_dim_intlist(0, false, None);
    vec![x.transpose(1, 2).contiguous(), signal(&kernel, length)]
}

/// Over the last dimension, which is made contiguous: transforms are faster so. With room for every product, so that
/// the end does not wrap around to the start.
fn spectrum(x: &Tensor) -> Tensor {
    x.contiguous().fft_rfft(padded(x.size()[x.dim() - 1]), -1, "backward")
}

/// The first `length` numbers.
fn signal(spectrum: &Tensor, length: i64) -> Tensor {
    spectrum.fft_irfft(padded(length), -1, "backward").narrow(-1, 0, length)
}

fn padded(length: i64) -> i64 {
    (2 * length as u64).next_power_of_two() as i64
}

#[cfg(test)]
mod tests {
    use hashing::Rng;
    use tch::Kind;

    use super::*;
    use crate::blocks::tests::assert_same;

    /// The definition.
    fn by_loop(x: &Tensor, kernel: &Tensor) -> Tensor {
        let (x, kernel) = (x.unbind(1), kernel.unbind(1));
        let step = |t: usize| (0..=t).fold(x[0].zeros_like(), |sum, l| sum.addcmul(&x[t - l], &kernel[l]));
        Tensor::stack(&(0..x.len()).map(step).collect::<Vec<_>>(), 1)
    }

    #[test]
    fn all_forms_are_the_loop_in_values_and_gradients() {
        for length in [1, 2, 3, 16, 17, 200] {
            let shapes = [vec![3, length, 16], vec![16, length]];
            for form in [by_terms, by_fft, |x: &Tensor, kernel: &Tensor| convolve(x, kernel, None)] {
                assert_same(|all| form(&all[0], &all[1]), |all| by_loop(&all[0], &all[1]), &shapes);
            }
        }
    }

    fn drawn(name: &str, shape: &[i64]) -> Tensor {
        let mut rng = Rng::named(0, name, 0);
        let values: Vec<f64> = (0..shape.iter().product()).map(|_: i64| rng.normal()).collect();
        Tensor::from_slice(&values).view(shape)
    }

    #[test]
    fn what_stands_in_padding_is_not_seen() {
        for length in [16, 100] {
            let (x, kernel) = (drawn("x", &[2, length, 8]), drawn("kernel", &[8, length]));
            let mask = Tensor::arange(length, (Kind::Int64, x.device())).lt(13).to_kind(Kind::Double);
            let mask = mask.unsqueeze(0).expand([2, length], true);
            let garbage = &x + (1.0 - mask.unsqueeze(-1)) * 1e9;
            let [expected, found] =
                [&x, &garbage].map(|x| convolve(x, &kernel, Some(&mask)).narrow(1, 0, 13));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn single_precision_is_close_to_double_on_long_sequences() {
        let (x, kernel) = (drawn("x", &[2, 5000, 8]), drawn("kernel", &[8, 5000]));
        let expected = convolve(&x, &kernel, None);
        let found = convolve(&x.to_kind(Kind::Float), &kernel.to_kind(Kind::Float), None);
        assert_eq!(found.kind(), Kind::Float);
        let largest = |x: &Tensor| x.abs().max().double_value(&[]);
        let error = largest(&(found.to_kind(Kind::Double) - &expected)) / largest(&expected);
        assert!(error < 1e-6, "{error:e}");
    }
}
