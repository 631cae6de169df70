//! What a file holds while it is read: rows by playlist, before units are decided.

use std::collections::{BTreeMap, HashMap};

use playlist_core::{AudioFeature, PlaylistKind, Track};

use crate::cells::{Cells, Layout, Slot};
use crate::report::{Conversion, IssueLog, RowIssue, RowPlace};
use crate::row::{self, Outcome};
use crate::{Error, ExportFormat, ImportOptions, Result, liked};

/// A row that is a track; its features are as the file has them.
#[derive(Clone, Debug)]
pub(crate) struct DraftRow {
    pub(crate) track: Track,
    /// Artists that are still one text.
    pub(crate) artists: Option<String>,
    /// The features in the units of the file, NaN where missing.
    pub(crate) values: [f32; AudioFeature::ALL.len()],
    /// Whether the duration was minutes and seconds, and is milliseconds now.
    pub(crate) from_clock: bool,
    pub(crate) place: RowPlace,
    /// What stands where the id should, if it is none of Spotify's.
    pub(crate) foreign_id: Option<Box<str>>,
    /// Whether the row ended before its first feature.
    pub(crate) cut_before_features: bool,
}

/// A playlist while it is read.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) kind: PlaylistKind,
    pub(crate) rows: Vec<DraftRow>,
    pub(crate) log: IssueLog,
    pub(crate) n_rows: usize,
    pub(crate) n_episodes: usize,
    pub(crate) n_other: usize,
    pub(crate) notes: Vec<String>,
}

/// What may still be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) rows_left: usize,
    pub(crate) playlists_left: usize,
}

/// A file while it is read.
pub(crate) struct Sheet<'a> {
    pub(crate) file: &'a str,
    stem: &'a str,
    pub(crate) format: ExportFormat,
    options: &'a ImportOptions,
    budget: &'a mut Budget,
    pub(crate) drafts: Vec<Draft>,
    index: HashMap<(String, PlaylistKind), usize>,
    /// The draft of the last row: rows that cannot be read are counted there.
    current: Option<usize>,
    /// Names of columns by slot.
    names: BTreeMap<usize, String>,
    conversions: BTreeMap<String, Conversion>,
}

impl<'a> Sheet<'a> {
    pub(crate) fn new(
        file: &'a str,
        stem: &'a str,
        format: ExportFormat,
        options: &'a ImportOptions,
        budget: &'a mut Budget,
    ) -> Self {
        Self {
            file,
            stem,
            format,
            options,
            budget,
            drafts: Vec::new(),
            index: HashMap::new(),
            current: None,
            names: BTreeMap::new(),
            conversions: BTreeMap::new(),
        }
    }

    /// Takes the names of columns from the header.
    pub(crate) fn take_names(&mut self, layout: &Layout) {
        for (name, slot) in layout.names.iter().zip(&layout.slots) {
            if let Some(slot) = slot {
                self.name_column(*slot, name);
            }
        }
    }

    pub(crate) fn name_column(&mut self, slot: Slot, name: &str) {
        self.names
            .entry(slot.index())
            .or_insert_with(|| name.trim().to_owned());
    }

    /// The name of the column that holds `slot`, as the file has it where known.
    pub(crate) fn column(&self, slot: Slot) -> &str {
        self.names
            .get(&slot.index())
            .map_or_else(|| slot.name(), String::as_str)
    }

    pub(crate) fn convert(&mut self, slot: Slot, from: &str, to: &str) {
        let column = self.column(slot).to_owned();
        self.conversions
            .entry(column.clone())
            .or_insert_with(|| Conversion {
                column,
                from: from.to_owned(),
                to: to.to_owned(),
            });
    }

    pub(crate) fn conversions(&self) -> Vec<Conversion> {
        self.conversions.values().cloned().collect()
    }

    /// The playlist of the file's own name; made when it is not there yet.
    pub(crate) fn own_playlist(&mut self) -> Result<&mut Draft> {
        let kind = liked::kind_of_name(self.stem);
        self.playlist(self.stem, kind)
    }

