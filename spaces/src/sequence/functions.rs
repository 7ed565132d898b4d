//! Transcendental functions of definitions: from additions, multiplications, divisions and moves of bits alone, each
//! of them rounded as IEEE 754 says, in a fixed order, never fused. So they give the same bits on every machine and
//! for every width of its vectors. No branch depends on a value, so the compiler runs them over slices side by side.
//!
//! Every function reduces its argument to a short interval and evaluates a polynomial there, interpolated at
//! Chebyshev's nodes in 60 digits; `exp` reduces as Cody and Waite (1980) do, with ln 2 in two parts.

use std::f64::consts::{FRAC_2_PI, LOG2_E};

/// eˣ, within 2e-16 of itself; 0 and infinity where they are nearest, subnormal numbers between.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (scales, rest) = exp_parts(x);
    (1.0 + rest) * scales.0 * scales.1
}

/// eˣ − 1, precise near 0 too; for x up to 700.
#[inline(always)]
fn exp_m1(x: f64) -> f64 {
    let (scales, rest) = exp_parts(x);
    let scale = scales.0 * scales.1;
    rest * scale + (scale - 1.0)
}

#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// x·σ(x).
#[inline(always)]
pub fn silu(x: f64) -> f64 {
    x / (1.0 + exp(-x))
}

/// max(x, 0).
#[inline(always)]
pub fn relu(x: f64) -> f64 {
    above(x, 0.0)
}

/// (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ).
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let decayed = exp_m1(-2.0 * x.abs());
    (-decayed / (2.0 + decayed)).copysign(x)
}

/// ln(1 + eˣ), as max(x, 0) + ln(1 + e^−|x|).
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    relu(x) + ln_1p_of_unit(exp(-x.abs()))
}

/// x·Φ(x), with the distribution function Φ of the normal distribution.
#[inline(always)]
pub fn gelu(x: f64) -> f64 {
    let tail = normal_tail(x.abs());
    x * (if x < 0.0 { tail } else { 1.0 - tail })
}

/// Within 2e-16 for |x| up to 10⁶; beyond, the error grows with x.
#[inline(always)]
pub fn sin(x: f64) -> f64 {
    let (quarter, sin, cos) = sin_cos_parts(x);
    let size = if quarter & 1 == 0 { sin } else { cos };
    f64::from_bits(size.to_bits() ^ ((quarter & 2) << 62))
}

/// As precise as [`sin`].
#[inline(always)]
pub fn cos(x: f64) -> f64 {
    let (quarter, sin, cos) = sin_cos_parts(x);
    let size = if quarter & 1 == 0 { cos } else { sin };
    f64::from_bits(size.to_bits() ^ ((quarter.wrapping_add(1) & 2) << 62))
}

/// x, but at least `least`; NaN stays.
#[inline(always)]
fn above(x: f64, least: f64) -> f64 {
    if x < least { least } else { x }
}

/// x, but at most `most`; NaN stays.
#[inline(always)]
fn below(x: f64, most: f64) -> f64 {
    if x > most { most } else { x }
}

/// Σ coefficients[i]·xⁱ: even and odd powers by Horner's scheme, each in x².
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let square = x * x;
    let (mut this, mut other) = (coefficients[N - 2], coefficients[N - 1]);
    for i in (0..N - 2).rev() {
        (this, other) = (other * square + coefficients[i], this);
    }
    this + x * other
}

/// x = k·ln 2 + r with |r| ≤ ½ ln 2: two factors whose product is 2ᵏ, and eʳ − 1. Two, as 2ᵏ alone has no `f64`
/// where eˣ is subnormal or just finite.
#[inline(always)]
fn exp_parts(x: f64) -> ((f64, f64), f64) {
    /// eˣ is 0 below and infinite above.
    const ENDS: (f64, f64) = (-746.0, 710.0);
    /// Added to a number, leaves it rounded to an integer, plus twice the bias of exponents, in the last twelve bits.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64 + 2046.0;
    /// The first has zeros at its end: times any k, it is exact.
    const LN_2: (f64, f64) = (f64::from_bits(0x3fe6_2e42_fee0_0000), 1.908_214_929_270_587_7e-10);

    let x = above(below(x, ENDS.1), ENDS.0);
    let rounded = x * LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2.0) - k * LN_2.1;
    // Shifted to where the exponent stands; what is above the twelve bits falls off.
    let half = rounded.to_bits() >> 1;
    let scales = (half, rounded.to_bits() - half);
    let power = |exponent: u64| f64::from_bits(exponent << 52);
    ((power(scales.0), power(scales.1)), r + r * r * polynomial(r, &EXP))
}

