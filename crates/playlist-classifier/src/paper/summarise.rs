//! Summing up runs.

use std::collections::{BTreeMap, BTreeSet};

use playlist_metrics::{ConfusionCounts, corrected_mean_interval, corrected_resampled_t_test};

use super::plan::{RETRIED, RETRY_PERCENTS, RETRY_SIZE};
use super::run::{Look, RunRecord};
use super::setting::{LabelFault, Scaling, Size};
use super::signature::{PAPER_RESULT, Tolerance};
use super::study::Study;
use super::summary::{Difference, Estimate, FaultRow, LossCurve, RetryRow, StudyReport, VariationRow};
use super::variation::{RESULT_EPOCHS, Variation};

impl StudyReport {
    /// Sums up finished runs of `study`.
    #[must_use]
    pub fn new(study: &Study, runs: &[RunRecord]) -> Self {
        let config = study.config();
        let epochs = config.result_epochs();
        Self {
            quick: config.quick,
            n_runs: runs.len(),
            n_asked: study.keys().len(),
            n_failed: runs.iter().filter(|run| run.failed.is_some()).count(),
            run_seconds: runs.iter().map(|run| run.seconds).sum(),
            seed: config.seed,
            result_epochs: epochs,
            versions: crate::versions(playlist_mlp::Backend::default()),
            tables: study.table_sizes(),
            paper: PAPER_RESULT,
            tolerance: Tolerance::PAPER,
            variations: variation_rows(runs, epochs),
            faults: fault_rows(runs, epochs),
            retries: retry_rows(runs, epochs),
            curves: loss_curves(runs),
        }
    }

    /// Whether the epochs of the result are the paper's.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.result_epochs == RESULT_EPOCHS
    }
}

fn estimate(values: &[f64], run: &RunRecord) -> Estimate {
    Estimate {
        mean: mean(values.iter().copied()),
        interval: corrected_mean_interval(values, run.n_train, run.n_test, 0.95).ok(),
    }
}

