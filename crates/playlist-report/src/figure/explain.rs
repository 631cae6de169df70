//! Importance and partial dependence.

use plotters::prelude::{Circle, Color};

use crate::Result;
use crate::explanation::{DependenceSection, ExplanationSection};
use crate::figure::canvas::{Figure, Frame, MUTED, SERIES, band, line};

/// What the model loses without each feature, with intervals, the most important on top.
pub(crate) fn importance(explanation: &ExplanationSection) -> Result<Figure> {
    let sections: Vec<_> = explanation.importance.iter().rev().collect();
    let low = sections.iter().map(|s| s.interval.lower).fold(0.0, f64::min);
    let high = sections.iter().map(|s| s.interval.upper).fold(1e-3, f64::max);
    let margin = (high - low) * 0.04;
    let names: Vec<String> = sections.iter().map(|section| section.feature.clone()).collect();
    let first: Vec<String> = explanation
        .importance
        .iter()
        .take(3)
        .map(|s| {
            format!(
                "{} {:.4} [{:.4}, {:.4}]",
                s.feature, s.importance, s.interval.lower, s.interval.upper
            )
        })
        .collect();
    let frame = Frame {
        name: "importance".to_owned(),
        title: format!("Importance of the features for {}", explanation.model),
        description: format!(
            "{} when the feature is dealt out anew, with 95 % intervals; the most important: {}.",
            explanation.metric_words(),
            first.join(", ")
        ),
        x: low - margin..high + margin,
        y: -0.7..names.len() as f64 - 0.3,
        x_title: explanation.metric_words().to_owned(),
        height: 100 + 28 * names.len() as u32,
        left: 200,
        row_names: names,
        ..Frame::default()
    };
    frame.draw(|chart| {
        line(
            chart,
            vec![(0.0, -0.7), (0.0, sections.len() as f64 - 0.3)],
            MUTED,
            1,
        )?;
        for (row, section) in sections.iter().enumerate() {
            let y = row as f64;
            let interval = section.interval;
            line(
                chart,
                vec![(interval.lower, y), (interval.upper, y)],
                SERIES[0],
                2,
            )?;
            chart.draw_series([Circle::new((section.importance, y), 5, SERIES[0].filled())])?;
        }
        Ok(())
    })
}

/// How the probability changes along one feature, with the tenths of the tracks below and above.
pub(crate) fn dependence(explanation: &ExplanationSection, section: &DependenceSection) -> Result<Figure> {
    let x: Vec<f64> = section
        .points
        .iter()
        .map(|point| f64::from(point.value))
        .collect();
    let (low, high) = (
        x.first().copied().unwrap_or(0.0),
        x.last().copied().unwrap_or(1.0),
    );
    let (low, high) = if low < high {
        (low, high)
    } else {
        (low - 0.5, low + 0.5)
    };
    let pick =
        |pick: fn(&crate::DependencePoint) -> f64| section.points.iter().map(pick).collect::<Vec<f64>>();
    let (mean, lower, upper) = (pick(|p| p.mean), pick(|p| p.lower), pick(|p| p.upper));
    let least = mean.iter().copied().fold(f64::INFINITY, f64::min);
    let most = mean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let highest = upper.iter().copied().fold(0.02, f64::max);
    let frame = Frame {
        name: format!("dependence-{}", section.feature),
        title: format!("{} and the probability", section.feature),
        description: format!(
            "Mean probability of {} when every track is given one value: from {:.3} to {:.3} along the axis, least {least:.3}, \
             most {most:.3}. The band leaves out a tenth of the tracks on either side.",
            explanation.class,
            mean.first().copied().unwrap_or(0.0),
            mean.last().copied().unwrap_or(0.0)
        ),
        x: low..high,
        y: 0.0..(highest * 1.05).min(1.02),
        x_title: format!("{} ({})", section.feature, section.unit),
        y_title: format!(
            "probability of {}",
            crate::figure::canvas::short(&explanation.class)
        ),
        height: 360,
        ..Frame::default()
    };
    frame.draw(|chart| {
        band(chart, &x, (&lower, &upper), SERIES[0])?;
        let points: Vec<(f64, f64)> = x.iter().copied().zip(mean.iter().copied()).collect();
        line(chart, points.clone(), SERIES[0], 2)?;
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 3, SERIES[0].filled())),
        )?;
        Ok(())
    })
}
