//! Predictions of every track as a file.

use std::path::Path;

use playlist_core::{Labels, Overwrite, Probabilities, write_file};
use playlist_dataset::Split;
use serde_json::{Map, Value};

use crate::{Error, Experiment, Outcome, Result};

/// Writes what the models of `outcome` predict for the tracks of `experiment`, one row a track: `track_id`, `row` (in its
/// file, from 1, without the header), `label`, `split` (`train`, `valid`, `test`) and a column of probabilities a model,
/// named after it; with more than two classes one column a model and class, `model:class`.
///
/// JSON lines when `path` ends in `.jsonl`, `.ndjson` or `.json`, else CSV. An unknown id is empty or `null`.
///
/// # Errors
/// A file that exists unless `overwrite` allows it, or that cannot be written.
pub fn write_predictions(
    path: &Path,
    experiment: &Experiment,
    outcome: &Outcome,
    overwrite: Overwrite,
) -> Result<()> {
    let (table, labels, split) = (experiment.table(), experiment.labels(), &outcome.split);
    let columns = columns(outcome);
    let rows = (0..table.n_tracks()).filter_map(|row| Some((row, part(split, row)?)));
    let is_json = path.extension().is_some_and(|ending| {
        ["jsonl", "ndjson", "json"]
            .iter()
            .any(|json| ending.eq_ignore_ascii_case(json))
    });
    let bytes = if is_json {
        let mut text = Vec::new();
        for (row, part) in rows {
            let mut object = Map::new();
            object.insert("track_id".to_owned(), table.id(row).into());
            object.insert("row".to_owned(), table.origin(row).1.into());
            object.insert("label".to_owned(), label(labels, row).into());
            object.insert("split".to_owned(), part.into());
            for (name, p, class) in &columns {
                object.insert(name.clone(), f64::from(p.get(row, *class)).into());
            }
            text.extend(Value::Object(object).to_string().into_bytes());
            text.push(b'\n');
        }
        text
    } else {
        let csv = |source| Error::Csv {
            path: path.to_owned(),
            source,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = ["track_id", "row", "label", "split"].into_iter();
        writer
            .write_record(header.chain(columns.iter().map(|column| column.0.as_str())))
            .map_err(csv)?;
        for (row, part) in rows {
            let mut record = vec![
                table.id(row).unwrap_or_default().to_owned(),
                table.origin(row).1.to_string(),
                label(labels, row).to_owned(),
            ];
            record.push(part.to_owned());
            record.extend(columns.iter().map(|(_, p, class)| p.get(row, *class).to_string()));
            writer.write_record(&record).map_err(csv)?;
        }
        writer
            .into_inner()
            .map_err(|error| csv(error.into_error().into()))?
    };
    Ok(write_file(path, &bytes, overwrite)?)
}

/// The columns of probabilities: name, probabilities, class.
fn columns(outcome: &Outcome) -> Vec<(String, &Probabilities, usize)> {
    let mut columns = Vec::new();
    for (model, p) in outcome.report.models.iter().zip(&outcome.predictions) {
        if p.n_classes() == 2 {
            columns.push((model.name.clone(), p, 1));
            continue;
        }
        for (class, section) in outcome.report.dataset.classes.iter().enumerate() {
            columns.push((format!("{}:{}", model.name, section.name), p, class));
        }
    }
    columns
}

fn label(labels: &Labels, row: usize) -> &str {
    &labels.class_names()[labels.y()[row]]
}

/// The part that a row lies in; the parts are sorted.
fn part(split: &Split, row: usize) -> Option<&'static str> {
    let parts = [
        ("train", &split.train),
        ("valid", &split.valid),
        ("test", &split.test),
    ];
    parts
        .into_iter()
        .find(|(_, rows)| rows.binary_search(&row).is_ok())
        .map(|(name, _)| name)
}
