//! The operations: their names, their arithmetic, and how each passes on the rounding error of its operands.

/// Of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unary {
    Negate,
    /// 1/x; undefined at 0.
    Inverse,
    Absolute,
    Square,
    /// Undefined below 0.
    Root,
    Exp,
    /// The natural logarithm; undefined at 0 and below.
    Log,
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// max(x, 0).
    Relu,
}

/// Of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    /// Undefined where the divisor is 0.
    Divide,
    Minimum,
    Maximum,
}

impl Unary {
    pub const ALL: [Self; 10] = [
        Self::Negate,
        Self::Inverse,
        Self::Absolute,
        Self::Square,
        Self::Root,
        Self::Exp,
        Self::Log,
        Self::Tanh,
        Self::Sigmoid,
        Self::Relu,
    ];

    /// As in `sqrt(x)`; `-` is written as a sign.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negate => "-",
            Self::Inverse => "inv",
            Self::Absolute => "abs",
            Self::Square => "square",
            Self::Root => "sqrt",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Relu => "relu",
        }
    }

    /// The value at x; NaN where it is undefined.
    pub fn apply(self, x: f64) -> f64 {
        self.track(Tracked::exact(x)).value
    }

    /// First-order propagation: |f′(x)| times the error of x.
    #[inline(always)]
    pub(super) fn track(self, Tracked { value: x, error }: Tracked) -> Tracked {
        let (value, passed) = match self {
            Self::Negate => return Tracked::settled(-x, error),
            Self::Absolute => return Tracked::settled(x.abs(), error),
            // Written so that an undefined operand stays undefined.
            Self::Relu => return if x < 0.0 { Tracked::exact(0.0) } else { Tracked::settled(x, error) },
            Self::Inverse => {
                let inverse = 1.0 / x;
                (inverse, error * inverse.abs() * inverse.abs())
            }
            Self::Square => (x * x, 2.0 * x.abs() * error),
            Self::Root => {
                let root = x.sqrt();
                (root, if root > 0.0 { error / root } else { error.sqrt() })
            }
            Self::Exp => {
                let exp = libm::exp(x);
                (exp, exp * error)
            }
            Self::Log => (libm::log(x), error / x),
            Self::Tanh => {
                let tanh = libm::tanh(x);
                (tanh, (1.0 - tanh * tanh) * error)
            }
            Self::Sigmoid => {
                let sigmoid = 1.0 / (1.0 + libm::exp(-x));
                (sigmoid, sigmoid * (1.0 - sigmoid) * error)
            }
        };
        Tracked::rounded(value, passed)
    }
}

impl Binary {
    pub const ALL: [Self; 6] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Minimum, Self::Maximum];

    /// A sign that stands between the operands, or a function's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Minimum => "min",
            Self::Maximum => "max",
        }
    }

    /// The value at x and y; NaN where it is undefined.
    pub fn apply(self, x: f64, y: f64) -> f64 {
        self.track(Tracked::exact(x), Tracked::exact(y)).value
    }

    #[inline(always)]
    pub(super) fn track(self, Tracked { value: x, error: dx }: Tracked, y: Tracked) -> Tracked {
        let Tracked { value: y, error: dy } = y;
        let (value, passed) = match self {
            Self::Add => (x + y, dx + dy),
            Self::Subtract => (x - y, dx + dy),
            Self::Multiply => (x * y, x.abs() * dy + y.abs() * dx),
            Self::Divide => {
                let quotient = x / y;
                (quotient, dx / y.abs() + quotient.abs() * (dy / y.abs()))
            }
            // Not those of `f64`, which drop an undefined operand.
            Self::Minimum | Self::Maximum if x.is_nan() || y.is_nan() => (f64::NAN, 0.0),
            Self::Minimum => {
                return if y < x { Tracked { value: y, error: dy } } else { Tracked { value: x, error: dx } };
            }
            Self::Maximum => {
                return if y > x { Tracked { value: y, error: dy } } else { Tracked { value: x, error: dx } };
            }
        };
        Tracked::rounded(value, passed)
    }
}

/// Relative rounding error of one operation: two units in the last place, which covers `libm`.
const ROUNDING: f64 = 2.0 * f64::EPSILON;

/// A number and a bound on its rounding error (running error analysis; Higham 2002, "Accuracy and stability of
/// numerical algorithms", section 3.3). What is no larger than its error is zero, so that (x + a) − a − x is 0, the
/// logarithm of it undefined, and 10⁻¹² · x neither. A number that is not finite is undefined (NaN), for good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracked {
    pub value: f64,
    pub error: f64,
}

impl Tracked {
    pub fn exact(value: f64) -> Self {
        Self::settled(value, 0.0)
    }

    /// Few binary digits are what was meant, as in 0.75; many are a rounded decimal, as in 0.1.
    pub fn constant(value: f64) -> Self {
        let few = value.to_bits().trailing_zeros() >= 20;
        if few { Self::exact(value) } else { Self::rounded(value, 0.0) }
    }

    #[inline(always)]
    fn rounded(value: f64, error: f64) -> Self {
        Self::settled(value, error + ROUNDING * value.abs())
    }

    #[inline(always)]
    fn settled(value: f64, error: f64) -> Self {
        let size = value.abs();
        let value = if size <= error { 0.0 } else { value };
        Self { value: if size < f64::INFINITY { value } else { f64::NAN }, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_operands_stay_undefined() {
        for unary in Unary::ALL {
            assert!(unary.apply(f64::NAN).is_nan(), "{unary:?}");
        }
        for binary in Binary::ALL {
            assert!(
                binary.apply(f64::NAN, 1.0).is_nan() && binary.apply(1.0, f64::NAN).is_nan(),
                "{binary:?}"
            );
        }
        assert!(Unary::Inverse.apply(0.0).is_nan() && Unary::Log.apply(0.0).is_nan());
        assert!(Unary::Root.apply(-1.0).is_nan() && Unary::Exp.apply(1000.0).is_nan());
    }

    #[test]
    fn what_is_only_noise_is_zero_and_what_is_only_small_is_not() {
        let c = Tracked::constant;
        let sum = Binary::Add.track(c(0.1), c(0.2));
        assert_eq!(Binary::Subtract.track(sum, c(0.3)).value, 0.0);
        let small = Binary::Multiply.track(c(1e-12), c(0.3));
        assert_eq!(small.value, 3e-13);
        assert_eq!(Binary::Subtract.track(Binary::Add.track(small, c(0.0)), c(1e-13)).value, 3e-13 - 1e-13);
    }
}
