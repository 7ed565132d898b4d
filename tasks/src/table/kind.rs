//! What the cells of a column are taken to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How the values of a column are told apart and ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Real numbers: only their order counts.
    Numeric,
    /// Whole numbers, which may be amounts or codes.
    Integer,
    Categorical,
    /// Two words, or 0 and 1.
    Boolean,
    /// Days or moments, ordered.
    Date,
    /// Sentences: whole cells are compared.
    Text,
    /// Several values in a cell: whole cells are compared.
    Multi,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Numeric, Self::Integer, Self::Categorical, Self::Boolean, Self::Date, Self::Text, Self::Multi];

    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Integer => "integer",
            Self::Categorical => "categorical",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Text => "text",
            Self::Multi => "multi",
        }
    }

    /// Whether its values have an order, and can be put into bins.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Numeric | Self::Integer | Self::Date)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("no type {}; known: {}", crate::quote(text), known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_refused() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("number".parse::<Kind>().unwrap_err().contains("known: numeric, integer"));
    }
}
