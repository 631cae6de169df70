//! The answers of one model.

use maud::{Markup, html};
use playlist_metrics::{ConfusionCounts, ConfusionMatrix};

use super::{figure, framed, number};
use crate::Result;
use crate::details::{ExperimentDetails, ModelPredictions};
use crate::figure::{ModelFigures, short};
use crate::printable;

/// The most classes whose counts are written large.
const FEW_CLASSES: usize = 6;

/// One panel a model; the script shows one at a time.
pub(crate) fn panels(details: &ExperimentDetails, figures: &[ModelFigures]) -> Result<Markup> {
    let each = details.models.iter().zip(figures).enumerate();
    let panels: Vec<Markup> = each
        .map(|(index, (model, figures))| panel(details, index, model, figures))
        .collect::<Result<_>>()?;
    Ok(html! {
        div.controls #model-choice {}
        @for panel in &panels { (panel) }
    })
}

fn panel(
    details: &ExperimentDetails,
    index: usize,
    model: &ModelPredictions,
    figures: &ModelFigures,
) -> Result<Markup> {
    let answers = if details.is_binary() {
        threshold(details, index, model, figures)?
    } else {
        html! { (figure(&figures.scores)) (matrix(details, model)?) }
    };
    Ok(html! {
        div.model-panel data-name=(printable(&model.name)) {
            p.lead { strong { (printable(&model.name)) } " on the " (details.test.y.len()) " tracks of the test part (first split)" }
            (answers)
            div.figures { @for curve in &figures.curves { (figure(curve)) } }
        }
    })
}

fn threshold(
    details: &ExperimentDetails,
    index: usize,
    model: &ModelPredictions,
    figures: &ModelFigures,
) -> Result<Markup> {
    let threshold = model.threshold.unwrap_or(0.5);
    let counts = ConfusionCounts::from_scores(&details.positives(), &model.p, threshold)?;
    let scores = [
        ("accuracy", counts.accuracy()),
        ("precision", counts.precision()),
        ("recall", counts.recall()),
        ("specificity", counts.specificity()),
        ("f1", counts.f1()),
    ];
    let id = format!("threshold-{index}");
    let (no, yes) = (short(&details.classes[0]), short(&details.classes[1]));
    Ok(html! {
        div.threshold-panel data-model=(index) {
            div {
                (figure(&figures.scores))
                div.slider {
                    label for=(id) { "Threshold: a track is taken for " (yes) " from " output for=(id) { (number(Some(threshold), 3)) } " on" }
                    input id=(id) type="range" min="0" max="1" step="0.001" value=(threshold) autocomplete="off";
                    div { button.own type="button" { "Back to " (number(Some(threshold), 3)) } }
                }
            }
            div {
                h3 { "Confusion matrix" }
                (framed("Tracks by their own class and the answer", &html! {
                    thead { tr { th scope="col" { "own class" } th scope="col" { "taken for " (no) } th scope="col" { "taken for " (yes) } } }
                    tbody {
                        tr { th scope="row" { (no) } td.right data-count="tn" { (counts.true_negatives) } td.wrong data-count="fp" { (counts.false_positives) } }
                        tr { th scope="row" { (yes) } td.wrong data-count="fn" { (counts.false_negatives) } td.right data-count="tp" { (counts.true_positives) } }
                    }
                }))
                dl.numbers { @for (name, value) in scores {
                    div { dt { (if name == "f1" { "F1" } else { name }) } dd data-metric=(name) { (value.map_or("undefined".to_owned(), |value| format!("{value:.3}"))) } }
                } }
                p.quiet aria-live="polite" {}
            }
        }
    })
}

/// The counts of more than two classes.
fn matrix(details: &ExperimentDetails, model: &ModelPredictions) -> Result<Markup> {
    let n_classes = details.classes.len();
    let answers: Vec<usize> = model.answers(n_classes).iter().map(|(class, _)| *class).collect();
    let matrix = ConfusionMatrix::from_labels(&details.test.y, &answers, n_classes)?;
    let count = |own: usize, answer: usize| matrix.get(own, answer).unwrap_or(0);
    let class = |own, answer| match (count(own, answer), own == answer) {
        (0, _) => "empty",
        (_, true) => "right",
        (_, false) => "wrong",
    };
    let names: Vec<String> = details.classes.iter().map(|name| short(name)).collect();
    let is_many = n_classes > FEW_CLASSES;
    Ok(html! {
        h3 { "Confusion matrix" }
        div.scroll tabindex="0" role="region" aria-label="Confusion matrix" {
            table.many[is_many] {
                caption { "Rows: the tracks' own class. Columns: the answer" @if is_many { ", numbered as the rows" } "." }
                thead { tr {
                    th scope="col" { "own class" }
                    @for (index, name) in names.iter().enumerate() {
                        th scope="col" { @if is_many { abbr title=(name) { (index + 1) } } @else { (name) } }
                    }
                } }
                tbody { @for (own, name) in names.iter().enumerate() {
                    tr {
                        th scope="row" { @if is_many { (own + 1) " " } (name) }
                        @for answer in 0..n_classes { td class=(class(own, answer)) { (count(own, answer)) } }
                    }
                } }
            }
        }
    })
}
