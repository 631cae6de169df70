//! Where the probabilities of the test tracks lie, by class.

use crate::Result;
use crate::details::{ExperimentDetails, ModelPredictions};
use crate::figure::canvas::{Figure, Frame, INK, SERIES, hex, steps};

/// The bins from 0 to 1.
const N_BINS: usize = 40;

/// The histogram of one model's probabilities: of the positive class by class, with a line at the threshold; of more
/// than two classes of the answer, by right and wrong.
pub(crate) fn scores(details: &ExperimentDetails, model: &ModelPredictions) -> Result<Figure> {
    let n_classes = details.classes.len();
    let (groups, names, x_title): (Vec<(usize, f32)>, Vec<String>, String) = if details.is_binary() {
        let groups = details
            .test
            .y
            .iter()
            .copied()
            .zip(model.p.iter().copied())
            .collect();
        (
            groups,
            details.classes.clone(),
            format!("probability of {}", details.classes[1]),
        )
    } else {
        let answers = model.answers(n_classes).into_iter().zip(&details.test.y);
        let groups = answers
            .map(|((class, p), own)| (usize::from(class == *own), p))
            .collect();
        let names = vec!["wrong answers".to_owned(), "right answers".to_owned()];
        (groups, names, "probability of the answer".to_owned())
    };
    let mut counts = vec![vec![0.0; N_BINS]; 2];
    for (group, p) in &groups {
        counts[*group][((p * N_BINS as f32) as usize).min(N_BINS - 1)] += 1.0;
    }
    let highest = counts.iter().flatten().copied().fold(1.0, f64::max);
    let mut frame = Frame {
        name: format!("scores-{}", model.name),
        title: "Probabilities of the test tracks".to_owned(),
        description: description(&groups, &names),
        y: 0.0..highest * 1.05,
        x_title,
        y_title: "tracks".to_owned(),
        legend: names.into_iter().zip(SERIES).collect(),
        ..Frame::default()
    };
    if let Some(threshold) = model.threshold {
        frame
            .description
            .push_str(&format!(" The threshold is {threshold:.3}."));
    }
    let mut figure = frame.draw(|chart| {
        let mut each = counts.iter().zip(SERIES);
        each.try_for_each(|(counts, colour)| steps(chart, (0.0, 1.0), counts, colour))
    })?;
    if let Some(threshold) = model.threshold {
        let (zero, one) = figure.unit_x;
        let x = f64::from(zero) + threshold * f64::from(one - zero);
        figure.body.push_str(&format!(
            "<line class=\"threshold\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"36\" y2=\"{}\" stroke=\"{}\" stroke-width=\"2\" \
             stroke-dasharray=\"6 4\"/>\n",
            figure.size.1 - 60,
            hex(INK)
        ));
    }
    Ok(figure)
}

fn description(groups: &[(usize, f32)], names: &[String]) -> String {
    let each = names.iter().enumerate().map(|(group, name)| {
        let own: Vec<f64> = groups
            .iter()
            .filter(|(g, _)| *g == group)
            .map(|(_, p)| f64::from(*p))
            .collect();
        if own.is_empty() {
            return format!("no {name}");
        }
        format!(
            "{} of {name} with a mean of {:.3}",
            own.len(),
            own.iter().sum::<f64>() / own.len() as f64
        )
    });
    format!("Histogram of {}.", each.collect::<Vec<String>>().join(", "))
}