/// x = k·π/2 + r with |r| ≤ π/4: k in the last bits of a number, sin r, cos r.
#[inline(always)]
fn sin_cos_parts(x: f64) -> (u64, f64, f64) {
    /// Added to a number, leaves it rounded to an integer in the last bits.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    /// π/2 in three parts: 33 bits, 33 bits and the rest, so that the products of the first two with k are exact.
    const HALF_PI: [f64; 3] = [
        f64::from_bits(0x3ff9_21fb_5440_0000),
        f64::from_bits(0x3dd0_b461_1a60_0000),
        2.022_266_248_795_950_6e-21,
    ];

    let rounded = x * FRAC_2_PI + ROUND;
    let k = rounded - ROUND;
    let r = ((x - k * HALF_PI[0]) - k * HALF_PI[1]) - k * HALF_PI[2];
    let square = r * r;
    let sin = r + r * square * polynomial(square, &SIN);
    let cos = 1.0 - 0.5 * square + square * square * polynomial(square, &COS);
    (rounded.to_bits(), sin, cos)
}

/// ln(1 + y) for y in 0..=1: twice the area hyperbolic tangent of y/(2 + y).
#[inline(always)]
fn ln_1p_of_unit(y: f64) -> f64 {
    let s = y / (2.0 + y);
    let square = s * s;
    2.0 * s + s * square * polynomial(square, &AREA)
}

/// 1 − Φ(z) for z ≥ 0: e^(−z²/2)/(z + c) times a polynomial in (z − c)/(z + c), after Shepherd and Laframboise (1981).
#[inline(always)]
fn normal_tail(z: f64) -> f64 {
    const C: f64 = 4.5;
    /// The tail is 0 above.
    const END: f64 = 40.0;
    let z = below(z, END);
    let inverse = 1.0 / (z + C);
    exp(-0.5 * z * z) * inverse * polynomial((z - C) * inverse, &TAIL)
}

/// (eʳ − 1 − r)/r² for |r| ≤ ½ ln 2, to 2e-17 of eʳ.
const EXP: [f64; 10] = [
    0.500_000_000_000_000_1,
    0.166_666_666_666_666_69,
    0.041_666_666_666_624_13,
    0.008_333_333_333_330_062,
    0.001_388_888_891_721_371_7,
    0.000_198_412_698_630_536_18,
    2.480_152_129_595_437_6e-5,
    2.755_726_845_999_706_4e-6,
    2.762_008_844_540_974_6e-7,
    2.510_038_549_551_032e-8,
];

/// (sin r − r)/r³ in r² for |r| ≤ π/4, to 2e-17 of sin r.
const SIN: [f64; 6] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_330_948,
    -0.000_198_412_698_367_567_74,
    2.755_731_610_161_787_4e-6,
    -2.505_113_165_023_518e-8,
    1.591_811_526_326_597_4e-10,
];

/// (cos r − 1 + r²/2)/r⁴ in r² for |r| ≤ π/4, to 2e-18 of cos r.
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_739_8,
    2.480_158_729_876_456e-5,
    -2.755_731_727_114_514_4e-7,
    2.087_614_614_655_861e-9,
    -1.138_262_364_747_460_4e-11,
];

/// (2 artanh s − 2s)/s³ in s² for s in 0..=⅓, to 8e-18 of 2 artanh s.
const AREA: [f64; 10] = [
    0.666_666_666_666_666_6,
    0.400_000_000_000_145_85,
    0.285_714_285_671_087_6,
    0.222_222_227_174_278_64,
    0.181_817_894_361_328_59,
    0.153_855_700_649_586_23,
    0.133_141_442_096_549_35,
    0.120_010_728_095_907_13,
    0.088_007_384_861_446_74,
    0.161_640_456_119_435_3,
];

/// (z + c)·e^(z²/2)·(1 − Φ(z)) in (z − c)/(z + c) for z ≥ 0, to 1e-16 of itself.
const TAIL: [f64; 23] = [
    0.763_230_528_970_203_2,
    -0.640_257_760_252_616_4,
    0.446_452_517_055_678_8,
    -0.253_141_799_951_03,
    0.111_382_596_570_211_8,
    -0.033_871_326_175_496_98,
    0.004_223_613_380_222_517,
    0.001_748_830_546_878_372_7,
    -0.000_917_746_504_616_300_9,
    6.381_301_387_947_126e-6,
    0.000_112_042_734_053_610_24,
    -1.593_374_804_746_960_4e-5,
    -1.423_608_032_308_793_9e-5,
    3.192_101_291_513_06e-6,
    2.143_361_572_838_347e-6,
    -5.037_939_004_504_018e-7,
    -3.800_815_165_641_788e-7,
    6.609_076_515_815_807e-8,
    7.121_242_949_722_104e-8,
    -6.187_992_570_040_285e-9,
    -1.150_778_009_318_618_6e-8,
    2.694_771_971_116_124_5e-10,
    1.090_580_230_758_969_4e-9,
];

#[cfg(test)]
mod tests {
    use hashing::KeyWriter;

    use super::*;
    use crate::sequence::math::Matrix;

    type Function = fn(f64) -> f64;

    /// Evenly spaced, both ends among them.
    fn points(count: u32, low: f64, high: f64) -> impl Iterator<Item = f64> {
        (0..count).map(move |i| low + (high - low) * f64::from(i) / f64::from(count - 1))
    }

