//! One page of a list, as Spotify sends it.

use serde_json::Value;

use crate::{Error, Result};

/// The entries of a page and where the next one begins.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<'a> {
    pub(crate) entries: &'a [Value],
    /// How many entries the whole list has, as far as told.
    pub(crate) total: Option<u64>,
    /// Where the next page begins; `None` on the last one.
    pub(crate) next_offset: Option<u64>,
}

impl<'a> Page<'a> {
    /// Reads the reply to a request for `limit` entries from `offset` on.
    ///
    /// The next page begins a whole limit further however many entries came: Spotify leaves out and nulls entries,
    /// and counting them drifts. A server that grants less than was asked for says so in `limit`.
    ///
    /// # Errors
    /// [`Error::BadReply`] for one without `items`: taking it for an empty list would lose the list.
    pub(crate) fn read(reply: &'a Value, offset: u64, limit: u64) -> Result<Self> {
        let entries = reply["items"].as_array().ok_or_else(|| Error::BadReply {
            what: format!("the page from {offset} on"),
            reason: "expected a list `items`, found none".to_owned(),
        })?;
        let total = reply["total"].as_u64();
        let granted = reply["limit"].as_u64().filter(|granted| *granted > 0);
        let step = granted.map_or(limit, |granted| granted.min(limit));
        let next = offset.saturating_add(step.max(entries.len() as u64));
        let more = match (reply["next"].is_null(), total) {
            (true, _) => false,
            (false, Some(total)) => next < total,
            // Without a total an empty page is the only end that is certain.
            (false, None) => !entries.is_empty(),
        };
        Ok(Self {
            entries,
            total,
            next_offset: more.then_some(next),
        })
    }

    /// A text that differs when the list does: how many entries there are, and which are on this page.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Fnv::default();
        for entry in self.entries {
            let inner = ["item", "track", "album"]
                .into_iter()
                .map(|name| &entry[name])
                .find(|inner| inner.is_object())
                .unwrap_or(entry);
            let same = [&entry["added_at"], &inner["uri"], &inner["id"], &inner["name"]];
            for value in same {
                hash.add(value.as_str().unwrap_or_default());
            }
        }
        let total = self.total.map_or_else(|| "?".to_owned(), |n| n.to_string());
        format!("first:{total}:{}", hash.finish())
    }
}

/// The 64-bit FNV-1a hash: the same on every machine and in every version, which the standard one is not.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a text and its end.
    pub(crate) fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn finish(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn next(reply: &Value) -> Option<u64> {
        Page::read(reply, 100, 50).unwrap().next_offset
    }

    #[test]
    fn pages_advance_by_what_was_asked_for() {
        let nulls = vec![Value::Null; 50];
        assert_eq!(
            next(&json!({"items": nulls, "next": "u", "total": 500})),
            Some(150)
        );
        assert_eq!(next(&json!({"items": [1], "next": "u", "total": 500})), Some(150));
        assert_eq!(next(&json!({"items": [], "next": "u", "total": 500})), Some(150));
        assert_eq!(next(&json!({"items": nulls, "next": "u"})), Some(150));
    }

    #[test]
    fn pages_end() {
        assert_eq!(next(&json!({"items": [1], "next": null, "total": 101})), None);
        assert_eq!(next(&json!({"items": [1], "next": "u", "total": 150})), None);
        assert_eq!(next(&json!({"items": [1]})), None);
        assert_eq!(next(&json!({"items": [], "next": "u"})), None);
        for nothing in [json!({}), json!({"items": null}), json!({"items": {}})] {
            assert!(matches!(Page::read(&nothing, 0, 50), Err(Error::BadReply { .. })));
        }
        let far = json!({"items": [1], "next": "u", "total": u64::MAX});
        assert_eq!(Page::read(&far, u64::MAX, 50).unwrap().next_offset, None);
    }

    #[test]
    fn a_smaller_limit_is_obeyed_and_a_larger_page_is_not_read_twice() {
        assert_eq!(
            next(&json!({"items": [1], "next": "u", "total": 500, "limit": 20})),
            Some(120)
        );
        assert_eq!(
            next(&json!({"items": [1], "next": "u", "total": 500, "limit": 0})),
            Some(150)
        );
        let long = vec![1; 60];
        assert_eq!(
            next(&json!({"items": long, "next": "u", "total": 500})),
            Some(160)
        );
    }

    #[test]
    fn the_fingerprint_sees_what_changed() {
        let print = |reply: &Value| Page::read(reply, 0, 50).unwrap().fingerprint();
        let one = json!({"items": [{"added_at": "a", "track": {"id": "x"}}], "total": 2});
        let other = json!({"items": [{"added_at": "b", "track": {"id": "x"}}], "total": 2});
        let longer = json!({"items": [{"added_at": "a", "track": {"id": "x"}}], "total": 3});
        let new_shape = json!({"items": [{"added_at": "a", "item": {"id": "x"}}], "total": 2});
        assert_eq!(print(&one), print(&new_shape));
        assert!(print(&one) != print(&other) && print(&one) != print(&longer));
        print(&json!({"items": [null, 3, []]}));
    }
}