fn share_estimate(values: &[f64], run: &RunRecord) -> Estimate {
    let Estimate { mean, interval } = estimate(values, run);
    Estimate {
        mean,
        interval: interval.map(|interval| interval.within(0.0..=1.0)),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len();
    values.sum::<f64>() / n.max(1) as f64
}

/// An accuracy of a test part that has tracks.
fn accuracy(counts: &ConfusionCounts) -> f64 {
    counts.accuracy().unwrap_or_default()
}

/// Runs of the paper's procedure, in groups of one table, scaling and variation, in order.
fn variation_groups(runs: &[RunRecord]) -> Vec<Vec<&RunRecord>> {
    let mut groups: Vec<Vec<&RunRecord>> = Vec::new();
    for run in runs.iter().filter(|run| run.key.draw.size == Size::Lists) {
        let same = |group: &&mut Vec<&RunRecord>| {
            let key = &group[0].key;
            (&key.table, &key.fingerprint, key.scaling, &key.variation)
                == (
                    &run.key.table,
                    &run.key.fingerprint,
                    run.key.scaling,
                    &run.key.variation,
                )
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

fn variation_rows(runs: &[RunRecord], result_epochs: usize) -> Vec<VariationRow> {
    let groups = variation_groups(runs);
    let sections: BTreeMap<String, &str> = Variation::all()
        .into_iter()
        .map(|variation| (variation.name, variation.section))
        .collect();
    let mut rows = Vec::new();
    for group in &groups {
        let key = &group[0].key;
        if key.variation == Variation::PAPER && key.scaling == Scaling::PerFeature {
            rows.extend(baseline_rows(group));
        }
        let paper = groups.iter().find(|paper| {
            let other = &paper[0].key;
            other.variation == Variation::PAPER
                && (&other.fingerprint, other.scaling) == (&key.fingerprint, key.scaling)
        });
        for epochs in &key.epochs {
            let section = sections.get(&key.variation).copied().unwrap_or_default();
            if let Some(mut row) = variation_row(group, *epochs, section) {
                let is_paper = key.variation == Variation::PAPER && *epochs == result_epochs;
                row.against_paper = paper
                    .filter(|_| !is_paper)
                    .and_then(|paper| against(group, *epochs, paper, result_epochs));
                rows.push(row);
            }
        }
    }
    rows
}

fn variation_row(group: &[&RunRecord], epochs: usize, section: &str) -> Option<VariationRow> {
    let looks: Vec<&Look> = group.iter().filter_map(|run| run.look_at(epochs)).collect();
    let run = group[0];
    let of = |value: fn(&Look) -> f64| looks.iter().map(|look| value(look)).collect::<Vec<f64>>();
    let (half, midpoint) = (
        of(|look| accuracy(&look.at_half)),
        of(|look| accuracy(&look.at_midpoint)),
    );
    let f1: Option<Vec<f64>> = looks.iter().map(|look| look.at_half.f1()).collect();
    (!looks.is_empty()).then(|| VariationRow {
        table: run.key.table.clone(),
        section: section.to_owned(),
        name: run.key.variation.clone(),
        scaling: Some(run.key.scaling),
        epochs: Some(epochs),
        n_runs: looks.len(),
        roc_auc: share_estimate(&of(|look| look.roc_auc), run),
        accuracy: share_estimate(&half, run),
        accuracy_at_midpoint: Some(share_estimate(&midpoint, run)),
        f1: f1.map(|values| mean(values.into_iter())),
        test_loss: Some(estimate(&of(|look| look.test_loss), run)),
        train_loss: Some(mean(of(|look| look.train_loss).into_iter())),
        against_paper: None,
        least_accuracy: half.into_iter().chain(midpoint).fold(1.0, f64::min),
    })
}

/// The paper's baseline and the scaled one, on the splits of the paper's network.
fn baseline_rows(group: &[&RunRecord]) -> Vec<VariationRow> {
    let raw = group
        .iter()
        .map(|run| Some(run.baseline))
        .collect::<Option<Vec<_>>>();
    let scaled = group
        .iter()
        .map(|run| run.scaled_baseline)
        .collect::<Option<Vec<_>>>();
    let run = group[0];
    let named = [("logistic, raw values", raw), ("logistic, standardised", scaled)];
    let rows = named.into_iter().filter_map(|(name, looks)| {
        let looks = looks?;
        let accuracies: Vec<f64> = looks.iter().map(|look| look.accuracy).collect();
        let areas: Vec<f64> = looks.iter().map(|look| look.roc_auc).collect();
        Some(VariationRow {
            table: run.key.table.clone(),
            section: "3".to_owned(),
            name: name.to_owned(),
            scaling: None,
            epochs: None,
            n_runs: looks.len(),
            roc_auc: share_estimate(&areas, run),
            accuracy: share_estimate(&accuracies, run),
            accuracy_at_midpoint: None,
            f1: None,
            test_loss: None,
            train_loss: None,
            against_paper: None,
            least_accuracy: accuracies.into_iter().fold(1.0, f64::min),
        })
    });
    rows.collect()
}

/// The difference in ROC AUC on the splits on which both have a result.
fn against(
    group: &[&RunRecord],
    epochs: usize,
    paper: &[&RunRecord],
    paper_epochs: usize,
) -> Option<Difference> {
    let area = |run: &RunRecord, epochs| run.look_at(epochs).map(|look| look.roc_auc);
    let differences: Vec<f64> = group
        .iter()
        .filter_map(|run| {
            let other = paper.iter().find(|other| other.key.seed == run.key.seed)?;
            Some(area(run, epochs)? - area(other, paper_epochs)?)
        })
        .collect();
    let test = corrected_resampled_t_test(&differences, group[0].n_train, group[0].n_test);
    (!differences.is_empty()).then(|| Difference {
        mean: mean(differences.iter().copied()),
        p_value: test.ok().map(|test| test.p_value),
    })
}

/// Labels, scaling, percentage of positives, size.
type FaultKey = (LabelFault, Scaling, u32, Size);

fn fault_rows(runs: &[RunRecord], epochs: usize) -> Vec<FaultRow> {
    let mut groups: Vec<(FaultKey, Vec<&RunRecord>)> = Vec::new();
    let drawn = |run: &&RunRecord| {
        run.key.draw.size != Size::Lists
            && run.key.variation == Variation::PAPER
            && run.look_at(epochs).is_some()
    };
    for run in runs.iter().filter(drawn) {
        let draw = run.key.draw;
        let key = (draw.labels, run.key.scaling, draw.positive_percent, draw.size);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    groups
        .into_iter()
        .map(|(key, group)| fault_row(key, &group, epochs))
        .collect()
}

fn fault_row(
    (labels, scaling, positive_percent, size): FaultKey,
    group: &[&RunRecord],
    epochs: usize,
) -> FaultRow {
    let looks: Vec<&Look> = group.iter().filter_map(|run| run.look_at(epochs)).collect();
    let of = |value: fn(&Look) -> f64| mean(looks.iter().map(|look| value(look)));
    let recall = |counts: &ConfusionCounts| counts.recall().unwrap_or_default();
    let signatures: Vec<_> = group.iter().filter_map(|run| run.signatures(epochs)).collect();
    let share = |holds: &dyn Fn(usize) -> bool| {
        let n = (0..signatures.len()).filter(|index| holds(*index)).count();
        n as f64 / signatures.len().max(1) as f64
    };
    let is_whole = |index: usize| signatures[index].iter().any(|signature| signature.is_whole());
    let tables = |holds: &dyn Fn(usize) -> bool| {
        let names: BTreeSet<&str> = (0..group.len())
            .filter(|index| holds(*index))
            .map(|index| group[index].key.table.as_str())
            .collect();
        names.len()
    };
    let moves: Option<Vec<f64>> = group.iter().map(|run| run.loss_move(epochs)).collect();
    FaultRow {
        labels,
        scaling,
        positive_percent,
        size,
        n_runs: group.len(),
        n_tables: tables(&|_| true),
        roc_auc: of(|look| look.roc_auc),
        accuracy: of(|look| accuracy(&look.at_half)),
        accuracy_at_midpoint: of(|look| accuracy(&look.at_midpoint)),
        recall: mean(looks.iter().map(|look| recall(&look.at_half))),
        recall_at_midpoint: mean(looks.iter().map(|look| recall(&look.at_midpoint))),
        test_loss: of(|look| look.test_loss),
        train_loss: of(|look| look.train_loss),
        loss_move: moves.map(|moves| mean(moves.into_iter())),
        spread: of(|look| look.spread),
        baseline_accuracy: mean(group.iter().map(|run| run.baseline.accuracy)),
        meet: std::array::from_fn(|condition| {
            share(&|index| signatures[index].iter().any(|one| one.conditions()[condition]))
        }),
        scores: std::array::from_fn(|rule| share(&|index| signatures[index][rule].has_scores())),
        whole: std::array::from_fn(|rule| share(&|index| signatures[index][rule].is_whole())),
        whole_either: share(&is_whole),
        n_tables_whole: tables(&is_whole),
    }
}

fn retry_rows(runs: &[RunRecord], epochs: usize) -> Vec<RetryRow> {
    let mut groups: Vec<Vec<(&RunRecord, &Look)>> = Vec::new();
    let is_retried = |run: &RunRecord| RETRIED.contains(&run.key.variation.as_str());
    let drawn = |run: &&RunRecord| {
        run.key.draw.size == RETRY_SIZE && RETRY_PERCENTS.contains(&run.key.draw.positive_percent)
    };
    for run in runs.iter().filter(drawn) {
        let Some(look) = run.look_at(epochs).filter(|_| is_retried(run)) else {
            continue;
        };
        let same = |group: &&mut Vec<(&RunRecord, &Look)>| {
            let key = &group[0].0.key;
            (&key.variation, key.scaling, key.draw) == (&run.key.variation, run.key.scaling, run.key.draw)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push((run, look)),
            None => groups.push(vec![(run, look)]),
        }
    }
    let row = |group: Vec<(&RunRecord, &Look)>| {
        let key = &group[0].0.key;
        let accuracies: Vec<f64> = group.iter().map(|(_, look)| accuracy(&look.at_half)).collect();
        let near = accuracies.iter().filter(|found| (0.35..=0.45).contains(*found));
        RetryRow {
            variation: key.variation.clone(),
            labels: key.draw.labels,
            scaling: key.scaling,
            positive_percent: key.draw.positive_percent,
            n_runs: group.len(),
            near: near.count() as f64 / group.len() as f64,
            least_accuracy: accuracies.iter().copied().fold(1.0, f64::min),
            accuracy: mean(accuracies.into_iter()),
            roc_auc: mean(group.iter().map(|(_, look)| look.roc_auc)),
        }
    };
    groups.into_iter().map(row).collect()
}

fn loss_curves(runs: &[RunRecord]) -> Vec<LossCurve> {
    let groups = variation_groups(runs).into_iter();
    let papers = groups.filter(|group| group[0].key.variation == Variation::PAPER);
    papers
        .filter_map(|group| {
            let complete: Vec<&RunRecord> = group.into_iter().filter(|run| run.failed.is_none()).collect();
            let n_epochs = complete.iter().map(|run| run.losses.len()).min()?;
            let key = &complete[0].key;
            Some(LossCurve {
                table: key.table.clone(),
                scaling: key.scaling,
                train_loss: (0..n_epochs)
                    .map(|epoch| mean(complete.iter().map(|run| run.losses[epoch])))
                    .collect(),
            })
        })
        .collect()
}
