//! Ten million rows: the counts stay exact, the sums keep their digits.

use playlist_metrics::{BinaryReport, delong_interval, roc_auc};

const ROWS: usize = 10_000_000;
/// Scores are `level / LEVELS`, so that a histogram knows everything about them.
const LEVELS: usize = 1024;

/// Labels and scores, a splitmix64 stream, and by level the negatives and positives.
fn rows() -> (Vec<bool>, Vec<f32>, Vec<[u64; 2]>) {
    let mut state = 11_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (mut y_true, mut y_score) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
    let mut histogram = vec![[0_u64; 2]; LEVELS + 1];
    for _ in 0..ROWS {
        let bits = next();
        let level = (bits % (LEVELS as u64 + 1)) as usize;
        // A positive label in three of ten rows, more often above.
        let label = (bits >> 32) % 10_000 < 2_000 + 2 * level as u64;
        histogram[level][usize::from(label)] += 1;
        y_true.push(label);
        y_score.push(level as f32 / LEVELS as f32);
    }
    (y_true, y_score, histogram)
}

#[test]
fn ten_million_rows_are_counted_exactly() {
    let (y_true, y_score, histogram) = rows();
    let n_positives: u64 = histogram.iter().map(|level| level[1]).sum();
    let n_negatives = ROWS as u64 - n_positives;
    let (mut doubled, mut below) = (0_u128, 0_u64);
    for [negatives, positives] in &histogram {
        doubled += u128::from(*positives) * u128::from(2 * below + negatives);
        below += negatives;
    }
    let area = doubled as f64 / (2 * u128::from(n_positives) * u128::from(n_negatives)) as f64;
    assert_eq!(roc_auc(&y_true, &y_score), Ok(area));

    let report = BinaryReport::new(&y_true, &y_score, 0.5).unwrap();
    let above = |class: usize| -> u64 { histogram[LEVELS / 2..].iter().map(|level| level[class]).sum() };
    let counts = report.counts;
    assert_eq!(
        (counts.true_positives, counts.false_positives),
        (above(1), above(0))
    );
    assert_eq!(report.n_positives as u64, n_positives);
    assert_eq!(report.roc_auc, Some(area));
    let squares = histogram
        .iter()
        .enumerate()
        .map(|(level, [negatives, positives])| {
            let p = level as f64 / LEVELS as f64;
            *negatives as f64 * p * p + *positives as f64 * (1.0 - p) * (1.0 - p)
        });
    let brier = squares.sum::<f64>() / ROWS as f64;
    // Ten million terms, summed with compensation; the histogram's sum has a thousand.
    assert!((report.brier.unwrap() - brier).abs() < 1e-13);
    let interval = delong_interval(&y_true, &y_score, 0.95).unwrap();
    assert_eq!(report.roc_auc_interval, Some(interval.interval));
    // 1.96 standard errors of about 0.2 / sqrt(3 million) on either side.
    let width = interval.interval.upper - interval.interval.lower;
    assert!((2e-4..2e-3).contains(&width), "{width}");
}
