//! Models on several tables.

use playlist_metrics::Interval;
use plotters::prelude::{Circle, Color, RGBColor};

use crate::figure::canvas::{Figure, Frame, SERIES, line};
use crate::{ComparisonReport, Result, TaskSection};

/// ROC AUC with its interval by table and model.
pub(crate) fn comparison(report: &ComparisonReport) -> Result<Figure> {
    let n_models = report.overall.len();
    // From the bottom up, so that the first table is on top.
    let tasks: Vec<_> = report.tasks.iter().rev().collect();
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    let points = points(&tasks, n_models);
    let ends = || {
        points
            .iter()
            .flat_map(|(_, _, mean, interval)| {
                [Some(*mean), interval.map(|i| i.lower), interval.map(|i| i.upper)]
            })
            .flatten()
    };
    let low = ends().fold(0.5, f64::min);
    let high = ends().fold(low + 0.05, f64::max);
    let frame = Frame {
        name: "comparison".to_owned(),
        title: "ROC AUC by table and model".to_owned(),
        description: format!(
            "Means over the splits with 95 % intervals; the same numbers are in the table. {} tables, {n_models} models.",
            tasks.len()
        ),
        x: low - 0.01..high + 0.01,
        y: -0.6..names.len() as f64 - 0.4,
        x_title: "ROC AUC".to_owned(),
        legend: report
            .overall
            .iter()
            .enumerate()
            .map(|(i, model)| (model.name.clone(), SERIES[i % SERIES.len()]))
            .collect(),
        height: 130 + (names.len() * (20 + 9 * n_models)) as u32,
        left: 250,
        row_names: names,
        ..Frame::default()
    };
    frame.draw(|chart| {
        for (y, colour, mean, interval) in &points {
            if let Some(interval) = interval {
                line(
                    chart,
                    vec![(interval.lower, *y), (interval.upper, *y)],
                    *colour,
                    2,
                )?;
            }
            chart.draw_series([Circle::new((*mean, *y), 4, colour.filled())])?;
        }
        Ok(())
    })
}

/// Height, colour, mean and interval of each model on each table.
fn points(tasks: &[&TaskSection], n_models: usize) -> Vec<(f64, RGBColor, f64, Option<Interval>)> {
    let mut points = Vec::new();
    for (row, task) in tasks.iter().enumerate() {
        for (index, model) in task.models.iter().enumerate() {
            if let Some(mean) = model.mean().roc_auc {
                let y = row as f64 + 0.35 - 0.7 * (index as f64 + 0.5) / n_models as f64;
                points.push((
                    y,
                    SERIES[index % SERIES.len()],
                    mean,
                    model.intervals.get("roc_auc").copied().flatten(),
                ));
            }
        }
    }
    points
}
