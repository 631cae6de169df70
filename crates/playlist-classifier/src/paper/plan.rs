//! Which runs there are.

use playlist_core::AudioFeature;

use super::run::{RunKey, StudyTable};
use super::setting::{Draw, LabelFault, Scaling, Size};
use super::study::StudyConfig;
use super::variation::Variation;

/// The percentages of positive tracks in training that the search for the fault goes through.
pub const POSITIVE_PERCENTS: [u32; 5] = [50, 40, 30, 23, 15];

/// The sizes that the search for the fault goes through: the smallest test part that yields the paper's digits, and
/// one of the size of usual Liked Songs.
pub const SIZES: [Size; 2] = [
    Size::Drawn {
        n_train: 484,
        n_test: 242,
    },
    Size::Drawn {
        n_train: 1_334,
        n_test: 666,
    },
];

/// The changes that are tried again under faults of the labels (section 8): those that our own loops train, one of a
/// kind.
pub(super) const RETRIED: [&str; 5] = ["5 layers", "all tanh", "MSE", "SGD, rate 0.1", "rate 0.01"];

/// The percentages of positive tracks under which they are.
pub(super) const RETRY_PERCENTS: [u32; 2] = [50, 30];

/// The size at which they are.
pub(super) const RETRY_SIZE: Size = SIZES[0];

/// The runs of every variation on a table, under the right scaling and under the suspected one.
pub(super) fn variation_keys(
    table: &StudyTable,
    variations: &[Variation],
    config: &StudyConfig,
) -> Vec<RunKey> {
    let draw = Draw {
        labels: LabelFault::None,
        size: Size::Lists,
        positive_percent: 50,
    };
    let known = table.x.columns();
    let mut keys = Vec::new();
    for scaling in [Scaling::PerFeature, Scaling::WholeMatrix] {
        for variation in variations {
            // A feature that is not there cannot be left out, nor can the only ones.
            let dropped = &variation.dropped;
            let is_known = |feature: &AudioFeature| known.iter().any(|column| column == feature.column());
            if !dropped.iter().all(is_known) || dropped.len() == known.len() {
                continue;
            }
            let epochs = if variation.name == Variation::PAPER {
                config.epochs()
            } else {
                vec![config.result_epochs()]
            };
            keys.extend((0..config.repeats as u64).map(|repeat| RunKey {
                table: table.name.clone(),
                fingerprint: table.fingerprint.clone(),
                draw,
                scaling,
                variation: variation.name.clone(),
                epochs: epochs.clone(),
                seed: config.seed.wrapping_add(repeat),
            }));
        }
    }
    keys
}

/// The runs of every fault and of faults together: each scaling with each share of positives, and each fault of the
/// labels under the right scaling and the suspected ones.
pub(super) fn fault_keys(table: &StudyTable, config: &StudyConfig) -> Vec<RunKey> {
    let percents = if config.quick {
        &[50, 23]
    } else {
        &POSITIVE_PERCENTS[..]
    };
    let sizes = if config.quick { &SIZES[..1] } else { &SIZES[..] };
    let mut settings = Vec::new();
    for labels in LabelFault::ALL {
        let scalings = if labels == LabelFault::None {
            &Scaling::ALL[..]
        } else {
            &[
                Scaling::PerFeature,
                Scaling::WholeMatrix,
                Scaling::WholeMatrixApart,
            ]
        };
        for scaling in scalings {
            for percent in percents {
                settings.extend(sizes.iter().map(|size| (labels, *scaling, *percent, *size)));
            }
        }
    }
    let mut keys = Vec::new();
    for (labels, scaling, positive_percent, size) in settings {
        keys.extend((0..config.fault_repeats as u64).map(|repeat| RunKey {
            table: table.name.clone(),
            fingerprint: table.fingerprint.clone(),
            draw: Draw {
                labels,
                size,
                positive_percent,
            },
            scaling,
            variation: Variation::PAPER.to_owned(),
            epochs: vec![config.result_epochs()],
            seed: config.seed.wrapping_add(repeat),
        }));
    }
    keys
}

/// The runs of the changes under each fault of the labels, rightly scaled.
pub(super) fn retry_keys(table: &StudyTable, config: &StudyConfig) -> Vec<RunKey> {
    let mut keys = Vec::new();
    for labels in LabelFault::ALL {
        for positive_percent in RETRY_PERCENTS {
            for variation in RETRIED {
                keys.extend((0..config.fault_repeats as u64).map(|repeat| RunKey {
                    table: table.name.clone(),
                    fingerprint: table.fingerprint.clone(),
                    draw: Draw {
                        labels,
                        size: RETRY_SIZE,
                        positive_percent,
                    },
                    scaling: Scaling::PerFeature,
                    variation: variation.to_owned(),
                    epochs: vec![config.result_epochs()],
                    seed: config.seed.wrapping_add(repeat),
                }));
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_is_among_the_variations() {
        let all = Variation::all();
        for name in RETRIED {
            assert!(all.iter().any(|variation| variation.name == name), "{name}");
        }
    }
}
