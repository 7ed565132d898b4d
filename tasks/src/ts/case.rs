//! A line of data: dimensions split by `:`, values by `,`, the class last.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::header::Header;
use crate::error::quote;
use crate::{Case, Sequences};

/// No network is made for more.
const MOST_CHANNELS: usize = 1 << 16;

/// Reads cases and holds each to what the header, the first case and the training data say.
pub(super) struct CaseReader<'a> {
    header: &'a Header,
    like: Option<&'a Sequences>,
    /// Label of each class of the header; `None` where the training data has no such class.
    labels: BTreeMap<&'a str, Option<usize>>,
    /// Channels and length of the first case.
    first: Option<(usize, usize)>,
}

impl<'a> CaseReader<'a> {
    /// Labels are numbered as in `like`, else in the order of the header.
    pub fn new(header: &'a Header, like: Option<&'a Sequences>) -> Self {
        let known = like.map(Sequences::class_indices);
        let label = |(index, name): (usize, &'a String)| match &known {
            Some(known) => (name.as_str(), known.get(name.as_str()).copied()),
            None => (name.as_str(), Some(index)),
        };
        let labels = header.classes.iter().enumerate().map(label).collect();
        Self { header, like, labels, first: None }
    }

    /// Channels of the cases read so far; 0 before the first.
    pub fn channels(&self) -> usize {
        self.first.map_or(0, |(channels, _)| channels)
    }

    pub fn read(&mut self, line: &str) -> Result<Case, Fault> {
        let no_label =
            || Fault::new("no class at the end of the case; write `:` and the class after the values");
        let (series, class) = line.rsplit_once(':').ok_or_else(no_label)?;
        let label = self.label(class.trim()).map_err(|what| Fault::at(line, series.len() + 1, what))?;
        let (values, channels) = dimensions(series)?;
        let length = values.len() / channels.max(1);
        self.check_channels(channels)?;
        self.check_length(length)?;
        self.first.get_or_insert((channels, length));
        Ok(Case { values: time_major(&values, channels, length), length, label })
    }

    fn label(&self, class: &str) -> Result<usize, String> {
        match self.labels.get(class) {
            Some(Some(label)) => Ok(*label),
            Some(None) => Err(format!(
                "class {} is not a class of the training file; list it there or leave the case out",
                quote(class)
            )),
            None if class.is_empty() => Err("no class after the last `:`; write one".to_string()),
            None => Err(format!(
                "class {} is not in `@classLabel`; list it there or correct the case",
                quote(class)
            )),
        }
    }

    fn check_channels(&self, channels: usize) -> Result<(), Fault> {
        let expected = [
            (self.header.dimensions, "the header says"),
            ((self.header.univariate == Some(true)).then_some(1), "`@univariate true` says"),
            (self.first.map(|(channels, _)| channels as u64), "the first case has"),
            (self.like.map(|like| like.channels as u64), "the training file has"),
        ];
        let differs = |(count, _): &&(Option<u64>, _)| count.is_some_and(|count| count != channels as u64);
        if channels > MOST_CHANNELS {
            return Err(Fault::new(format!(
                "{channels} dimensions are more than {MOST_CHANNELS}; leave some out"
            )));
        }
        let Some((Some(count), who)) = expected.iter().find(differs) else { return Ok(()) };
        let noun = if channels == 1 { "dimension" } else { "dimensions" };
        let remedy = "separate dimensions by `:` and write the class last, or correct the header";
        Err(Fault::new(format!("{channels} {noun} where {who} {count}; {remedy}")))
    }

    /// `@seriesLength` and the first case bind only where lengths are not declared to differ.
    fn check_length(&self, length: usize) -> Result<(), Fault> {
        let declared = self.header.series_length.filter(|_| self.header.equal_length != Some(false));
        let first =
            self.first.filter(|_| self.header.equal_length == Some(true)).map(|(_, first)| first as u64);
        let expected = [(declared, "`@seriesLength` says"), (first, "the first case has")];
        let differs = |(count, _): &&(Option<u64>, _)| count.is_some_and(|count| count != length as u64);
        let Some((Some(count), who)) = expected.iter().find(differs) else { return Ok(()) };
        let remedy = "correct the case, or write `@equalLength false`";
        Err(Fault::new(format!("length {length} where {who} {count}; {remedy}")))
    }
}

/// The numbers of all dimensions, one dimension after the other, and how many dimensions there are.
fn dimensions(series: &str) -> Result<(Vec<f64>, usize), Fault> {
    let (mut values, mut channels, mut length, mut offset) = (Vec::new(), 0, 0, 0);
    for dimension in series.split(':') {
        let (begin, start) = (values.len(), offset);
        channels += 1;
        for (position, text) in (1..).zip(dimension.split(',')) {
            let explain = |what| format!("value {position} of dimension {channels} {what}");
            values.push(number(text.trim()).map_err(|what| Fault::at(series, offset, explain(what)))?);
            offset += text.len() + 1;
        }
        let count = values.len() - begin;
        if channels == 1 {
            length = count;
        } else if count != length {
            let what = format!("dimension {channels} has length {count} where dimension 1 has {length}");
            let remedy = "cut or fill them to one length";
            return Err(Fault::at(series, start, format!("{what}; {remedy}")));
        }
    }
    Ok((values, channels))
}

