//! Seeded tables for the tests of this crate.

use playlist_core::{FeatureMatrix, Labels};

/// Uniform numbers in [-1, 1), the same on every machine: a multiplicative generator modulo 2^64.
pub(crate) struct Uniform(u64);

impl Uniform {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95);
        // The upper 24 bits, which a multiplicative generator mixes best, fill an f32 exactly.
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// `n_samples` rows of columns `a`, `b`, `c`, uniform in [-1, 1); the class is the band of `a`
/// plus `noise` times another such number, among `n_classes` equal bands.
pub(crate) fn table(seed: u64, n_samples: usize, n_classes: usize, noise: f32) -> (FeatureMatrix, Labels) {
    let mut uniform = Uniform::new(seed);
    let mut values = Vec::new();
    let mut y = Vec::new();
    for _ in 0..n_samples {
        let row = [uniform.next(), uniform.next(), uniform.next()];
        let place = (row[0] + noise * uniform.next()).clamp(-0.999, 0.999);
        y.push(((place + 1.0) / 2.0 * n_classes as f32) as usize);
        values.extend(row);
    }
    let classes = (0..n_classes).map(|class| format!("class {class}"));
    (
        FeatureMatrix::new(["a", "b", "c"], values).unwrap(),
        Labels::new(classes, y).unwrap(),
    )
}
