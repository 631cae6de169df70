//! Curves over all thresholds: ROC and precision-recall.

use playlist_metrics::{
    PrecisionRecallCurve, RocCurve, average_precision, bootstrap_band, precision_recall_curve, roc_auc,
    roc_curve,
};
use plotters::prelude::{Color, RGBColor};

use crate::Result;
use crate::details::{ExperimentDetails, ModelPredictions};
use crate::figure::canvas::{Figure, Frame, MUTED, SERIES, band, dashes, line};

/// The points at which bands and means of curves are found.
const GRID_POINTS: usize = 101;
/// The most points of a line; more are not told apart.
const MOST_POINTS: usize = 240;
/// Resamples for a band; the fewer the more there is to sort.
const fn n_resamples(n_tracks: usize) -> usize {
    if n_tracks > 5_000 { 100 } else { 200 }
}
/// The most classes that get a colour each.
pub(crate) const MOST_COLOURS: usize = SERIES.len();

fn grid() -> Vec<f64> {
    (0..GRID_POINTS)
        .map(|i| i as f64 / (GRID_POINTS - 1) as f64)
        .collect()
}

/// One of the two curves, as a function of its horizontal axis.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Roc,
    PrecisionRecall,
}

impl Kind {
    /// The curve's points by its horizontal axis, ascending; `None` where it has no value.
    fn points(self, y: &[bool], p: &[f32]) -> Option<Vec<(f64, f64)>> {
        match self {
            Self::Roc => {
                let RocCurve {
                    false_positive_rate,
                    true_positive_rate,
                    ..
                } = roc_curve(y, p).ok()?;
                Some(false_positive_rate.into_iter().zip(true_positive_rate).collect())
            }
            Self::PrecisionRecall => {
                let PrecisionRecallCurve {
                    precision, recall, ..
                } = precision_recall_curve(y, p).ok()?;
                let mut points: Vec<(f64, f64)> = recall.into_iter().zip(precision).collect();
                // The end point (0, 1) belongs to no threshold.
                points.pop();
                points.reverse();
                Some(points)
            }
        }
    }

    /// The curve at each place of the grid; `None` where it has no value.
    fn on_grid(self, y: &[bool], p: &[f32]) -> Option<Vec<f64>> {
        let points = self.points(y, p)?;
        let mut next = 0;
        let at = |x: &f64| {
            // A hair's breadth, so that a rate of 0.3 is found at 0.3 whatever its last digit.
            while next + 1 < points.len() && points[next].0 < x - 1e-12 {
                next += 1;
            }
            let (x1, y1) = points[next];
            match self {
                // The highest that is reached at this rate.
                Self::Roc if (x1 - x).abs() <= 1e-12 => {
                    let here = points[next..]
                        .iter()
                        .take_while(|point| (point.0 - x).abs() <= 1e-12);
                    here.map(|point| point.1).fold(y1, f64::max)
                }
                Self::Roc if next > 0 => {
                    let (x0, y0) = points[next - 1];
                    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
                }
                _ => y1,
            }
        };
        Some(grid().iter().map(at).collect())
    }

    /// The area, or the average precision.
    fn area(self, y: &[bool], p: &[f32]) -> Option<f64> {
        match self {
            Self::Roc => roc_auc(y, p).ok(),
            Self::PrecisionRecall => average_precision(y, p).ok(),
        }
    }

    fn frame(self, name: String) -> Frame {
        let (title, x_title, y_title) = match self {
            Self::Roc => ("ROC curve", "false positive rate", "true positive rate (recall)"),
            Self::PrecisionRecall => ("Precision-recall curve", "recall", "precision"),
        };
        Frame {
            name,
            title: title.to_owned(),
            x_title: x_title.to_owned(),
            y_title: y_title.to_owned(),
            y: 0.0..1.02,
            ..Frame::default()
        }
    }
}

