//! Tables one below the other.

use playlist_core::AudioFeature;

use crate::report::{Note, ReadReport};
use crate::text::{CodedColumn, TextColumn};
use crate::{Error, Result, TrackTable};

impl TrackTable {
    /// All tables, one below the other. A feature or text that only some of them have is missing from
    /// the rows of the others, and noted.
    ///
    /// # Errors
    /// [`Error::Core`] without tables.
    pub fn concat(tables: Vec<Self>) -> Result<Self> {
        if tables.is_empty() {
            return Err(Error::Core(playlist_core::Error::Empty {
                what: "tables to join",
            }));
        }
        let names: Vec<&str> = tables.iter().map(Self::name).collect();
        let mut report = ReadReport::memory(&names.join(" + "));
        for table in &tables {
            report.notes.extend(table.report.notes.iter().cloned());
        }
        report.notes.extend(partly_known(&tables));
        let mut sources = Vec::new();
        let mut origins = Vec::new();
        for table in &tables {
            let shift = sources.len();
            sources.extend(table.sources.iter().cloned());
            let places = (0..table.n_rows).map(|row| table.place(row));
            origins.extend(places.map(|(source, row)| (source + shift, row)));
        }
        let mut splits: Vec<String> = Vec::new();
        for (name, _) in tables.iter().flat_map(|table| &table.splits) {
            if !splits.contains(name) {
                splits.push(name.clone());
            }
        }
        let column = |name: &String| {
            let find = |table: &Self| {
                table
                    .splits
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, c)| c.clone())
            };
            join_codes(&tables, find).unwrap_or_default()
        };
        let mut joined = Self {
            n_rows: origins.len(),
            ids: join_texts(&tables, |table| table.ids.as_ref()),
            titles: join_texts(&tables, |table| table.titles.as_ref()),
            artists: join_texts(&tables, |table| table.artists.as_ref()),
            labels: join_codes(&tables, |table| table.labels.clone()),
            splits: splits.iter().map(|name| (name.clone(), column(name))).collect(),
            features: std::array::from_fn(|index| join_features(&tables, index)),
            report,
            sources,
            origins: Some(origins),
        };
        joined.count();
        Ok(joined)
    }
}

fn join_texts<'a>(
    tables: &'a [TrackTable],
    column: impl Fn(&'a TrackTable) -> Option<&'a TextColumn>,
) -> Option<TextColumn> {
    tables.iter().any(|table| column(table).is_some()).then(|| {
        let rows = |table: &'a TrackTable| {
            let found = column(table);
            (0..table.n_rows).map(move |row| found.and_then(|texts| texts.get(row)))
        };
        tables.iter().flat_map(rows).collect()
    })
}

fn join_codes(
    tables: &[TrackTable],
    column: impl Fn(&TrackTable) -> Option<CodedColumn>,
) -> Option<CodedColumn> {
    let columns: Vec<Option<CodedColumn>> = tables.iter().map(column).collect();
    columns.iter().any(Option::is_some).then(|| {
        let mut joined = CodedColumn::default();
        for (table, column) in tables.iter().zip(&columns) {
            for row in 0..table.n_rows {
                joined.push(column.as_ref().and_then(|column| column.get(row)));
            }
        }
        joined
    })
}

fn join_features(tables: &[TrackTable], index: usize) -> Option<Vec<f32>> {
    tables
        .iter()
        .any(|table| table.features[index].is_some())
        .then(|| {
            let mut joined = Vec::new();
            for table in tables {
                match &table.features[index] {
                    Some(values) => joined.extend_from_slice(values),
                    None => joined.resize(joined.len() + table.n_rows, f32::NAN),
                }
            }
            joined
        })
}

fn partly_known(tables: &[TrackTable]) -> Vec<Note> {
    let mut notes = Vec::new();
    for feature in AudioFeature::ALL {
        let has = |table: &&TrackTable| table.features[feature.index()].is_some();
        if tables.iter().any(|table| has(&table)) {
            notes.extend(
                tables
                    .iter()
                    .filter(|table| !has(table))
                    .map(|table| Note::PartlyKnown {
                        feature,
                        file: table.name().to_owned(),
                    }),
            );
        }
    }
    notes
}
