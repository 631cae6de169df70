//! A hash by which a table is known again.

use playlist_core::AudioFeature;

use crate::TrackTable;

impl TrackTable {
    /// A hash of ids, labels and features, in 16 hexadecimal digits: equal for equal tables wherever
    /// they come from, and different, but for chance, when a value, a row or the order differs.
    ///
    /// # Source
    /// FNV-1a with 64 bits (Fowler, Noll, Vo). It guards against mistakes, not against forgery.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Fnv::default();
        hash.add(&(self.n_rows as u64).to_le_bytes());
        for row in 0..self.n_rows {
            for text in [self.id(row), self.label(row)] {
                let text = text.unwrap_or_default();
                hash.add(&(text.len() as u64).to_le_bytes());
                hash.add(text.as_bytes());
            }
            for feature in AudioFeature::ALL {
                let value = self.value(row, feature).unwrap_or(f32::NAN);
                // Zero has two signs and NaN many forms; each counts as one value.
                let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
                hash.add(&value.to_bits().to_le_bytes());
            }
        }
        format!("{:016x}", hash.0)
    }
}

struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}