/// The ROC curves of all models of two classes; of more classes the mean of one against the rest.
pub(crate) fn roc_of_all(details: &ExperimentDetails) -> Result<Figure> {
    let n_classes = details.classes.len();
    let curves: Vec<(String, Vec<(f64, f64)>)> = details
        .models
        .iter()
        .filter_map(|model| {
            let points = if details.is_binary() {
                Kind::Roc.points(&details.positives(), &model.p)?
            } else {
                mean_curve(Kind::Roc, details, model)?
            };
            Some((model.name.clone(), thinned(points)))
        })
        .collect();
    let areas: Vec<String> = details
        .models
        .iter()
        .filter_map(|model| {
            let area = mean_area(Kind::Roc, details, model, n_classes)?;
            Some(format!("{} {area:.3}", model.name))
        })
        .collect();
    let description = format!("Areas under the curves: {}.", areas.join(", "));
    let colours = curves.iter().zip(SERIES.iter().cycle());
    let mut frame = Kind::Roc.frame("roc".to_owned());
    frame.title = "ROC curves of all models".to_owned();
    frame.description = description;
    frame.legend = colours
        .clone()
        .map(|((name, _), colour)| (name.clone(), *colour))
        .collect();
    frame.draw(|chart| {
        dashes(chart, (0.0, 0.0), (1.0, 1.0))?;
        colours
            .clone()
            .try_for_each(|((_, points), colour)| line(chart, points.clone(), *colour, 2))
    })
}

/// The ROC curve of one model, with a band from tracks drawn anew.
pub(crate) fn roc(details: &ExperimentDetails, model: &ModelPredictions) -> Result<Figure> {
    curve(Kind::Roc, details, model)
}

/// The precision-recall curve of one model, with a band from tracks drawn anew.
pub(crate) fn precision_recall(details: &ExperimentDetails, model: &ModelPredictions) -> Result<Figure> {
    curve(Kind::PrecisionRecall, details, model)
}

fn curve(kind: Kind, details: &ExperimentDetails, model: &ModelPredictions) -> Result<Figure> {
    let start = if kind == Kind::Roc {
        "roc"
    } else {
        "precision-recall"
    };
    let frame = kind.frame(format!("{start}-{}", model.name));
    if details.is_binary() {
        binary_curve(kind, frame, details, model)
    } else {
        class_curves(kind, frame, details, model)
    }
}

fn binary_curve(
    kind: Kind,
    mut frame: Frame,
    details: &ExperimentDetails,
    model: &ModelPredictions,
) -> Result<Figure> {
    let y = details.positives();
    let points = kind.points(&y, &model.p).unwrap_or_default();
    let banded = bootstrap_band(y.len(), n_resamples(y.len()), 0.95, 0, |rows| {
        let y: Vec<bool> = rows.iter().map(|row| y[*row]).collect();
        let p: Vec<f32> = rows.iter().map(|row| model.p[*row]).collect();
        kind.on_grid(&y, &p)
    });
    let share = y.iter().filter(|y| **y).count() as f64 / y.len().max(1) as f64;
    let area = kind
        .area(&y, &model.p)
        .map_or("undefined".to_owned(), |area| format!("{area:.3}"));
    frame.description = match kind {
        Kind::Roc => format!("Area under the curve {area}; chance is the dashed diagonal."),
        Kind::PrecisionRecall => {
            format!(
                "Average precision {area}; chance is the dashed line at the share of positive tracks, {share:.3}."
            )
        }
    };
    if banded.is_ok() {
        frame.description.push_str(&format!(
            " The band holds 95 % of the curves of {} redraws of the test tracks, place by place.",
            n_resamples(y.len())
        ));
    }
    frame.draw(|chart| {
        match kind {
            Kind::Roc => dashes(chart, (0.0, 0.0), (1.0, 1.0))?,
            Kind::PrecisionRecall => dashes(chart, (0.0, share), (1.0, share))?,
        }
        if let Ok(banded) = &banded {
            let lower: Vec<f64> = banded.iter().map(|interval| interval.lower).collect();
            let upper: Vec<f64> = banded.iter().map(|interval| interval.upper).collect();
            band(chart, &grid(), (&lower, &upper), SERIES[0])?;
        }
        line(chart, thinned(points), SERIES[0], 2)
    })
}

