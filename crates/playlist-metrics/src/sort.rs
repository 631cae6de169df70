//! A radix sort for items that carry an integer key.

/// Bits of one digit at most: 2,048 counters of 8 bytes stay in the first-level cache.
const MAX_DIGIT_BITS: u32 = 11;
/// Buckets of one digit.
const BUCKETS: usize = 1 << MAX_DIGIT_BITS;
/// Passes at most; what they leave unsorted is finished by comparison.
const MAX_PASSES: usize = 3;
/// Below this length a comparison sort is faster than clearing the counters.
const SMALL: usize = 1_024;

/// How the bits of the keys, counted from the smallest key, are cut into digits.
#[derive(Clone, Copy)]
struct Digits {
    smallest: u64,
    skipped: u32,
    width: u32,
    n_passes: usize,
}

impl Digits {
    /// At most `MAX_PASSES` digits from the highest bit that differs downwards.
    fn new(smallest: u64, largest: u64) -> Self {
        let n_bits = u64::BITS - (largest - smallest).leading_zeros();
        let sorted = n_bits.min(MAX_DIGIT_BITS * MAX_PASSES as u32);
        let n_passes = sorted.div_ceil(MAX_DIGIT_BITS);
        let width = sorted.div_ceil(n_passes.max(1));
        Self {
            smallest,
            skipped: n_bits.saturating_sub(width * n_passes),
            width,
            n_passes: n_passes as usize,
        }
    }

    fn digit(self, key: u64, pass: usize) -> usize {
        let shift = self.skipped + self.width * pass as u32;
        let mask = (1 << self.width) - 1;
        // The second mask changes nothing; it shows the compiler that the index is in bounds.
        (((key - self.smallest) >> shift) as usize & mask) & (BUCKETS - 1)
    }

    fn prefix(self, key: u64) -> u64 {
        (key - self.smallest) >> self.skipped
    }
}

/// Sorts by ascending `key`; the order among equal keys is unspecified.
///
/// Least-significant-digit radix sort on the leading 33 bits in which the keys differ, then a
/// comparison sort within the runs that agree on all of them. For 32-bit keys there are no such
/// runs; for keys of 64-bit floats they are short unless the data is odd, and the worst case stays
/// O(n log n).
pub(crate) fn sort_by_key<T: Copy>(items: &mut Vec<T>, key: impl Fn(T) -> u64 + Copy) {
    if items.len() < SMALL {
        items.sort_unstable_by_key(|&item| key(item));
        return;
    }
    let (smallest, largest) = items.iter().fold((u64::MAX, 0), |(low, high), &item| {
        (low.min(key(item)), high.max(key(item)))
    });
    if smallest == largest {
        return;
    }
    let digits = Digits::new(smallest, largest);
    let mut counts = [[0_usize; BUCKETS]; MAX_PASSES];
    for &item in items.iter() {
        for (pass, count) in counts.iter_mut().enumerate() {
            count[digits.digit(key(item), pass)] += 1;
        }
    }
    let mut scratch = items.clone();
    for (pass, count) in counts.iter_mut().enumerate().take(digits.n_passes) {
        if count[digits.digit(key(items[0]), pass)] == items.len() {
            continue; // All items share this digit.
        }
        counts_to_offsets(count);
        for &item in items.iter() {
            let slot = &mut count[digits.digit(key(item), pass)];
            scratch[*slot] = item;
            *slot += 1;
        }
        std::mem::swap(items, &mut scratch);
    }
    if digits.skipped > 0 {
        let same_prefix = |a: &T, b: &T| digits.prefix(key(*a)) == digits.prefix(key(*b));
        for run in items.chunk_by_mut(same_prefix).filter(|run| run.len() > 1) {
            run.sort_unstable_by_key(|&item| key(item));
        }
    }
}

/// Replaces each count by the number of items before its bucket.
fn counts_to_offsets(counts: &mut [usize; BUCKETS]) {
    let mut before = 0;
    for count in counts {
        before += std::mem::replace(count, before);
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by_key;
    use proptest::prelude::*;

    fn sorted(mut keys: Vec<u64>) -> Vec<u64> {
        sort_by_key(&mut keys, |key| key);
        keys
    }

    /// Splitmix64, to have many keys without a long proptest case.
    fn scrambled(index: u64) -> u64 {
        let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 27)
    }

    #[test]
    fn keys_that_share_their_leading_bits_are_sorted_to_the_last_bit() {
        let mut keys: Vec<u64> = (0..5_000).map(|i| scrambled(i) & 0xffff).collect();
        keys.push(u64::MAX);
        let mut expected = keys.clone();
        expected.sort_unstable();
        assert_eq!(sorted(keys), expected);
    }

    #[test]
    fn equal_keys_and_no_keys_are_left_alone() {
        assert_eq!(sorted(vec![]), Vec::<u64>::new());
        assert_eq!(sorted(vec![u64::MAX; 3_000]), vec![u64::MAX; 3_000]);
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_sort(n in 0_usize..4_000, kept_bits in 1_u32..=64, salt: u64) {
            let keys: Vec<u64> = (0..n as u64)
                .map(|i| scrambled(i ^ salt) >> (64 - kept_bits))
                .collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(keys), expected);
        }

        #[test]
        fn items_keep_their_payload(n in 1_000_usize..3_000, salt: u64) {
            let mut items: Vec<(u64, usize)> =
                (0..n).map(|row| (scrambled(row as u64 ^ salt), row)).collect();
            sort_by_key(&mut items, |item| item.0);
            for (key, row) in &items {
                prop_assert_eq!(*key, scrambled(*row as u64 ^ salt));
            }
            prop_assert!(items.is_sorted_by_key(|item| item.0));
        }
    }
}
