//! The `@` lines before the data.

use std::collections::BTreeSet;

use super::fault::Fault;
use crate::error::quote;

/// What the header says of the cases. Numbers are promises to check, never sizes to reserve.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub name: Option<String>,
    pub univariate: Option<bool>,
    pub dimensions: Option<u64>,
    pub equal_length: Option<bool>,
    pub series_length: Option<u64>,
    /// Class names, each once; not empty after [`Header::finish`].
    pub classes: Vec<String>,
    seen: BTreeSet<String>,
}

/// No network is made for more.
const MOST_CLASSES: usize = 1 << 16;

const KNOWN: &str = "@problemName, @timeStamps, @missing, @univariate, @dimensions, @equalLength, @seriesLength, \
                     @targetLabel, @classLabel, @data";

impl Header {
    /// Takes one line in; true if it was `@data`, after which cases follow. Keys are read in any case.
    pub fn take(&mut self, line: &str) -> Result<bool, Fault> {
        let line = line.trim();
        let Some(entry) = line.strip_prefix('@') else {
            let what = format!("{} is neither a header line nor a comment", quote(line));
            return Err(Fault::new(format!(
                "{what}; put `@data` on a line of its own before the first case"
            )));
        };
        let (key, rest) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
        let (lower, rest) = (key.to_ascii_lowercase(), rest.trim());
        self.once(if lower == "dimension" { "dimensions" } else { &lower })?;
        match lower.as_str() {
            "data" => return self.finish(rest).map(|()| true),
            "problemname" => self.name = Some(rest.to_string()),
            "timestamps" => no_time_stamps(flag(key, rest)?)?,
            "missing" => drop(flag(key, rest)?),
            "univariate" => self.univariate = Some(flag(key, rest)?),
            "dimensions" | "dimension" => self.dimensions = Some(count(key, rest)?),
            "equallength" => self.equal_length = Some(flag(key, rest)?),
            "serieslength" => self.series_length = Some(count(key, rest)?),
            "targetlabel" => no_regression(rest)?,
            "classlabel" => self.classes = classes(rest)?,
            _ => {
                return Err(Fault::new(format!(
                    "unknown header key {}; known: {KNOWN}",
                    quote(&line[..=key.len()])
                )));
            }
        }
        Ok(false)
    }

    /// A problem may be named twice (the archive's UnitTest is; the last name counts); another key that comes twice
    /// says two things at once.
    fn once(&mut self, key: &str) -> Result<(), Fault> {
        if key == "problemname" || self.seen.insert(key.to_string()) {
            return Ok(());
        }
        Err(Fault::new(format!(
            "header key {} comes a second time; keep one of the two",
            quote(&format!("@{key}"))
        )))
    }

    /// Whether the header is whole, asked at the `@data` line, which says `rest` after its key.
    fn finish(&self, rest: &str) -> Result<(), Fault> {
        if !rest.is_empty() {
            let what = format!("{} after `@data`; begin the first case on the next line", quote(rest));
            return Err(Fault::new(what));
        }
        if self.classes.is_empty() {
            let what = "no `@classLabel` before `@data`; add a line such as `@classLabel true cat dog`";
            return Err(Fault::new(what));
        }
        Ok(())
    }
}

fn flag(key: &str, value: &str) -> Result<bool, Fault> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::new(format!("`@{key}` is {}; write true or false", quote(value)))),
    }
}

fn count(key: &str, value: &str) -> Result<u64, Fault> {
    let count = value.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Fault::new(format!("`@{key}` is {}; write a whole number from 1 on", quote(value))))
}

fn no_time_stamps(stamps: bool) -> Result<(), Fault> {
    if !stamps {
        return Ok(());
    }
    let what = "time stamps are not supported; resample to even steps and write values alone, \
                with `@timeStamps false`";
    Err(Fault::new(what))
}

fn no_regression(value: &str) -> Result<(), Fault> {
    let asked = value.split_whitespace().next().unwrap_or("");
    if !flag("targetLabel", asked)? {
        return Ok(());
    }
    let what = "regression targets are not supported; give a classification problem, with `@classLabel true` \
                and its class names";
    Err(Fault::new(what))
}