/// One curve a class against the rest: coloured where they are few, else faint with their mean.
fn class_curves(
    kind: Kind,
    mut frame: Frame,
    details: &ExperimentDetails,
    model: &ModelPredictions,
) -> Result<Figure> {
    let n_classes = details.classes.len();
    let is_few = n_classes <= MOST_COLOURS;
    let curves: Vec<(usize, Vec<(f64, f64)>)> = (0..n_classes)
        .filter_map(|class| {
            let (y, p) = one_against_rest(details, model, class);
            Some((class, thinned(kind.points(&y, &p)?)))
        })
        .collect();
    let mean = mean_curve(kind, details, model);
    let area = mean_area(kind, details, model, n_classes);
    let what = if kind == Kind::Roc {
        "area under the curve"
    } else {
        "average precision"
    };
    frame.description = format!(
        "One curve a class against the rest, {} of {n_classes} classes; mean {what} {}.",
        curves.len(),
        area.map_or("undefined".to_owned(), |area| format!("{area:.3}"))
    );
    frame.legend = if is_few {
        let name = |(class, _): &(usize, Vec<_>)| (details.classes[*class].clone(), SERIES[*class]);
        curves.iter().map(name).collect()
    } else {
        vec![
            ("mean".to_owned(), SERIES[0]),
            ("one class each".to_owned(), MUTED),
        ]
    };
    frame.draw(|chart| {
        if kind == Kind::Roc {
            dashes(chart, (0.0, 0.0), (1.0, 1.0))?;
        }
        for (class, points) in &curves {
            if is_few {
                line(chart, points.clone(), SERIES[*class], 2)?;
            } else {
                let faint: RGBColor = MUTED;
                let style = faint.mix(0.25).stroke_width(1);
                chart.draw_series([plotters::prelude::PathElement::new(points.clone(), style)])?;
            }
        }
        match &mean {
            Some(points) if !is_few => line(chart, points.clone(), SERIES[0], 3),
            _ => Ok(()),
        }
    })
}

fn one_against_rest(
    details: &ExperimentDetails,
    model: &ModelPredictions,
    class: usize,
) -> (Vec<bool>, Vec<f32>) {
    let y = details.test.y.iter().map(|own| *own == class).collect();
    (y, model.of_class(class, details.classes.len()))
}

/// The mean over the classes that have a curve, on the grid.
fn mean_curve(kind: Kind, details: &ExperimentDetails, model: &ModelPredictions) -> Option<Vec<(f64, f64)>> {
    let each: Vec<Vec<f64>> = (0..details.classes.len())
        .filter_map(|class| {
            let (y, p) = one_against_rest(details, model, class);
            kind.on_grid(&y, &p)
        })
        .collect();
    if each.is_empty() {
        return None;
    }
    let mean = |i: usize| each.iter().map(|curve| curve[i]).sum::<f64>() / each.len() as f64;
    Some(
        grid()
            .into_iter()
            .enumerate()
            .map(|(i, x)| (x, mean(i)))
            .collect(),
    )
}

fn mean_area(
    kind: Kind,
    details: &ExperimentDetails,
    model: &ModelPredictions,
    n_classes: usize,
) -> Option<f64> {
    if n_classes == 2 {
        return kind.area(&details.positives(), &model.p);
    }
    let each = (0..n_classes).filter_map(|class| {
        let (y, p) = one_against_rest(details, model, class);
        kind.area(&y, &p)
    });
    let each: Vec<f64> = each.collect();
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
}

/// At most [`MOST_POINTS`] of the points, the first and the last among them.
pub(crate) fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    let last = points.len() - 1;
    (0..MOST_POINTS)
        .map(|i| points[i * last / (MOST_POINTS - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: [bool; 5] = [false, false, true, true, false];
    const P: [f32; 5] = [0.1, 0.4, 0.35, 0.8, 0.2];

    #[test]
    fn a_roc_curve_on_a_grid_keeps_its_area() {
        let heights = Kind::Roc.on_grid(&Y, &P).unwrap();
        assert_eq!((heights[0], heights[100]), (0.5, 1.0));
        // A third of the negatives lies above 0.35: half of the positives is found before, all from there on.
        assert_eq!((heights[33], heights[34]), (0.5, 1.0));
    }

    #[test]
    fn precision_at_a_recall_is_that_of_the_first_threshold_that_reaches_it() {
        let heights = Kind::PrecisionRecall.on_grid(&Y, &P).unwrap();
        assert_eq!((heights[0], heights[50]), (1.0, 1.0));
        assert!((heights[51] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Kind::PrecisionRecall.on_grid(&[false; 5], &P), None);
    }
}
