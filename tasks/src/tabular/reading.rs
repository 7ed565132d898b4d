//! How a table is to be read, as it stands in study files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::{Format, Kind, OnBadRow, ReadOptions};

/// What is left out is found out from the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reading {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Words for what is not known. Default: those of [`ReadOptions::MISSING`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, Kind>,
    #[serde(skip_serializing_if = "is_stop")]
    pub on_bad_row: OnBadRow,
}

fn is_stop(on_bad_row: &OnBadRow) -> bool {
    *on_bad_row == OnBadRow::Stop
}

impl Reading {
    /// Whether everything is found out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub fn options(&self) -> ReadOptions {
        let default = ReadOptions::default();
        ReadOptions {
            delimiter: self.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()),
            header: self.header,
            on_bad_row: self.on_bad_row,
            missing: self.missing.clone().unwrap_or(default.missing),
            types: self.types.clone(),
        }
    }
}
