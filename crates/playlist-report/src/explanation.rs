//! Why a model answers as it does, as it is written to JSON, and as text.

use comfy_table::Table;
use playlist_metrics::Interval;
use serde::{Deserialize, Serialize};

use crate::histogram::list_value;
use crate::printable;
use crate::spark::spark;
use crate::terminal::{STYLE, table_text};

/// Why one model answers as it does, measured on the test part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplanationSection {
    /// The model.
    pub model: String,
    /// The class whose probability partial dependence follows: the positive one of two, of more the largest of the
    /// test part.
    pub class: String,
    /// The score that importance is told by: `roc_auc`, or `log_loss` with more than two classes.
    pub metric: String,
    /// What the model loses without each feature, the most important first; empty when it was not measured.
    pub importance: Vec<ImportanceSection>,
    /// How the probability changes along each feature, in the order of the features.
    pub partial_dependence: Vec<DependenceSection>,
    /// What each feature contributes to the probabilities of single tracks.
    pub tracks: Vec<TrackExplanation>,
    /// How much was sampled.
    pub samples: ExplanationSamples,
    /// What should be known: what was left out and why.
    pub notes: Vec<String>,
}

/// How many tracks and draws an explanation rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplanationSamples {
    /// Test tracks that importance was measured on.
    pub n_importance: usize,
    /// How often each feature was dealt out anew among them.
    pub n_repeats: usize,
    /// Test tracks that partial dependence is averaged over.
    pub n_dependence: usize,
    /// Tracks of the training part that contributions are measured against; of the test part where the model was
    /// trained on none of the tracks.
    pub n_background: usize,
    /// Random orders of the features that contributions are averaged over, each taken forwards and backwards.
    pub n_orders: usize,
}

/// What a model loses when one feature is dealt out anew among the tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportanceSection {
    /// The feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// The fall of ROC AUC, or the rise of log loss in nats.
    pub importance: f64,
    /// Its 95 % interval: the tracks drawn anew and the dealing out together.
    pub interval: Interval,
}

/// How the probability of the class changes along one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependenceSection {
    /// The feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// By value, ascending.
    pub points: Vec<DependencePoint>,
}

/// The probability when every track is given one value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependencePoint {
    /// The value, in the unit of the feature.
    pub value: f32,
    /// The mean over the tracks.
    pub mean: f64,
    /// A tenth of the tracks lies below.
    pub lower: f64,
    /// A tenth of the tracks lies above.
    pub upper: f64,
}

/// Why one track got its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackExplanation {
    /// What it is called: title and artist, else its id, else its place in its file.
    pub track: String,
    /// Why it was picked: `most certain` or `most mistaken`.
    pub picked: String,
    /// Its own class.
    pub label: String,
    /// The class whose probability is explained: the positive one of two, of more the most probable.
    pub class: String,
    /// What the background gets on average.
    pub base: f64,
    /// What the track gets: `base` and all contributions.
    pub prediction: f64,
    /// By feature, the largest first by size.
    pub contributions: Vec<ContributionSection>,
}

/// What one feature adds to the probability of a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContributionSection {
    /// The feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// The track's value, where known.
    pub value: Option<f32>,
    /// What it adds.
    pub contribution: f64,
    /// The standard error of that, from the random orders.
    pub standard_error: f64,
}

impl ExplanationSection {
    /// What was sampled, in a sentence.
    #[must_use]
    pub fn sampled(&self) -> String {
        let ExplanationSamples {
            n_importance,
            n_repeats,
            n_dependence,
            n_background,
            n_orders,
        } = self.samples;
        format!(
            "Importance on {n_importance} test tracks, each feature dealt out {n_repeats} times. Partial dependence over \
             {n_dependence} of them. Contributions against {n_background} other tracks by {n_orders} random orders, \
             forwards and backwards."
        )
    }

    /// The score of the importances, in words.
    #[must_use]
    pub fn metric_words(&self) -> &'static str {
        if self.metric == "roc_auc" {
            "fall of ROC AUC"
        } else {
            "rise of log loss"
        }
    }
}

/// The explanation for the terminal: importance with the course of the probability, then the tracks.
#[must_use]
pub fn explanation_text(explanation: &ExplanationSection) -> String {
    let (model, class) = (printable(&explanation.model), printable(&explanation.class));
    let mut text = format!(
        "why {model} answers as it does\n{}\n",
        explanation.sampled().replace(". ", ".\n")
    );
    for note in &explanation.notes {
        text.push_str(&format!("note     {}\n", printable(note)));
    }
    if !explanation.partial_dependence.is_empty() {
        text.push_str(&format!("\n{}\n", features_table(explanation, &class)));
    }
    for track in &explanation.tracks {
        text.push_str(&format!("\n{}\n", track_text(track)));
    }
    text
}

fn features_table(explanation: &ExplanationSection, class: &str) -> String {
    let means = |section: &DependenceSection| {
        section
            .points
            .iter()
            .map(|point| point.mean)
            .collect::<Vec<f64>>()
    };
    let highest = explanation
        .partial_dependence
        .iter()
        .flat_map(means)
        .fold(0.0, f64::max);
    let mut table = Table::new();
    table.load_style(STYLE).set_header([
        "feature".to_owned(),
        format!("{} [95 %]", explanation.metric_words()),
        format!("mean p({class}), 0 to {highest:.2}"),
        "from".to_owned(),
        "to".to_owned(),
        "unit".to_owned(),
    ]);
    let rank = |feature: &str| {
        let mut all = explanation.importance.iter();
        all.position(|importance| importance.feature == feature)
    };
    let mut sections: Vec<&DependenceSection> = explanation.partial_dependence.iter().collect();
    sections.sort_by_key(|section| rank(&section.feature).unwrap_or(usize::MAX));
    for section in sections {
        let importance = rank(&section.feature).map(|at| &explanation.importance[at]);
        let end = |point: Option<&DependencePoint>| point.map_or("-".to_owned(), |p| list_value(p.value));
        table.add_row([
            printable(&section.feature).into_owned(),
            importance.map_or("-".to_owned(), |found| {
                let Interval { lower, upper, .. } = found.interval;
                format!("{:.4} [{lower:.4}, {upper:.4}]", found.importance)
            }),
            spark(&means(section), 0.0, highest),
            end(section.points.first()),
            end(section.points.last()),
            printable(&section.unit).into_owned(),
        ]);
    }
    table_text(&mut table)
}

fn track_text(track: &TrackExplanation) -> String {
    let mut table = Table::new();
    let header = ["feature", "value", "unit", "adds", "± s.e."];
    table.load_style(STYLE).set_header(header);
    for part in &track.contributions {
        table.add_row([
            printable(&part.feature).into_owned(),
            part.value.map_or_else(|| "not known".to_owned(), list_value),
            printable(&part.unit).into_owned(),
            format!("{:+.3}", part.contribution),
            format!("{:.3}", part.standard_error),
        ]);
    }
    format!(
        "{}: {}, of {}; p({}) = {:.3}, {:.3} on average\n{}",
        track.picked,
        printable(&track.track),
        printable(&track.label),
        printable(&track.class),
        track.prediction,
        track.base,
        table_text(&mut table)
    )
}
