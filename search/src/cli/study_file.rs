//! Study files, written by a run or by hand: what is left out is filled in, and what is wrong is named with its place.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer};

use super::bounded::read_text;
use super::differences::between;
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::settings::{Header, Settings, moved_text};
use super::untrusted;

/// The text of a study file, and where it lies.
pub struct StudyFile {
    path: PathBuf,
    text: String,
    /// Whether the text is not the one that is written there, but what it means in this version.
    moved: bool,
}

impl StudyFile {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        match read_text(path) {
            Ok(text) => {
                let moved = moved_text(&text);
                let (text, moved) = moved.map_or((text, false), |moved| (moved, true));
                Ok(Self { path: path.to_path_buf(), text, moved })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Failure::failed(format!("{} is not there", path.display())))
            }
            Err(error) => Err(Failure::file("read", path, &error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells how to read the rest.
    pub fn header(&self) -> Result<Header, Failure> {
        let header: Header = toml::from_str(&self.text).map_err(|error| self.wrong(&error))?;
        header.checked(&self.path)
    }

    /// With `defaults` for what is left out of it and of its task, and paths relative to the file made absolute.
    pub fn completed<D: Domain>(&self, defaults: &toml::Table) -> Result<Settings<D>, Failure> {
        let defaults = defaults.to_string();
        let table = DeTable::parse(&self.text).map_err(|error| self.wrong(&error))?;
        let defaults = DeTable::parse(&defaults).expect("it was written just now").into_inner();
        let (span, mut table) = (table.span(), table.into_inner());
        complete(&mut table, defaults);
        let table = toml::Spanned::new(span, table);
        let read = Settings::deserialize(Deserializer::from(table));
        let mut settings: Settings<D> = read.map_err(|error| self.wrong(&error))?;
        let folder = self.folder()?;
        for (_, path) in settings.task.files() {
            let absolute = folder.join(&*path);
            *path = fs::canonicalize(&absolute).unwrap_or(absolute);
        }
        settings.cache = settings.cache.map(|cache| folder.join(cache));
        untrusted::check_settings(&self.path, &settings)?;
        Ok(settings)
    }

    pub fn has(&self, field: &str) -> bool {
        self.table().is_ok_and(|table| table.contains_key(field))
    }

    /// The task as it is written.
    pub fn task(&self) -> Result<toml::Table, Failure> {
        match self.table()?.get("task") {
            Some(toml::Value::Table(task)) => Ok(task.clone()),
            _ => Err(Failure::failed(format!(
                "{}: task: missing; it says what is searched",
                self.path.display()
            ))),
        }
    }

    /// Where relative paths begin.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let path =
            std::path::absolute(&self.path).map_err(|error| Failure::file("find", &self.path, &error))?;
        Ok(path.parent().unwrap_or(&path).to_path_buf())
    }

    /// Refuses a file that says of its data what they are not.
    pub fn check_facts<D: Domain>(&self, written: &toml::Table, data: &D) -> Outcome {
        let differences = facts_that_differ::<D>(written, &table_of(data)?);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{}: the data are not those that it was written for: {}; leave these fields out to take the data as they are",
            self.path.display(),
            differences.join(", ")
        )))
    }

    fn table(&self) -> Result<toml::Table, Failure> {
        toml::from_str(&self.text).map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &toml::de::Error) -> Failure {
        if self.moved {
            return Failure::failed(format!("{}: {}", self.path.display(), error.message()));
        }
        wrong(&self.path, &self.text, error)
    }
}

/// A task, or settings, as a table.
pub fn table_of(plain: &impl serde::Serialize) -> Result<toml::Table, Failure> {
    toml::Table::try_from(plain).map_err(|error| Failure::failed(error.to_string()))
}

/// What two tasks say otherwise of their data, where the first says it.
pub fn facts_that_differ<D: Domain>(was: &toml::Table, is: &toml::Table) -> Vec<String> {
    let facts =
        between(was, is).into_iter().filter(|difference| D::FACTS.contains(&difference.field.as_str()));
    facts
        .filter(|difference| difference.was.is_some())
        .map(|difference| format!("task.{difference}"))
        .collect()
}

/// Adds what is missing, to tables within tables, too; a budget is taken whole.
fn complete<'a>(table: &mut DeTable<'a>, defaults: DeTable<'a>) {
    for (name, default) in defaults {
        let Some(written) = table.get_mut(&name) else {
            table.insert(name, default);
            continue;
        };
        if let (DeValue::Table(written), DeValue::Table(default)) = (written.get_mut(), default.into_inner())
            && name.get_ref() != "budget"
        {
            complete(written, default);
        }
    }
}

/// What is wrong with a study file, where, and in which field.
pub fn wrong(file: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let (file, message) = (file.display(), error.message().trim_end().replace('\n', "; "));
    let Some(span) = error.span() else { return Failure::failed(format!("{file}: {message}")) };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let field = match DeTable::parse(text) {
        Ok(table) if table.span() != span => field_at(table.get_ref(), span.start),
        _ => None,
    };
    let field = field.map_or(String::new(), |field| format!("{field}: "));
    Failure::failed(format!("{file}:{line}:{column}: {field}{message}"))
}

/// The innermost field that is written here. A table may be written in several places.
fn field_at(table: &DeTable, at: usize) -> Option<String> {
    let here = |span: std::ops::Range<usize>| span.contains(&at);
    table.iter().find_map(|(name, value)| {
        let within = value.get_ref().as_table().and_then(|table| field_at(table, at));
        match within {
            Some(field) => Some(format!("{}.{field}", name.get_ref())),
            None => (here(name.span()) || here(value.span())).then(|| name.get_ref().to_string()),
        }
    })
}