/// The names in `true a b c`.
fn classes(value: &str) -> Result<Vec<String>, Fault> {
    let mut words = value.split_whitespace();
    if !flag("classLabel", words.next().unwrap_or(""))? {
        let what = "cases without classes are not supported; label each case and list the names, as in \
                    `@classLabel true cat dog`";
        return Err(Fault::new(what));
    }
    let names: Vec<String> = words.take(MOST_CLASSES + 1).map(str::to_string).collect();
    if names.is_empty() {
        return Err(Fault::new("no class names; list them, as in `@classLabel true cat dog`"));
    }
    if names.len() > MOST_CLASSES {
        return Err(Fault::new(format!("more than {MOST_CLASSES} classes; join some")));
    }
    let mut seen = BTreeSet::new();
    names.iter().try_for_each(|name| check_class(name, seen.insert(name.as_str())))?;
    Ok(names)
}

/// Class names are shown on terminals and written into Python, SVG and Markdown.
fn check_class(name: &str, first: bool) -> Result<(), Fault> {
    if !first {
        return Err(Fault::new(format!("class {} is listed twice; list it once", quote(name))));
    }
    if name.chars().any(char::is_control) {
        let what = format!("class {} has control characters in its name; rename it", quote(name));
        return Err(Fault::new(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Result<Header, String> {
        let mut header = Header::default();
        for line in lines {
            header.take(line).map_err(|fault| fault.what)?;
        }
        Ok(header)
    }

    #[test]
    fn keys_are_read_in_any_case() {
        let lines = [
            "@PROBLEMNAME first",
            "@problemname  My Problem ",
            "@timestamps FALSE",
            "@Missing true",
            "@univariate false",
            "@dimension 3",
            "@equallength true",
            "@SeriesLength\t100",
            "@targetlabel false",
            "@classlabel TRUE a  B\tc",
        ];
        let header = header(&lines).unwrap();
        assert_eq!(header.name.as_deref(), Some("My Problem"));
        assert_eq!((header.univariate, header.dimensions), (Some(false), Some(3)));
        assert_eq!((header.equal_length, header.series_length), (Some(true), Some(100)));
        assert_eq!(header.classes, ["a", "B", "c"]);
    }

    #[test]
    fn a_wrong_line_says_what_to_write() {
        let many = format!("@classLabel true{}", " a".repeat(MOST_CLASSES + 1));
        let wrong = [
            ("1,2,3:a", "`1,2,3:a` is neither a header line nor a comment; put `@data` on a line of its own"),
            ("@", "unknown header key `@`; known: @problemName"),
            ("@frequency daily", "unknown header key `@frequency`; known: @problemName"),
            ("@timeStamps true", "time stamps are not supported; resample"),
            ("@timeStamps", "`@timeStamps` is ``; write true or false"),
            ("@missing perhaps", "`@missing` is `perhaps`; write true or false"),
            ("@dimensions 0", "`@dimensions` is `0`; write a whole number from 1 on"),
            ("@dimensions 99999999999999999999", "write a whole number from 1 on"),
            ("@seriesLength -1", "`@seriesLength` is `-1`; write a whole number"),
            ("@targetLabel true", "regression targets are not supported; give a classification problem"),
            ("@classLabel false", "cases without classes are not supported; label each case"),
            ("@classLabel a b", "`@classLabel` is `a`; write true or false"),
            ("@classLabel true", "no class names; list them"),
            ("@classLabel true a b a", "class `a` is listed twice; list it once"),
            (
                "@classLabel true a \u{1b}[2J",
                "class `\u{fffd}[2J` has control characters in its name; rename it",
            ),
            (&many, "more than 65536 classes; join some"),
            ("@data", "no `@classLabel` before `@data`; add a line"),
            ("@data 1,2", "`1,2` after `@data`; begin the first case on the next line"),
        ];
        for (line, expected) in wrong {
            let what = header(&[line]).unwrap_err();
            assert!(what.contains(expected), "{line}: {what}");
        }
    }

    #[test]
    fn a_repeated_key_is_an_error() {
        for pair in [["@univariate true", "@Univariate false"], ["@dimension 1", "@dimensions 2"]] {
            let what = header(&pair).unwrap_err();
            assert!(what.contains("comes a second time; keep one"), "{pair:?}: {what}");
        }
    }
}
