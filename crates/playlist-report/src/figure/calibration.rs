//! Whether 70 % means 70 %.

use playlist_metrics::{CalibrationBins, calibration_curve, wilson_interval};
use plotters::prelude::{Circle, Color};

use crate::Result;
use crate::details::{ExperimentDetails, ModelPredictions};
use crate::figure::canvas::{Figure, Frame, SERIES, dashes, line};

/// What was predicted and what came true, bin by bin; of more than two classes for the most probable one.
pub(crate) fn calibration(details: &ExperimentDetails, model: &ModelPredictions) -> Result<Figure> {
    let (y, p): (Vec<bool>, Vec<f32>) = if details.is_binary() {
        (details.positives(), model.p.clone())
    } else {
        let answers = model.answers(details.classes.len());
        answers
            .iter()
            .zip(&details.test.y)
            .map(|((class, p), own)| (class == own, *p))
            .unzip()
    };
    let bins = calibration_curve(&y, &p, CalibrationBins::default())?;
    let worst = bins
        .iter()
        .map(|bin| (bin.mean_predicted - bin.fraction_positive).abs())
        .fold(0.0, f64::max);
    let (x_title, y_title) = if details.is_binary() {
        ("mean predicted probability", "share that was positive")
    } else {
        ("mean probability of the answer", "share of right answers")
    };
    let frame = Frame {
        name: format!("calibration-{}", model.name),
        title: "Calibration curve".to_owned(),
        description: format!(
            "{} bins of about as many tracks each, with 95 % intervals (Wilson); the dashed diagonal is perfect \
             calibration, the farthest bin lies {worst:.3} from it.",
            bins.len()
        ),
        x_title: x_title.to_owned(),
        y_title: y_title.to_owned(),
        y: 0.0..1.02,
        ..Frame::default()
    };
    frame.draw(|chart| {
        dashes(chart, (0.0, 0.0), (1.0, 1.0))?;
        for bin in &bins {
            let positives = (bin.fraction_positive * bin.count as f64).round() as u64;
            if let Ok(interval) = wilson_interval(positives, bin.count, 0.95) {
                let x = bin.mean_predicted;
                line(
                    chart,
                    vec![(x, interval.lower), (x, interval.upper)],
                    SERIES[0],
                    1,
                )?;
            }
        }
        let points: Vec<(f64, f64)> = bins
            .iter()
            .map(|bin| (bin.mean_predicted, bin.fraction_positive))
            .collect();
        line(chart, points.clone(), SERIES[0], 2)?;
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 4, SERIES[0].filled())),
        )?;
        Ok(())
    })
}
