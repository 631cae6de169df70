//! Lines over a common axis, whatever they are of.

use crate::figure::Figure;
use crate::figure::canvas::{Frame, MUTED, SERIES, dashes, line};
use crate::figure::curves::thinned;
use crate::{Error, Result};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSeries {
    /// What the legend calls it.
    pub name: String,
    /// Points `(x, y)`, from left to right. Those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Lines and dashed levels over common axes; at most six lines have colours of their own.
///
/// # Examples
/// ```
/// use playlist_report::{LineChart, LineSeries};
///
/// let chart = LineChart {
///     name: "loss".to_owned(),
///     title: "Training loss".to_owned(),
///     x_title: "epoch".to_owned(),
///     series: vec![LineSeries { name: "paper".to_owned(), points: vec![(1.0, 0.69), (2.0, 0.66)] }],
///     levels: vec![("a coin".to_owned(), 0.693)],
///     ..LineChart::default()
/// };
/// assert!(chart.figure()?.to_svg().contains("<title>Training loss</title>"));
/// # Ok::<(), playlist_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What the horizontal axis shows.
    pub x_title: String,
    /// What the vertical axis shows.
    pub y_title: String,
    /// The lines.
    pub series: Vec<LineSeries>,
    /// Levels across the chart, drawn dashed, with their names.
    pub levels: Vec<(String, f64)>,
}

impl LineChart {
    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Figure`] without any point, or when the drawing fails.
    pub fn figure(&self) -> Result<Figure> {
        let finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
        let points = || (self.series.iter()).flat_map(|series| series.points.iter().filter(finite));
        if points().next().is_none() {
            return Err(Error::Figure {
                name: self.name.clone(),
                source: "there are no points to draw".into(),
            });
        }
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (left, right) = range(&mut points().map(|(x, _)| *x));
        let levels = self.levels.iter().map(|(_, level)| *level);
        let (low, high) = range(&mut points().map(|(_, y)| *y).chain(levels));
        let margin = ((high - low) * 0.06).max(1e-3);
        let right = if right > left { right } else { left + 1.0 };
        let legend = self.series.iter().zip(SERIES.into_iter().cycle());
        let legend = legend.map(|(series, colour)| (series.name.clone(), colour));
        let levels = self.levels.iter().map(|(name, _)| (name.clone(), MUTED));
        let frame = Frame {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description(),
            x: left..right,
            y: (low - margin)..(high + margin),
            x_title: self.x_title.clone(),
            y_title: self.y_title.clone(),
            legend: legend.chain(levels).collect(),
            left: 74,
            ..Frame::default()
        };
        frame.draw(|chart| {
            for (_, level) in &self.levels {
                dashes(chart, (left, *level), (right, *level))?;
            }
            for (series, colour) in self.series.iter().zip(SERIES.into_iter().cycle()) {
                let points = series.points.iter().filter(finite).copied().collect();
                line(chart, thinned(points), colour, 2)?;
            }
            Ok(())
        })
    }

    /// Where each line starts and ends.
    fn description(&self) -> String {
        let ends = self.series.iter().filter_map(|series| {
            let ((_, first), (_, last)) = (series.points.first()?, series.points.last()?);
            Some(format!("{} from {first:.3} to {last:.3}", series.name))
        });
        let levels = self.levels.iter().map(|(name, _)| name.clone());
        let all: Vec<String> = ends.chain(levels).collect();
        format!("{} by {}: {}.", self.y_title, self.x_title, all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> LineChart {
        LineChart {
            title: "<loss> & more".to_owned(),
            series: vec![LineSeries {
                name: "a".to_owned(),
                points,
            }],
            levels: vec![("level".to_owned(), 0.5)],
            ..LineChart::default()
        }
    }

    #[test]
    fn names_are_text_and_a_single_point_is_enough() {
        let svg = chart(vec![(1.0, 0.4)]).figure().unwrap().to_svg();
        assert!(
            svg.contains("&lt;loss&gt; &amp; more") && svg.contains("level"),
            "{svg}"
        );
    }

    #[test]
    fn a_chart_without_finite_points_is_refused() {
        let error = chart(vec![(1.0, f64::NAN)]).figure().unwrap_err();
        assert!(matches!(error, Error::Figure { .. }), "{error}");
    }
}
