//! From the options of the command line to an open table.

use std::collections::BTreeMap;
use std::path::Path;

use tasks::table::{Format, Kind, OnBadRow, Table};
use tasks::tabular::Reading;

use crate::cli::args::{InputName, OnBadRowName, ReadingArgs};
use crate::cli::bounded;
use crate::cli::failure::Failure;

pub fn open(path: &Path, args: &ReadingArgs) -> Result<Table, Failure> {
    let reading = reading(args)?;
    Ok(Table::open(path, reading.format, &reading.options())?)
}

/// What the options say.
pub fn reading(args: &ReadingArgs) -> Result<Reading, Failure> {
    let format = args.input.map(|input| match input {
        InputName::Csv => Format::Delimited,
        InputName::Libsvm => Format::Libsvm,
        InputName::Vw => Format::Vw,
        InputName::Arff => Format::Arff,
        InputName::Parquet => Format::Parquet,
    });
    Ok(Reading {
        format,
        delimiter: args.delimiter.map(char::from),
        header: args.header,
        missing: args.missing.clone(),
        types: types(args)?,
        on_bad_row: if args.on_bad_row == OnBadRowName::Skip { OnBadRow::Skip } else { OnBadRow::Stop },
    })
}

/// Those of the schema file; what is given on the command line wins.
fn types(args: &ReadingArgs) -> Result<BTreeMap<String, Kind>, Failure> {
    let mut types = match &args.schema {
        Some(file) => of_schema(file)?,
        None => BTreeMap::new(),
    };
    for pair in &args.types {
        // A name may hold an equals sign, a type does not.
        let (name, kind) = pair.rsplit_once('=').ok_or_else(|| {
            Failure::usage(format!("--types {pair}: give COLUMN=TYPE, as in zip=categorical"))
        })?;
        let kind = kind.parse().map_err(|what| Failure::usage(format!("--types {pair}: {what}")))?;
        types.insert(name.to_string(), kind);
    }
    Ok(types)
}

fn of_schema(file: &Path) -> Result<BTreeMap<String, Kind>, Failure> {
    let text = bounded::read_text(file).map_err(|error| Failure::file("read", file, &error))?;
    let names: BTreeMap<String, String> =
        toml::from_str(&text).map_err(|error| Failure::failed(error.to_string()).of_file(file))?;
    let kind = |(name, kind): (String, String)| {
        let kind = kind.parse().map_err(|what| Failure::failed(format!("{name}: {what}")).of_file(file))?;
        Ok((name, kind))
    };
    names.into_iter().map(kind).collect()
}
