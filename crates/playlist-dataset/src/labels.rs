//! From the labels of a table to classes.

use std::collections::HashMap;

use playlist_core::Labels;

use crate::{Error, Result, TrackTable};

impl TrackTable {
    /// The labels as classes.
    ///
    /// Two classes come as negative and positive. Positive is the one named by `positive_class`; without
    /// it the one called `1`, `true`, `yes`, `like`, `liked`, `likes` or `positive`; else the first by
    /// name. Three and more classes come sorted by name.
    ///
    /// # Errors
    /// [`Error::NoLabels`], [`Error::Unlabelled`], [`Error::OneClass`], [`Error::UnknownClass`];
    /// [`Error::Core`] without tracks, and for a positive class among more than two.
    pub fn labelled(&self, positive_class: Option<&str>) -> Result<Labels> {
        let path = || self.name().to_owned();
        let Some(labels) = &self.labels else {
            return Err(Error::NoLabels { path: path() });
        };
        if let Some(row) = labels.iter().position(|label| label.is_none()) {
            return Err(Error::Unlabelled {
                path: path(),
                row: row + 1,
                n_rows: labels.n_missing(),
            });
        }
        let counts = labels.counts();
        if counts.len() < 2 {
            let Some((class, n_tracks)) = counts.into_iter().next() else {
                return Err(Error::Core(playlist_core::Error::Empty {
                    what: "tracks with a label",
                }));
            };
            return Err(Error::OneClass {
                path: path(),
                class,
                n_tracks,
            });
        }
        let names: Vec<String> = counts.into_iter().map(|(class, _)| class).collect();
        let names = ordered_classes(&path(), names, positive_class)?;
        let positions: HashMap<&str, usize> =
            names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let y = labels
            .iter()
            .filter_map(|label| positions.get(label?).copied())
            .collect();
        Ok(Labels::new(names.iter().map(String::as_str), y)?)
    }
}

/// Two classes as negative and positive, more as they are.
fn ordered_classes(path: &str, mut names: Vec<String>, positive: Option<&str>) -> Result<Vec<String>> {
    const POSITIVE: [&str; 8] = ["1", "1.0", "true", "yes", "like", "liked", "likes", "positive"];
    if let (Some(_), n_classes @ 3..) = (positive, names.len()) {
        return Err(Error::Core(playlist_core::Error::NotBinary { n_classes }));
    }
    if names.len() > 2 {
        return Ok(names);
    }
    let position = match positive {
        Some(class) => names
            .iter()
            .position(|name| name == class)
            .ok_or_else(|| Error::UnknownClass {
                path: path.to_owned(),
                class: class.to_owned(),
                found: names.clone(),
            })?,
        None => names
            .iter()
            .position(|name| POSITIVE.iter().any(|word| name.eq_ignore_ascii_case(word)))
            .unwrap_or(0),
    };
    if position == 0 {
        names.swap(0, 1);
    }
    Ok(names)
}
