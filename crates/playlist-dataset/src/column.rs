//! Which column of a file holds what: names, aliases, duplicates.

use playlist_core::AudioFeature;
use playlist_core::column::ColumnRole;

use crate::report::{ColumnUse, Note};
use crate::{Error, ReadOptions, Result};

/// What a column can be used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Feature(AudioFeature),
    Camelot,
    Id,
    Title,
    Artist,
    Label,
}

impl Role {
    const OTHERS: [Self; 5] = [Self::Camelot, Self::Id, Self::Title, Self::Artist, Self::Label];

    /// Every role, features first.
    fn all() -> impl Iterator<Item = Self> {
        AudioFeature::ALL
            .into_iter()
            .map(Self::Feature)
            .chain(Self::OTHERS)
    }

    /// The name of the column in our own tables.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.column(),
            Self::Camelot => ColumnRole::Camelot.column(),
            Self::Id => ColumnRole::Id.column(),
            Self::Title => ColumnRole::Title.column(),
            Self::Artist => ColumnRole::Artist.column(),
            Self::Label => ColumnRole::Label.column(),
        }
    }
}

/// Columns whose presence shows that `label` is the record label: exports of playlists have them.
const ALBUM_COLUMNS: [&str; 3] = ["album", "albumname", "albumdate"];

pub(crate) use playlist_core::column::plain_name as plain;

/// The role that a column of this name can have here, with the rank of the name among the role's names. The name
/// of a playlist is a label where no better one is there.
fn role_of(name: &str) -> Option<(Role, usize)> {
    let (role, rank) = ColumnRole::of(name)?;
    let role = match role {
        ColumnRole::Feature(feature) => Role::Feature(feature),
        ColumnRole::Camelot => Role::Camelot,
        ColumnRole::Id => Role::Id,
        ColumnRole::Title => Role::Title,
        ColumnRole::Artist => Role::Artist,
        ColumnRole::Label => Role::Label,
        ColumnRole::Playlist => return Some((Role::Label, rank + ColumnRole::Label.names().len())),
        _ => return None,
    };
    Some((role, rank))
}

/// Whether the column is an audio feature by its name.
pub(crate) fn is_feature(name: &str) -> bool {
    matches!(role_of(name), Some((Role::Feature(_), _)))
}

