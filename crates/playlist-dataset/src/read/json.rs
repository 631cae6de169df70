//! JSON lines: one flat object a line.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use polars::prelude::{Column, NamedFrom, Series};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::lines::{LineNumbers, LineReader};
use super::{RawTable, ReadOptions};
use crate::column::{Assignment, is_candidate};
use crate::report::{FileKind, Note};
use crate::{Error, Result};

pub(super) fn read(path: &str, reader: impl BufRead, options: &ReadOptions) -> Result<RawTable> {
    let mut lines = LineReader::new(path, reader, options.max_line_bytes);
    let mut keys = Keys::default();
    let mut row_lines = LineNumbers::text();
    let (mut n_rows, mut n_blank) = (0, 0);
    let mut line = Vec::new();
    while lines.read_into(&mut line)? {
        if line.iter().all(u8::is_ascii_whitespace) {
            n_blank += 1;
        } else {
            let object: Object = serde_json::from_slice(&line).map_err(|source| Error::Json {
                path: path.to_owned(),
                line: lines.line,
                found: match source.classify() {
                    Category::Eof => "one that is cut short",
                    Category::Data => "another value, or a key that is given twice",
                    _ => "text that is not JSON",
                },
                source,
            })?;
            keys.add(n_rows, object, options);
            row_lines.note(n_rows, lines.line);
            n_rows += 1;
        }
        line.clear();
    }
    let assignment = Assignment::new(path, &keys.names, options)?;
    let columns = keys.columns(path, n_rows, &assignment, &row_lines)?;
    let blank = (n_blank > 0).then_some(Note::BlankLines { n_lines: n_blank });
    Ok(RawTable {
        path: path.to_owned(),
        kind: FileKind::JsonLines,
        delimiter: None,
        n_rows,
        names: keys.names,
        columns,
        numbers: Vec::new(),
        texts: None,
        lines: row_lines,
        assignment,
        notes: blank.into_iter().collect(),
    })
}

/// The pairs of an object in their order; a repeated key is an error, not the last one's victory.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object, A::Error> {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(serde::de::Error::custom(format!("key `{key}` is given twice")));
                    }
                    pairs.push((key, value));
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The values by key, as text. Of keys that cannot be needed, the name alone is kept.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    positions: HashMap<String, usize>,
    cells: Vec<Option<Vec<Option<String>>>>,
    /// The first row with a list or an object, and which of the two.
    nested: Vec<Option<(usize, &'static str)>>,
}

impl Keys {
    fn add(&mut self, row: usize, Object(pairs): Object, options: &ReadOptions) {
        for (key, value) in pairs {
            let position = match self.positions.get(&key) {
                Some(position) => *position,
                None => self.add_key(key, options),
            };
            let Some(cells) = &mut self.cells[position] else {
                continue;
            };
            cells.resize(row, None);
            cells.push(match value {
                Value::Null => None,
                Value::Bool(value) => Some(value.to_string()),
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) => Some(text),
                Value::Array(values) => match joined(&values) {
                    Some(text) => Some(text),
                    None => {
                        self.nested[position].get_or_insert((row, "a list"));
                        None
                    }
                },
                Value::Object(_) => {
                    self.nested[position].get_or_insert((row, "an object"));
                    None
                }
            });
        }
    }

    fn add_key(&mut self, key: String, options: &ReadOptions) -> usize {
        let position = self.names.len();
        self.cells.push(is_candidate(&key, options).then(Vec::new));
        self.nested.push(None);
        self.names.push(key.clone());
        self.positions.insert(key, position);
        position
    }

    fn columns(
        &mut self,
        path: &str,
        n_rows: usize,
        assignment: &Assignment,
        lines: &LineNumbers,
    ) -> Result<Vec<Option<Column>>> {
        let mut columns = vec![None; self.names.len()];
        for position in assignment.needed() {
            if let Some((row, found)) = self.nested[position] {
                return Err(Error::NestedValue {
                    path: path.to_owned(),
                    line: lines.line(row).unwrap_or(row + 1),
                    key: self.names[position].clone(),
                    found,
                });
            }
            let mut cells = self.cells[position].take().unwrap_or_default();
            cells.resize(n_rows, None);
            columns[position] = Some(Series::new(self.names[position].as_str().into(), cells).into());
        }
        Ok(columns)
    }
}

/// A list of texts, such as the artists of a track, as one text.
fn joined(values: &[Value]) -> Option<String> {
    let texts: Vec<&str> = values.iter().map(Value::as_str).collect::<Option<_>>()?;
    (!texts.is_empty()).then(|| texts.join("; "))
}
