//! The page of an experiment.

use maud::{Markup, html};

use super::data::{data, dropped};
use super::explanation::explanation;
use super::model::panels;
use super::{
    DataTable, ModelData, PageData, Section, TableColumn, figure, framed, interval, number, origin, page,
};
use crate::details::{ExperimentDetails, ModelPredictions};
use crate::figure::Figures;
use crate::{ExperimentReport, MetricsSection, ModelSection, Result, printable};

/// The page of an experiment: one file that opens from disk, asks the network for nothing and shows everything that
/// was found out.
///
/// # Errors
/// [`crate::Error::Figure`]; [`crate::Error::Metrics`] where a probability is none; [`crate::Error::Json`].
pub fn experiment_page(report: &ExperimentReport, details: &ExperimentDetails) -> Result<String> {
    let figures = Figures::new(report, details)?;
    let mut sections = vec![
        Section::new("models", "Models", models(report, &figures)),
        Section::new("answers", "Answers", panels(details, &figures.models)?),
    ];
    if let Some(found) = &report.explanation {
        sections.push(Section::new("why", "Why", explanation(found, &figures)));
    }
    if !figures.losses.is_empty() {
        let content = html! { div.figures { @for one in &figures.losses { (figure(one)) } } };
        sections.push(Section::new("losses", "Training", content));
    }
    let tracks = tracks(details);
    sections.extend([
        Section::new("features", "Features", features(&figures)),
        Section::new("tracks", "Tracks", tracks_section(&tracks)),
        Section::new("data", "Data", data(report)),
        Section::new("dropped", "Dropped and missing", dropped(&report.dataset)),
        Section::new("origin", "How it was made", origin_of(report, details)),
    ]);
    let is_binary = details.is_binary();
    let page_data = PageData {
        y: if is_binary { &details.test.y } else { &[] },
        models: if is_binary {
            details.models.iter().map(model_data).collect()
        } else {
            Vec::new()
        },
        tables: [("tracks", tracks)].into(),
    };
    page(&title(report), &lead(report), &sections, &page_data)
}

fn model_data(model: &ModelPredictions) -> ModelData<'_> {
    ModelData {
        p: &model.p,
        threshold: model.threshold.unwrap_or(0.5),
    }
}

fn title(report: &ExperimentReport) -> String {
    match &report.dataset.positive_class {
        Some(class) => format!("Does this track belong on {class}?"),
        None => format!(
            "On which of {} playlists does this track belong?",
            report.dataset.classes.len()
        ),
    }
}

fn lead(report: &ExperimentReport) -> Markup {
    html! { @if let Some(last) = report.models.last() {
        p.lead { (printable(&last.verdict)) }
        p.quiet { (report.dataset.n_tracks) " tracks, " (report.split.n_train) " to learn from, " (report.split.n_test) " to test on." }
    } }
}

/// Each score's key, heading and digits.
const COLUMNS: [(&str, &str); 10] = [
    ("accuracy", "accuracy"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("roc_auc", "ROC AUC"),
    ("average_precision", "average precision"),
    ("log_loss", "log loss"),
    ("brier", "Brier score"),
    ("calibration_error", "calibration error"),
    ("threshold", "threshold"),
];

fn models(report: &ExperimentReport, figures: &Figures) -> Markup {
    let has = |name: &str| {
        report
            .models
            .iter()
            .any(|model| model.metrics.get(name).is_some())
    };
    let columns: Vec<(&str, &str)> = COLUMNS.into_iter().filter(|(name, _)| has(name)).collect();
    let row = |model: &ModelSection| {
        let metrics: MetricsSection = model.metrics;
        html! { tr {
            th scope="row" { (printable(&model.name)) }
            @for (name, _) in &columns { td {
                (number(metrics.get(name), 3)) (interval(model.intervals.get(*name).copied().flatten(), 3))
            } }
            td { (number(model.fit_seconds, 3)) }
        } }
    };
    html! {
        (framed("Scores on the test part, with 95 % intervals", &html! {
            thead { tr {
                th scope="col" { "model" }
                @for (_, words) in &columns { th scope="col" { (words) } }
                th scope="col" { "fit, s" }
            } }
            tbody { @for model in &report.models { (row(model)) } }
        }))
        h3 { "Verdicts" }
        ul { @for model in &report.models {
            li { (printable(&model.verdict)) @for warning in model.warnings.iter().chain(&model.notes) { br; span.quiet { "Note: " (printable(warning)) } } }
        } }
        (figure(&figures.roc))
    }
}

fn features(figures: &Figures) -> Markup {
    html! {
        p { "Each feature's distribution by class over all tracks kept, the one that differs most first. A few far values are \
            counted in the outermost bins." }
        div.figures { @for one in &figures.features { (figure(one)) } }
    }
}

/// The tracks of the test part, by what the last of the models says of them.
fn tracks(details: &ExperimentDetails) -> DataTable {
    let n_classes = details.classes.len();
    let test = &details.test;
    let last = details.models.last();
    let key = |row: usize| {
        last.map_or(0.0, |model| {
            if n_classes == 2 {
                model.p[row]
            } else {
                model.answers_at(row, n_classes).1
            }
        })
    };
    let mut order: Vec<usize> = (0..test.y.len()).collect();
    order.sort_by(|a, b| key(*b).total_cmp(&key(*a)));
    let texts = |texts: &[String]| {
        order
            .iter()
            .map(|row| texts[*row].clone())
            .collect::<Vec<String>>()
    };
    let class = |row: &usize| details.classes[test.y[*row]].clone();
    let mut columns = vec![TableColumn::text("track", texts(&test.titles))];
    if test.artists.iter().any(|artist| !artist.is_empty()) {
        columns.push(TableColumn::text("artist", texts(&test.artists)));
    }
    columns.push(TableColumn::choice(
        "own class",
        order.iter().map(class).collect(),
    ));
    if n_classes == 2 {
        // The last model comes first: a phone shows few columns.
        columns.extend(details.models.iter().rev().map(|model| {
            let values = order.iter().map(|row| Some(f64::from(model.p[*row]))).collect();
            TableColumn::number(model.name.clone(), values, 3)
        }));
    } else if let Some(model) = last {
        let answers = || order.iter().map(|row| model.answers_at(*row, n_classes));
        let names = answers()
            .map(|(class, _)| details.classes[class].clone())
            .collect();
        columns.push(TableColumn::choice(format!("answer of {}", model.name), names));
        let values = answers().map(|(_, p)| Some(f64::from(p))).collect();
        columns.push(TableColumn::number("probability", values, 3));
    }
    let caption = match details.classes.as_slice() {
        [_, yes] => format!(
            "Tracks of the test part with the probability of {} by model",
            printable(yes)
        ),
        _ => "Tracks of the test part with the answer of the last model".to_owned(),
    };
    DataTable { caption, columns }
}

fn tracks_section(tracks: &DataTable) -> Markup {
    html! {
        p { "Tracks that no model has learnt from, the most probable first. A click on a heading sorts." }
        (tracks.markup("tracks"))
    }
}

fn origin_of(report: &ExperimentReport, details: &ExperimentDetails) -> Markup {
    html! {
        (origin(&details.command, report.seed, &report.versions))
        p.quiet { "Fingerprint of ids, labels and features: " code { (printable(&report.dataset.fingerprint)) } }
    }
}