/// Whether the name is `split` or `split_` and a number.
fn is_split(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    name.strip_prefix("split").is_some_and(|rest| {
        rest.trim_start_matches(['_', '-', ' '])
            .bytes()
            .all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a column of this name may be needed, so that its cells must be kept.
pub(crate) fn is_candidate(name: &str, options: &ReadOptions) -> bool {
    let wanted = |column: &Option<String>| column.as_deref().is_some_and(|c| plain(c) == plain(name));
    role_of(name).is_some()
        || is_split(name)
        || wanted(&options.label_column)
        || wanted(&options.split_column)
}

/// The positions of the columns that are used, and what was decided about the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assignment {
    pub(crate) features: [Option<usize>; AudioFeature::ALL.len()],
    pub(crate) camelot: Option<usize>,
    pub(crate) id: Option<usize>,
    pub(crate) title: Option<usize>,
    pub(crate) artist: Option<usize>,
    pub(crate) label: Option<usize>,
    pub(crate) splits: Vec<usize>,
    /// Used column and another of the same name, whose cells must be the same.
    pub(crate) duplicates: Vec<(usize, usize)>,
    pub(crate) used: Vec<ColumnUse>,
    pub(crate) ignored: Vec<String>,
    pub(crate) notes: Vec<Note>,
}

impl Assignment {
    /// Decides for the columns `names` of the file `path`.
    pub(crate) fn new(path: &str, names: &[String], options: &ReadOptions) -> Result<Self> {
        let mut assignment = Self::default();
        for role in Role::all() {
            let position = match (role, &options.label_column) {
                (Role::Label, Some(wanted)) => Some(find(path, names, wanted)?),
                _ => assignment.best(names, role),
            };
            *assignment.slot(role) = position;
        }
        let beside_duration = AudioFeature::ALL
            .into_iter()
            .filter(|f| *f != AudioFeature::DurationMs);
        if beside_duration
            .into_iter()
            .all(|f| assignment.features[f.index()].is_none())
            && assignment.camelot.is_none()
        {
            return Err(Error::NoFeatures {
                path: path.to_owned(),
                found: names.to_vec(),
            });
        }
        assignment.drop_camelot_if_key_or_mode_is_given(names);
        assignment.splits = (0..names.len()).filter(|i| is_split(&names[*i])).collect();
        if let Some(wanted) = &options.split_column {
            let position = find(path, names, wanted)?;
            if !assignment.splits.contains(&position) {
                assignment.splits.push(position);
            }
        }
        assignment.note_duplicates(names);
        assignment.list_columns(names);
        Ok(assignment)
    }

    /// The positions of all columns whose cells are needed, ascending.
    pub(crate) fn needed(&self) -> Vec<usize> {
        let mut needed: Vec<usize> = self.roles().into_iter().map(|(_, position)| position).collect();
        needed.extend(&self.splits);
        needed.extend(self.duplicates.iter().map(|(_, second)| *second));
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    /// The positions of the columns of parts, one of each name.
    pub(crate) fn split_columns(&self, names: &[String]) -> Vec<usize> {
        let mut columns: Vec<usize> = Vec::new();
        for at in &self.splits {
            if columns.iter().all(|known| names[*known] != names[*at]) {
                columns.push(*at);
            }
        }
        columns
    }

    fn slot(&mut self, role: Role) -> &mut Option<usize> {
        match role {
            Role::Feature(feature) => &mut self.features[feature.index()],
            Role::Camelot => &mut self.camelot,
            Role::Id => &mut self.id,
            Role::Title => &mut self.title,
            Role::Artist => &mut self.artist,
            Role::Label => &mut self.label,
        }
    }

    fn roles(&self) -> Vec<(Role, usize)> {
        let features = AudioFeature::ALL.map(|f| (Role::Feature(f), self.features[f.index()]));
        let others = [
            (Role::Camelot, self.camelot),
            (Role::Id, self.id),
            (Role::Title, self.title),
            (Role::Artist, self.artist),
            (Role::Label, self.label),
        ];
        features
            .into_iter()
            .chain(others)
            .filter_map(|(role, position)| Some((role, position?)))
            .collect()
    }

    /// The column that fits `role` best: best name first, then leftmost. The others are noted.
    fn best(&mut self, names: &[String], role: Role) -> Option<usize> {
        let exported = names
            .iter()
            .any(|name| ALBUM_COLUMNS.contains(&plain(name).as_str()));
        let mut fitting: Vec<(usize, usize)> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            match role_of(name) {
                Some((Role::Label, 0)) if exported && role == Role::Label => {
                    self.notes.push(Note::RecordLabel { column: name.clone() });
                }
                Some((found, rank)) if found == role => fitting.push((rank, position)),
                _ => {}
            }
        }
        fitting.sort_unstable();
        let (_, best) = *fitting.first()?;
        for (_, other) in &fitting[1..] {
            if plain(&names[*other]) != plain(&names[best]) {
                self.notes.push(Note::AliasIgnored {
                    column: names[*other].clone(),
                    used: names[best].clone(),
                    used_as: role.column().to_owned(),
                });
            }
        }
        Some(best)
    }

    fn drop_camelot_if_key_or_mode_is_given(&mut self, names: &[String]) {
        let given = [AudioFeature::Key, AudioFeature::Mode]
            .into_iter()
            .find_map(|feature| self.features[feature.index()]);
        if let (Some(key), Some(camelot)) = (given, self.camelot) {
            self.camelot = None;
            self.notes.push(Note::AliasIgnored {
                column: names[camelot].clone(),
                used: names[key].clone(),
                used_as: "key and mode".to_owned(),
            });
        }
    }

    fn note_duplicates(&mut self, names: &[String]) {
        let mut used: Vec<usize> = self.roles().into_iter().map(|(_, position)| position).collect();
        used.extend(&self.splits);
        used.sort_unstable();
        used.dedup();
        let plain_names: Vec<String> = names.iter().map(|name| plain(name)).collect();
        for first in &used {
            for second in 0..names.len() {
                let same = second != *first && plain_names[second] == plain_names[*first];
                if same && !self.duplicates.iter().any(|(a, b)| a == &second && b == first) {
                    self.duplicates.push((*first, second));
                }
            }
        }
    }

    fn list_columns(&mut self, names: &[String]) {
        let mut read = vec![false; names.len()];
        for (role, position) in self.roles() {
            read[position] = true;
            self.used.push(ColumnUse {
                column: names[position].clone(),
                used_as: role.column().to_owned(),
            });
        }
        for position in &self.splits {
            read[*position] = true;
            self.used.push(ColumnUse {
                column: names[*position].clone(),
                used_as: "split".to_owned(),
            });
        }
        self.ignored = (0..names.len())
            .filter(|i| !read[*i])
            .map(|i| names[i].clone())
            .collect();
    }
}

/// The column named `wanted`: exactly, or else in plain spelling.
fn find(path: &str, names: &[String], wanted: &str) -> Result<usize> {
    names
        .iter()
        .position(|name| name == wanted)
        .or_else(|| names.iter().position(|name| plain(name) == plain(wanted)))
        .ok_or_else(|| Error::MissingColumn {
            path: path.to_owned(),
            column: wanted.to_owned(),
            found: names.to_vec(),
        })
}
