//! Values of options: how they are written, and what is refused.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

/// Names of the options that were given.
pub fn only_given(options: &[(&'static str, bool)]) -> Vec<&'static str> {
    options.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect()
}

/// `epochs=1,3,9,27`: whole numbers that rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fidelities(pub Vec<u64>);

pub fn fidelities(text: &str) -> Result<Fidelities, String> {
    let list = text.strip_prefix("epochs=").unwrap_or_default();
    let numbers = list.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<u64>>>();
    let rises = |numbers: &Vec<u64>| numbers[0] > 0 && numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let numbers = numbers.filter(|numbers| numbers.len() > 1 && rises(numbers));
    numbers.map(Fidelities).ok_or_else(|| "give numbers of epochs that rise, as in epochs=1,3,9,27".into())
}

/// `90s`, `10m`, `2h`, or seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let seconds = unit * positive(number).map_err(|_| "give a time such as 90s, 10m or 2h".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "that is longer than any search".to_string())
}

/// Most members of a population or a tournament: more would take longer than what they are drawn for.
pub const MOST_MEMBERS: usize = 1_000_000;

pub fn size(text: &str) -> Result<NonZeroUsize, String> {
    let size = text.parse::<NonZeroUsize>().ok().filter(|size| size.get() <= MOST_MEMBERS);
    size.ok_or_else(|| format!("give a whole number from 1 to {MOST_MEMBERS}"))
}

pub fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "give a share from 0 to 1".into())
}

/// Both ends excluded.
pub fn inner_share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1.0);
    number.ok_or_else(|| "give a share between 0 and 1".into())
}

pub fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "give a number above zero".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text| duration(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("1.5m"), Ok(90.0));
        assert_eq!(seconds("2h"), Ok(7200.0));
        assert_eq!(seconds("7"), Ok(7.0));
        for bad in ["", "0", "0s", "-1m", "m", "1d", "nan", "inf", "1e300h", "5µ"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fidelities_are_epochs_that_rise() {
        assert_eq!(fidelities("epochs=1,3, 9"), Ok(Fidelities(vec![1, 3, 9])));
        for bad in ["", "1,3", "epochs=", "epochs=3", "epochs=3,1", "epochs=0,3", "epochs=1,1", "epochs=1,x"]
        {
            assert!(fidelities(bad).is_err(), "{bad}");
        }
    }
}
