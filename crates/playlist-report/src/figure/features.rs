//! Each feature by class.

use plotters::prelude::{Circle, Color, Rectangle};

use crate::Result;
use crate::details::{ExperimentDetails, FeatureValues};
use crate::figure::canvas::{Figure, Frame, SERIES, line, short, steps};
use crate::figure::curves::MOST_COLOURS;
use crate::histogram::{Bins, list_value, quantile, shares, sorted_by_class};

/// The bins of a quantity.
const N_BINS: usize = 40;

/// The distribution of one feature in each class; `None` where no value is known.
pub(crate) fn feature(details: &ExperimentDetails, feature: &FeatureValues) -> Result<Option<Figure>> {
    let Some(bins) = Bins::of(feature, N_BINS) else {
        return Ok(None);
    };
    let n_classes = details.classes.len();
    if n_classes > MOST_COLOURS {
        return ranges(details, feature).map(Some);
    }
    let shares = shares(feature, &bins, &details.y, n_classes);
    match &bins {
        Bins::Codes(codes) => bars(details, feature, codes, &shares),
        Bins::Width { low, high, .. } => histogram(details, feature, (*low, *high), &shares),
    }
    .map(Some)
}

fn frame(details: &ExperimentDetails, feature: &FeatureValues) -> Frame {
    let effect = feature.effect(&details.y, details.classes.len());
    Frame {
        name: format!("feature-{}", feature.name),
        title: feature.name.clone(),
        description: format!(
            "{} {}.",
            effect.map_or("No effect size".to_owned(), |effect| effect.to_string()),
            medians(details, feature)
        ),
        x_title: format!("{} ({})", feature.name, feature.unit),
        y_title: "share of the class".to_owned(),
        legend: details.classes.iter().cloned().zip(SERIES).collect(),
        height: 360,
        ..Frame::default()
    }
}

/// The medians of a few classes, in words; of a code the most frequent values.
fn medians(details: &ExperimentDetails, feature: &FeatureValues) -> String {
    let n_classes = details.classes.len();
    if n_classes > MOST_COLOURS {
        return format!("over {n_classes} classes");
    }
    let sorted = sorted_by_class(feature, &details.y, n_classes);
    let each = details.classes.iter().zip(&sorted).map(|(class, values)| {
        let value = if feature.is_categorical {
            most_frequent(values)
        } else {
            quantile(values, 0.5)
        };
        format!(
            "{} {}",
            short(class),
            value.map_or("unknown".to_owned(), list_value)
        )
    });
    let what = if feature.is_categorical {
        "most frequent"
    } else {
        "medians"
    };
    format!("({what}: {})", each.collect::<Vec<String>>().join(", "))
}

fn most_frequent(sorted: &[f32]) -> Option<f32> {
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).map(|run| run[0])
}

fn histogram(
    details: &ExperimentDetails,
    feature: &FeatureValues,
    (low, high): (f64, f64),
    shares: &[Vec<f64>],
) -> Result<Figure> {
    let highest = shares.iter().flatten().copied().fold(1e-6, f64::max);
    let frame = Frame {
        x: low..high,
        y: 0.0..highest * 1.05,
        ..frame(details, feature)
    };
    frame.draw(|chart| {
        let mut each = shares.iter().zip(SERIES);
        each.try_for_each(|(shares, colour)| steps(chart, (low, high), shares, colour))
    })
}

/// One group of bars a code.
fn bars(
    details: &ExperimentDetails,
    feature: &FeatureValues,
    codes: &[f32],
    shares: &[Vec<f64>],
) -> Result<Figure> {
    let highest = shares.iter().flatten().copied().fold(1e-6, f64::max);
    let (first, last) = (f64::from(codes[0]), f64::from(codes[codes.len() - 1]));
    let width = 0.8 / shares.len() as f64;
    let frame = Frame {
        x: first - 0.6..last + 0.6,
        y: 0.0..highest * 1.05,
        ..frame(details, feature)
    };
    frame.draw(|chart| {
        for (class, (shares, colour)) in shares.iter().zip(SERIES).enumerate() {
            let bar = |(code, share): (&f32, &f64)| {
                let left = f64::from(*code) - 0.4 + class as f64 * width;
                Rectangle::new([(left, 0.0), (left + width * 0.92, *share)], colour.filled())
            };
            chart.draw_series(codes.iter().zip(shares).map(bar))?;
        }
        Ok(())
    })
}

/// The range of each of many classes: the middle half as a bar, nine tenths as a line, the median as a point; the
/// classes by their medians.
fn ranges(details: &ExperimentDetails, feature: &FeatureValues) -> Result<Figure> {
    let sorted = sorted_by_class(feature, &details.y, details.classes.len());
    let at = |class: usize, share| quantile(&sorted[class], share).map_or(f64::NAN, f64::from);
    let mut classes: Vec<usize> = (0..sorted.len())
        .filter(|class| !sorted[*class].is_empty())
        .collect();
    classes.sort_by(|a, b| at(*a, 0.5).total_cmp(&at(*b, 0.5)));
    let names: Vec<String> = classes
        .iter()
        .map(|class| details.classes[*class].clone())
        .collect();
    let low = classes
        .iter()
        .map(|class| at(*class, 0.05))
        .fold(f64::INFINITY, f64::min);
    let high = classes
        .iter()
        .map(|class| at(*class, 0.95))
        .fold(f64::NEG_INFINITY, f64::max);
    let margin = ((high - low) * 0.02).max(1e-3);
    let mut frame = Frame {
        x: low - margin..high + margin,
        y: -0.8..names.len() as f64 - 0.2,
        y_title: String::new(),
        legend: vec![
            ("middle half, nine tenths".to_owned(), SERIES[0]),
            ("median".to_owned(), SERIES[1]),
        ],
        height: 120 + 24 * names.len() as u32,
        left: 285,
        row_names: names,
        ..frame(details, feature)
    };
    frame
        .description
        .push_str(" The classes are in the order of their medians.");
    frame.draw(|chart| {
        for (row, class) in classes.iter().enumerate() {
            let y = row as f64;
            line(
                chart,
                vec![(at(*class, 0.05), y), (at(*class, 0.95), y)],
                SERIES[0],
                1,
            )?;
            let middle = [(at(*class, 0.25), y - 0.28), (at(*class, 0.75), y + 0.28)];
            chart.draw_series([Rectangle::new(middle, SERIES[0].mix(0.45).filled())])?;
            chart.draw_series([Circle::new((at(*class, 0.5), y), 4, SERIES[1].filled())])?;
        }
        Ok(())
    })
}
