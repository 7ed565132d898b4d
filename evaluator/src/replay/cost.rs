//! What an evaluation would have cost: a column of the table, times a factor.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Simulated seconds of an evaluation, as in `train_time` or `flops*1e-6`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cost {
    pub column: String,
    /// Seconds for one unit of the column; above zero. Default: 1.
    pub factor: f64,
}

impl FromStr for Cost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, factor) = text.rsplit_once('*').unwrap_or((text, "1"));
        let factor = factor.trim().parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
        match (column.trim(), factor) {
            ("", _) | (_, None) => {
                Err("give a column, or a column and a factor above zero such as flops*1e-6".into())
            }
            (column, Some(factor)) => Ok(Self { column: column.into(), factor }),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor == 1.0 && !self.column.contains('*') {
            f.write_str(&self.column)
        } else {
            write!(f, "{}*{:e}", self.column, self.factor)
        }
    }
}

impl TryFrom<String> for Cost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cost> for String {
    fn from(cost: Cost) -> Self {
        cost.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_column_and_perhaps_a_factor() {
        let cost = |column: &str, factor| Ok(Cost { column: column.into(), factor });
        assert_eq!("seconds".parse(), cost("seconds", 1.0));
        assert_eq!("flops * 1e-6".parse(), cost("flops", 1e-6));
        assert_eq!("a*b*3".parse(), cost("a*b", 3.0));
        for bad in ["", "*2", "flops*", "flops*x", "flops*0", "flops*-1", "flops*inf", "flops*nan"] {
            assert!(bad.parse::<Cost>().is_err(), "{bad}");
        }
        for text in ["seconds", "flops*1.5e-6", "a*b*1e0"] {
            assert_eq!(text.parse::<Cost>().unwrap().to_string(), text);
        }
    }
}