    /// Errors are relative to the larger of `floor` and the value.
    fn agree(name: &str, functions: [Function; 2], floor: f64, tolerance: f64, intervals: &[[f64; 2]]) {
        let [found, expected] = functions;
        let one = |x| (found(x) - expected(x)).abs() / expected(x).abs().max(floor);
        for [low, high] in intervals {
            let error = points(100_001, *low, *high).map(one).fold(0.0, f64::max);
            assert!(error < tolerance, "{name} from {low} to {high}: {error:e}");
        }
    }

    #[test]
    fn functions_agree_with_libm() {
        // Relative, but for what is subnormal.
        const TINY: f64 = f64::MIN_POSITIVE;
        agree("exp", [exp, libm::exp], TINY, 3e-16, &[[-1.0, 1.0], [-746.0, 709.7], [-1e-9, 1e-9]]);
        agree("tanh", [tanh, libm::tanh], TINY, 6e-16, &[[-1.0, 1.0], [-40.0, 40.0], [-1e-9, 1e-9]]);
        let expected: Function = |x| 1.0 / (1.0 + libm::exp(-x));
        agree("sigmoid", [sigmoid, expected], TINY, 6e-16, &[[-3.0, 3.0], [-700.0, 50.0]]);
        let expected: Function = |x| x / (1.0 + libm::exp(-x));
        agree("silu", [silu, expected], TINY, 6e-16, &[[-3.0, 3.0], [-700.0, 50.0]]);
        let expected: Function = |x| libm::log1p(libm::exp(x));
        agree("softplus", [softplus, expected], TINY, 6e-16, &[[-3.0, 3.0], [-700.0, 700.0]]);
        let expected: Function = |x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        agree("gelu", [gelu, expected], TINY, 1.5e-15, &[[-1.0, 1.0], [1.0, 50.0]]);
        // Where e^(−x²/2) is small, both have fewer digits of it.
        agree("gelu", [gelu, expected], 1.0, 5e-16, &[[-50.0, -1.0]]);
        agree("sin", [sin, libm::sin], 1.0, 3e-16, &[[-4.0, 4.0], [-1e6, 1e6]]);
        agree("cos", [cos, libm::cos], 1.0, 3e-16, &[[-4.0, 4.0], [-1e6, 1e6]]);
    }

    #[test]
    fn the_ends_of_the_numbers_are_kept() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (function, name, x, expected) in [
            (exp as Function, "exp", 0.0, 1.0),
            (exp, "exp", -0.0, 1.0),
            (exp, "exp", inf, inf),
            (exp, "exp", 709.8, inf),
            (exp, "exp", 1e300, inf),
            (exp, "exp", -inf, 0.0),
            (exp, "exp", -745.2, 0.0),
            (exp, "exp", -745.1, 5e-324),
            (sigmoid, "sigmoid", -inf, 0.0),
            (sigmoid, "sigmoid", inf, 1.0),
            (tanh, "tanh", -inf, -1.0),
            (tanh, "tanh", inf, 1.0),
            (tanh, "tanh", -0.0, -0.0),
            (tanh, "tanh", 1e-310, 1e-310),
            (softplus, "softplus", -inf, 0.0),
            (softplus, "softplus", inf, inf),
            (gelu, "gelu", 0.0, 0.0),
            (gelu, "gelu", inf, inf),
            (relu, "relu", -1.0, 0.0),
            (sin, "sin", -0.0, 0.0),
            (cos, "cos", 0.0, 1.0),
        ] {
            assert_eq!(function(x), expected, "{name} of {x}");
        }
        assert!(tanh(-0.0).is_sign_negative());
        for function in [exp, sigmoid, silu, tanh, softplus, gelu, relu, sin, cos] {
            assert!(function(nan).is_nan());
        }
    }

    const ALL: [Function; 8] = [exp, sigmoid, silu, tanh, softplus, gelu, sin, cos];

    #[test]
    fn vectors_give_the_bits_of_single_numbers() {
        let values: Vec<f64> = points(1003, -760.0, 760.0).collect();
        let x = || Matrix::new(1, values.len(), values.clone());
        // One by one each: a function of its own type is what the compiler makes vectors of.
        let mapped = [
            x().map(exp),
            x().map(sigmoid),
            x().map(silu),
            x().map(tanh),
            x().map(softplus),
            x().map(gelu),
            x().map(sin),
            x().map(cos),
        ];
        for (function, mapped) in ALL.into_iter().zip(mapped) {
            for (x, y) in values.iter().zip(mapped.data) {
                assert_eq!(y.to_bits(), function(std::hint::black_box(*x)).to_bits(), "{x}");
            }
        }
    }

    #[test]
    fn bits_are_pinned() {
        let mut out = KeyWriter::new("test v1");
        for function in ALL {
            points(10_007, -760.0, 760.0).chain(points(10_007, -4.0, 4.0)).for_each(|x| out.f64(function(x)));
        }
        assert_eq!(out.finish().short(), PINNED, "fingerprints drift too: give the scheme a new version");
    }
    const PINNED: &str = "0b46a8ced227";
}