/// A finite number, or what to say after "value 3 of dimension 1".
fn number(text: &str) -> Result<f64, String> {
    let missing = |shown| format!("is missing ({shown}); fill it in or leave the case out");
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(value) if value.is_nan() => Err(missing(quote(text))),
        Ok(_) => Err(format!("is not finite ({}); replace it by a finite number", quote(text))),
        Err(_) if text.is_empty() => Err(missing("nothing there".to_string())),
        Err(_) if text == "?" => Err(missing(quote(text))),
        Err(_) if text.starts_with('(') => {
            Err(format!("is a time stamp ({}); resample to even steps and write values alone", quote(text)))
        }
        Err(_) => Err(format!("is not a number ({}); write one, such as -1.5e3", quote(text))),
    }
}

/// Transposes channels × length to length × channels.
fn time_major(values: &[f64], channels: usize, length: usize) -> Vec<f64> {
    (0..length).flat_map(|t| (0..channels).map(move |c| values[c * length + t])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Header {
        let mut header = Header::default();
        for line in lines {
            header.take(line).unwrap();
        }
        header
    }

    /// What is wrong with the last of `cases`, as column and message; the ones before it must be good.
    fn fault(lines: &[&str], cases: &[&str]) -> (Option<u64>, String) {
        let header = header(&[&["@classLabel true a b"], lines].concat());
        let mut reader = CaseReader::new(&header, None);
        let (last, good) = cases.split_last().unwrap();
        good.iter().for_each(|case| drop(reader.read(case).unwrap()));
        let fault = reader.read(last).unwrap_err();
        (fault.column, fault.what)
    }

    #[test]
    fn numbers_may_be_written_in_many_ways() {
        let header = header(&["@classLabel true a b"]);
        let mut reader = CaseReader::new(&header, None);
        let case = reader.read(" 1, -2.5 ,+3e2,.5 : 0,0,0,1e-400 : b").unwrap();
        assert_eq!(case.values, [1.0, 0.0, -2.5, 0.0, 300.0, 0.0, 0.5, 0.0]);
        assert_eq!((case.length, case.label, reader.channels()), (4, 1, 2));
    }

    #[test]
    fn a_bad_value_is_named_by_dimension_and_position() {
        let bad = [
            ("1,2:3,?:a", 7, "value 2 of dimension 2 is missing (`?`); fill it in"),
            ("1,,3:a", 3, "value 2 of dimension 1 is missing (nothing there)"),
            (":a", 1, "value 1 of dimension 1 is missing (nothing there)"),
            ("1,NaN:a", 3, "value 2 of dimension 1 is missing (`NaN`)"),
            ("-inf:a", 1, "value 1 of dimension 1 is not finite (`-inf`); replace it"),
            ("1e999:a", 1, "is not finite (`1e999`)"),
            ("1,é,x:a", 3, "value 2 of dimension 1 is not a number (`é`); write one"),
            ("(0,1),(1,2):a", 1, "is a time stamp (`(0`); resample"),
        ];
        for (case, column, expected) in bad {
            let (at, what) = fault(&[], &[case]);
            assert!(at == Some(column) && what.contains(expected), "{case}: {at:?} {what}");
        }
    }

    #[test]
    fn a_bad_class_is_named() {
        let bad = [
            ("1,2,3", None, "no class at the end of the case"),
            ("1,2:", Some(5), "no class after the last `:`"),
            ("1,2:c", Some(5), "class `c` is not in `@classLabel`; list it"),
            ("1,2:A", Some(5), "class `A` is not in `@classLabel`"),
            ("1:2:3,4", Some(5), "class `3,4` is not in `@classLabel`"),
        ];
        for (case, column, expected) in bad {
            let (at, what) = fault(&[], &[case]);
            assert!(at == column && what.contains(expected), "{case}: {at:?} {what}");
        }
    }

    #[test]
    fn shapes_must_agree_with_what_came_before() {
        let bad: [(&[&str], &[&str], &str); 8] = [
            (&[], &["1,2:3:a"], "dimension 2 has length 1 where dimension 1 has 2; cut or fill"),
            (&[], &["1:2:a", "1:a"], "1 dimension where the first case has 2"),
            (&["@dimensions 3"], &["1:2:a"], "2 dimensions where the header says 3"),
            (
                &["@dimensions 18446744073709551615"],
                &["1:a"],
                "1 dimension where the header says 18446744073709551615",
            ),
            (&["@univariate true"], &["1:2:a"], "2 dimensions where `@univariate true` says 1"),
            (&["@seriesLength 3"], &["1,2:a"], "length 2 where `@seriesLength` says 3; correct the case, or"),
            (&["@equalLength true"], &["1,2:a", "1:b"], "length 1 where the first case has 2"),
            (
                &["@equalLength true", "@seriesLength 1"],
                &["1:a", "1,2:b"],
                "length 2 where `@seriesLength` says 1",
            ),
        ];
        for (lines, cases, expected) in bad {
            let (_, what) = fault(lines, cases);
            assert!(what.contains(expected), "{cases:?}: {what}");
        }
        let (_, what) = fault(&[], &[&format!("{}a", "1:".repeat(MOST_CHANNELS + 1))]);
        assert!(what.contains("65537 dimensions are more than 65536; leave"), "{what}");
        let header = header(&["@classLabel true a", "@equalLength false", "@seriesLength 3"]);
        let mut reader = CaseReader::new(&header, None);
        assert!(reader.read("1,2:a").is_ok() && reader.read("1:a").is_ok());
    }
}
