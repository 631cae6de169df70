//! JSON without building it: members and entries are visited as they stand in the text, so that memory is that
//! of the text and one bad entry costs that entry.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Error, Result};

/// Some members of an object, and the names of the first of all.
#[derive(Default)]
pub(crate) struct Members<'a> {
    wanted: Vec<(String, &'a RawValue)>,
    pub(crate) names: Vec<String>,
}

impl<'a> Members<'a> {
    /// The member of this name; of several the last, as readers of JSON do.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut found = self.wanted.iter().rev();
        found.find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    /// The member of this name if it is a list.
    pub(crate) fn list(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get().starts_with('['))
    }

    /// The member of this name if it is an object.
    pub(crate) fn object(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get().starts_with('{'))
    }

    /// The member of this name if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }
}

/// The members of an object that are called one of `wanted`.
pub(crate) fn members<'a>(text: &'a str, wanted: &[&str]) -> serde_json::Result<Members<'a>> {
    struct Visit<'w>(&'w [&'w str]);
    impl<'de> Visitor<'de> for Visit<'_> {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
            /// The names that are kept for a message.
            const MOST: usize = 64;
            let mut members = Members::default();
            while let Some(name) = map.next_key::<String>()? {
                if self.0.contains(&name.as_str()) {
                    // A member that is given over and over is kept once.
                    members.wanted.retain(|(other, _)| *other != name);
                    members.wanted.push((name.clone(), map.next_value()?));
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
                if members.names.len() < MOST {
                    members.names.push(name);
                }
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Visit(wanted))?;
    reader.end()?;
    Ok(members)
}

/// Visits the entries of a list, counted from 1, until one is refused.
pub(crate) fn each<'a>(
    file: &str,
    list: &'a str,
    mut visit: impl FnMut(usize, &'a RawValue) -> Result<()>,
) -> Result<()> {
    struct Visit<'f, F>(&'f mut F, &'f mut Option<Error>);
    impl<'de, F: FnMut(usize, &'de RawValue) -> Result<()>> Visitor<'de> for Visit<'_, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            let mut n = 0;
            while let Some(entry) = list.next_element::<&'de RawValue>()? {
                n += 1;
                if let Err(error) = (self.0)(n, entry) {
                    *self.1 = Some(error);
                    return Err(serde::de::Error::custom("refused"));
                }
            }
            Ok(())
        }
    }
    impl<'de, F: FnMut(usize, &'de RawValue) -> Result<()>> DeserializeSeed<'de> for Visit<'_, F> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
            reader.deserialize_seq(self)
        }
    }
    let mut refusal = None;
    let mut reader = serde_json::Deserializer::from_str(list);
    let visited = Visit(&mut visit, &mut refusal)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match (refusal, visited) {
        (Some(error), _) => Err(error),
        (None, Err(source)) => Err(damaged(file, source)),
        (None, Ok(())) => Ok(()),
    }
}

pub(crate) fn damaged(file: &str, source: serde_json::Error) -> Error {
    Error::Json {
        file: file.to_owned(),
        source,
    }
}

/// Finds the lines of entries that come in the order of the text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line on which `part` of the text begins.
    pub(crate) fn of(&mut self, part: &str) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        if offset < self.at {
            (self.at, self.line) = (0, 1);
        }
        let passed = self.text.as_bytes().get(self.at..offset)?;
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.at = offset;
        Some(self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_without_the_rest() {
        let text = r#"{"a":1,"b":[1,{"c":[]}],"a":{"x":2},"d":"t\n"}"#;
        let found = members(text, &["a", "b", "d"]).unwrap();
        assert_eq!(found.object("a").unwrap().get(), r#"{"x":2}"#);
        assert_eq!(found.list("b").unwrap().get(), r#"[1,{"c":[]}]"#);
        assert_eq!(found.text("d").as_deref(), Some("t\n"));
        assert!(found.get("c").is_none() && found.has("d"));
        assert!(members(r#"{"a":1} x"#, &[]).is_err());
        assert!(members("[]", &[]).is_err());
    }

    #[test]
    fn entries_know_their_lines_and_can_be_refused() {
        let text = "[1,\n\n{\"a\":\n2},3]";
        let (mut lines, mut found) = (Lines::new(text), Vec::new());
        each("x", text, |n, entry| {
            found.push((n, lines.of(entry.get())));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(1, Some(1)), (2, Some(3)), (3, Some(4))]);
        let refused = each("x", text, |_, _| Err(Error::Empty { file: "y".to_owned() }));
        assert!(matches!(refused, Err(Error::Empty { .. })));
        assert!(matches!(each("x", "[1,", |_, _| Ok(())), Err(Error::Json { .. })));
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("[{}", "[".repeat(2_000_000));
        assert!(each("x", &deep, |_, _| Ok(())).is_err());
        let closed = format!("[{}{}]", "[".repeat(500_000), "]".repeat(500_000));
        assert!(each("x", &closed, |_, _| Ok(())).is_ok());
    }
}
