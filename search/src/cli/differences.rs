//! What two study files say otherwise, field by field.

use std::collections::BTreeSet;
use std::fmt;

use toml::{Table, Value};

/// A field that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// With the tables that it is in: `budget.trials`.
    pub field: String,
    pub was: Option<Value>,
    pub is: Option<Value>,
}

/// In the order of the names.
pub fn between(was: &Table, is: &Table) -> Vec<Difference> {
    let names: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    names.into_iter().flat_map(|name| of_field(name, was.get(name), is.get(name))).collect()
}

fn of_field(name: &str, was: Option<&Value>, is: Option<&Value>) -> Vec<Difference> {
    let nothing = Table::new();
    let tables = match (was, is) {
        (Some(Value::Table(was)), Some(Value::Table(is))) => Some((was, is)),
        (Some(Value::Table(was)), None) => Some((was, &nothing)),
        (None, Some(Value::Table(is))) => Some((&nothing, is)),
        _ => None,
    };
    if let Some((was, is)) = tables {
        let within = |inner: Difference| Difference { field: format!("{name}.{}", inner.field), ..inner };
        return between(was, is).into_iter().map(within).collect();
    }
    if was == is {
        return Vec::new();
    }
    vec![Difference { field: name.into(), was: was.cloned(), is: is.cloned() }]
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.field, shown(self.was.as_ref()), shown(self.is.as_ref()))
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 80;

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => "none".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_field_with_its_tables_and_both_values() {
        let was =
            "seed = 0\ncommand = 'a'\n[budget]\ntrials = 5\n[task.training]\ncases = 48\n".parse().unwrap();
        let is =
            "seed = 1\ncommand = 'a'\nlist = [1, 2]\n[task.training]\ncases = 47\n[limits]\nmemory = 9\n";
        let shown: Vec<_> = between(&was, &is.parse().unwrap()).iter().map(Difference::to_string).collect();
        assert_eq!(
            shown,
            [
                "budget.trials: 5 → none",
                "limits.memory: none → 9",
                "list: none → [1, 2]",
                "seed: 0 → 1",
                "task.training.cases: 48 → 47"
            ]
        );
        assert_eq!(between(&was, &was), []);
        let long = Difference { field: "a".into(), was: None, is: Some("ö".repeat(100).into()) };
        assert_eq!(long.to_string(), format!("a: none → {}…", "ö".repeat(80)));
    }
}
