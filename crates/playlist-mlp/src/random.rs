//! Every random number of a training comes from one seed, through separate streams, so that changing
//! one use (say, dropout) leaves the others (say, the weights) as they were.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the numbers are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Weights = 0,
    Shuffle = 1,
    Dropout = 2,
    Validation = 3,
    /// Of a search for settings; not of single networks.
    Search = 4,
    /// Of made-up tracks; not of single networks.
    MadeUp = 5,
}

/// A generator for one purpose. Burn's own generators are global to a backend, so two trainings at once
/// would disturb each other.
pub(crate) fn generator(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// A generator for one purpose of one network of an ensemble.
pub(crate) fn member_generator(seed: u64, stream: Stream, member: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // The first streams are those of single networks.
    rng.set_stream(16 + 4 * member as u64 + stream as u64);
    rng
}

/// A number uniform in [0, 1), from the upper 24 bits of one word.
pub(crate) fn unit(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
}

/// A tensor with elements uniform in [-bound, bound).
pub(crate) fn uniform<const D: usize>(
    shape: [usize; D],
    bound: f64,
    rng: &mut impl Rng,
    device: &Device,
) -> Tensor<D> {
    let bound = bound as f32;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| (2.0 * unit(rng) - 1.0) * bound)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Inverted dropout: 0 with probability `dropout`, else 1 / (1 - dropout), so that means are kept.
pub(crate) fn fill_dropout_mask(dropout: f64, rng: &mut impl Rng, mask: &mut [f32]) {
    let (dropped, scale) = (dropout as f32, (1.0 / (1.0 - dropout)) as f32);
    for factor in mask {
        *factor = if unit(rng) < dropped { 0.0 } else { scale };
    }
}
