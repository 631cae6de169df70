//! Tables from and to polars data frames.

use playlist_core::AudioFeature;
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use crate::column::Assignment;
use crate::read::{LineNumbers, RawTable};
use crate::report::FileKind;
use crate::{Error, ReadOptions, Result, TrackTable, build};

impl TrackTable {
    /// A checked table from a data frame, named `name` in messages. Names, units and ranges are treated
    /// as in a file.
    ///
    /// # Errors
    /// As [`read_table`](crate::read_table), but for those of files.
    ///
    /// # Examples
    /// ```
    /// use playlist_dataset::{ReadOptions, TrackTable};
    /// use polars::prelude::df;
    ///
    /// let frame = df!("Tempo" => [120.0, f64::NAN], "label" => ["a", "b"])?;
    /// let table = TrackTable::from_frame(&frame, "two tracks", &ReadOptions::default())?;
    /// assert_eq!(table.report().missing[0].n_missing, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_frame(frame: &DataFrame, name: &str, options: &ReadOptions) -> Result<Self> {
        options.validate()?;
        if frame.height() == 0 {
            return Err(Error::NoRows {
                path: name.to_owned(),
            });
        }
        let names: Vec<String> = frame.columns().iter().map(|c| c.name().to_string()).collect();
        let assignment = Assignment::new(name, &names, options)?;
        build::table(RawTable {
            path: name.to_owned(),
            kind: FileKind::Memory,
            delimiter: None,
            n_rows: frame.height(),
            columns: frame.columns().iter().cloned().map(Some).collect(),
            numbers: Vec::new(),
            texts: None,
            names,
            lines: LineNumbers::default(),
            assignment,
            notes: Vec::new(),
        })
    }

    /// The table as a data frame: `track_id`, `title`, `artist` and `label` where there are such columns,
    /// then the features in column order, then the columns of parts. Missing values are null.
    ///
    /// # Errors
    /// [`Error::Frame`] when a column of parts is named as another column.
    pub fn to_frame(&self) -> Result<DataFrame> {
        type Text<'a> = Box<dyn Fn(usize) -> Option<&'a str> + 'a>;
        let texts: [(&str, bool, Text<'_>); 4] = [
            ("track_id", self.has_ids(), Box::new(|row| self.id(row))),
            ("title", self.has_titles(), Box::new(|row| self.title(row))),
            ("artist", self.has_artists(), Box::new(|row| self.artist(row))),
            ("label", self.has_labels(), Box::new(|row| self.label(row))),
        ];
        let rows = || 0..self.n_tracks();
        let mut columns: Vec<Column> = Vec::new();
        for (name, _, text) in texts.iter().filter(|(_, has, _)| *has) {
            let cells: Vec<Option<&str>> = rows().map(text).collect();
            columns.push(Series::new((*name).into(), cells).into());
        }
        for (feature, values) in AudioFeature::ALL.into_iter().zip(self.feature_columns()) {
            if let Some(values) = values {
                let cells: Vec<Option<f32>> =
                    values.iter().map(|v| Some(*v).filter(|v| !v.is_nan())).collect();
                columns.push(Series::new(feature.column().into(), cells).into());
            }
        }
        for name in self.split_columns() {
            let cells: Vec<Option<&str>> = self.split_column(name)?.iter().collect();
            columns.push(Series::new(name.into(), cells).into());
        }
        DataFrame::new(self.n_tracks(), columns).map_err(|source| Error::Frame {
            path: self.name().to_owned(),
            source: source.into(),
        })
    }
}