    /// The playlist of this name and kind; made when it is not there yet. It is current from now on.
    pub(crate) fn playlist(&mut self, name: &str, kind: PlaylistKind) -> Result<&mut Draft> {
        let key = (name.to_owned(), kind);
        let place = match self.index.get(&key) {
            Some(place) => *place,
            None => {
                self.new_playlist(name, kind)?;
                self.index.insert(key, self.drafts.len() - 1);
                self.drafts.len() - 1
            }
        };
        self.current = Some(place);
        Ok(&mut self.drafts[place])
    }

    /// A playlist of its own, although another may have its name.
    pub(crate) fn new_playlist(&mut self, name: &str, kind: PlaylistKind) -> Result<()> {
        let left = self.budget.playlists_left.checked_sub(1);
        self.budget.playlists_left = left.ok_or_else(|| Error::TooMany {
            file: self.file.to_owned(),
            what: "playlists",
            limit: self.options.max_files,
            setting: "max_files",
        })?;
        self.drafts.push(Draft {
            name: name.to_owned(),
            kind,
            rows: Vec::new(),
            log: IssueLog::new(self.options.max_issues),
            n_rows: 0,
            n_episodes: 0,
            n_other: 0,
            notes: Vec::new(),
        });
        self.current = Some(self.drafts.len() - 1);
        Ok(())
    }

    fn current(&mut self) -> Result<&mut Draft> {
        match self.current {
            Some(place) => Ok(&mut self.drafts[place]),
            None => self.own_playlist(),
        }
    }

    /// Counts a row of the current playlist.
    fn row(&mut self) -> Result<&mut Draft> {
        let left = self.budget.rows_left.checked_sub(1);
        self.budget.rows_left = left.ok_or_else(|| Error::TooMany {
            file: self.file.to_owned(),
            what: "rows",
            limit: self.options.max_rows,
            setting: "max_rows",
        })?;
        let draft = self.current()?;
        draft.n_rows += 1;
        Ok(draft)
    }

    /// The playlist of the file's own name, if no row named another.
    pub(crate) fn at_least_one_playlist(&mut self) -> Result<()> {
        self.current().map(|_| ())
    }

    /// Adds a sentence to the report of the current playlist.
    pub(crate) fn note(&mut self, note: String) -> Result<()> {
        self.current()?.notes.push(note);
        Ok(())
    }

    /// Counts a row that cannot be read.
    pub(crate) fn push_bad(&mut self, issue: RowIssue) -> Result<()> {
        let draft = self.row()?;
        draft.log.push(issue);
        Ok(())
    }

    /// Counts a row that is no track of a playlist.
    pub(crate) fn push_other(&mut self) -> Result<()> {
        let draft = self.row()?;
        draft.n_other += 1;
        Ok(())
    }

    /// Counts a row that is an episode or a chapter.
    pub(crate) fn push_episode(&mut self) -> Result<()> {
        let draft = self.row()?;
        draft.n_episodes += 1;
        Ok(())
    }

    /// Reads a row into the playlist that it names.
    pub(crate) fn push_row(&mut self, place: RowPlace, cells: Cells<'_>) -> Result<()> {
        if self.format.names_playlists() {
            let (name, kind) = row::playlist(self.format, &cells);
            let name = name.unwrap_or_else(|| self.stem.to_owned());
            let kind = kind.unwrap_or_else(|| liked::kind_of_name(&name));
            if row::is_other(self.format, &cells) {
                return self.push_other();
            }
            self.playlist(&name, kind)?;
        }
        self.push_to_current(place, cells)
    }

    /// Reads a row into the current playlist.
    pub(crate) fn push_to_current(&mut self, place: RowPlace, cells: Cells<'_>) -> Result<()> {
        if row::is_marker(self.format, &cells) {
            return Ok(());
        }
        let mut issues = Vec::new();
        let outcome = row::read(self, place, &cells, &mut issues);
        let draft = self.row()?;
        match outcome {
            Outcome::Track(row) => {
                draft.rows.push(*row);
                issues.into_iter().for_each(|issue| draft.log.push(issue));
            }
            Outcome::Episode => draft.n_episodes += 1,
            Outcome::Bad(issue) => draft.log.push(issue),
        }
        Ok(())
    }
}
