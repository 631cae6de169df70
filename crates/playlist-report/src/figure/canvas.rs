//! What all figures share: axes, legend, colours, the SVG around them.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{Error, Result, printable};

/// Text and lines that carry meaning.
pub(crate) const INK: RGBColor = RGBColor(0x1D, 0x23, 0x30);
/// Labels and lines that help.
pub(crate) const MUTED: RGBColor = RGBColor(0x5A, 0x64, 0x72);
/// The mesh.
pub(crate) const GRID: RGBColor = RGBColor(0xDD, 0xE2, 0xE9);
/// One colour a series, told apart by people with any colour vision; `assets/report.css` gives each a dark twin.
pub(crate) const SERIES: [RGBColor; 6] = [
    RGBColor(0x1F, 0x6F, 0xB2),
    RGBColor(0xC8, 0x55, 0x1B),
    RGBColor(0x2A, 0x8A, 0x5B),
    RGBColor(0x83, 0x55, 0xA8),
    RGBColor(0xB3, 0x2D, 0x5E),
    RGBColor(0x1B, 0x7F, 0x8C),
];

/// The twins for a dark background, in the order of ink, muted, grid and the series.
const DARK: [&str; 9] = [
    "#E6E9EF", "#A3ADBB", "#343B47", "#6CB4F0", "#F39A66", "#63C796", "#C39BE8", "#F07FA6", "#5CC7D4",
];

/// One picture with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What is to be seen in it, for who does not see it.
    pub description: String,
    /// What stands within `<svg>`.
    pub(crate) body: String,
    /// Width and height, in pixels.
    pub(crate) size: (u32, u32),
    /// Where 0 and 1 of the horizontal axis lie, in pixels.
    pub(crate) unit_x: (i32, i32),
}

impl Figure {
    /// The figure as an SVG file, dark where the viewer asks for it.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (width, height) = self.size;
        let mut dark = String::new();
        let colours = [INK, MUTED, GRID].into_iter().chain(SERIES);
        for (colour, dark_colour) in colours.zip(DARK) {
            let colour = hex(colour);
            dark.push_str(&format!(
                "[fill=\"{colour}\"]{{fill:{dark_colour}}}[stroke=\"{colour}\"]{{stroke:{dark_colour}}}"
            ));
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\">\n<title>{}</title>\n<desc>{}</desc>\n<style>svg{{background:#fff}}\
             @media (prefers-color-scheme: dark){{svg{{background:#161a21}}{dark}}}</style>\n{}</svg>\n",
            escaped(&self.title),
            escaped(&self.description),
            self.body
        )
    }
}

pub(crate) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// Text for SVG, which is XML: no control characters, no markup.
fn escaped(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A name as it stands in a figure: on one line, not too long.
pub(crate) fn short(name: &str) -> String {
    const LONGEST: usize = 26;
    let name = printable(name);
    if name.chars().count() <= LONGEST {
        return name.into_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// What a figure is drawn on.
pub(crate) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// What drawing comes to.
pub(crate) type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The frame of a figure.
pub(crate) struct Frame {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) x: Range<f64>,
    pub(crate) y: Range<f64>,
    pub(crate) x_title: String,
    pub(crate) y_title: String,
    /// Each series' name and colour.
    pub(crate) legend: Vec<(String, RGBColor)>,
    pub(crate) height: u32,
    /// Room for labels on the left, in pixels.
    pub(crate) left: u32,
    /// Names in place of numbers on the vertical axis, at 0, 1, 2 ...
    pub(crate) row_names: Vec<String>,
}

/// The width of every figure, in pixels; the page scales them.
pub(crate) const WIDTH: u32 = 640;
const LEGEND_ROW: i32 = 26;
/// Large enough to be read where a phone halves the figure.
const FONT: f64 = 21.0;

impl Default for Frame {
    fn default() -> Self {
        Self {
            name: String::new(),
            title: String::new(),
            description: String::new(),
            x: 0.0..1.0,
            y: 0.0..1.0,
            x_title: String::new(),
            y_title: String::new(),
            legend: Vec::new(),
            height: 420,
            left: 78,
            row_names: Vec::new(),
        }
    }
}

impl Frame {
    /// Draws axes and legend, then what `paint` adds.
    pub(crate) fn draw(self, paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn) -> Result<Figure> {
        let mut svg = String::new();
        let size = (WIDTH, self.height);
        let unit_x = self.onto(&mut svg, paint).map_err(|source| Error::Figure {
            name: self.name.clone(),
            source: source.into(),
        })?;
        // The page and the files put an `<svg>` of their own around it.
        let body = svg.split_once('>').map_or("", |(_, body)| body);
        let body = body.rsplit_once("</svg>").map_or(body, |(body, _)| body);
        Ok(Figure {
            name: self.name,
            title: self.title,
            description: self.description,
            body: body.trim_start().to_owned(),
            size,
            unit_x,
        })
    }

    fn onto(
        &self,
        svg: &mut String,
        paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn,
    ) -> std::result::Result<(i32, i32), DrawingAreaErrorKind<std::io::Error>> {
        let root = SVGBackend::with_string(svg, (WIDTH, self.height)).into_drawing_area();
        let rows = draw_legend(&root, &self.legend)?;
        let mut chart = ChartBuilder::on(&root)
            .margin_right(18)
            .margin_top(10 + rows * LEGEND_ROW)
            .margin_bottom(6)
            .x_label_area_size(54)
            .y_label_area_size(self.left)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let number = |span: f64| move |value: &f64| axis_number(*value, span);
        let (x_number, y_number) = (
            number(self.x.end - self.x.start),
            number(self.y.end - self.y.start),
        );
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .label_style(("sans-serif", FONT).into_font().color(&MUTED))
            .axis_desc_style(("sans-serif", FONT).into_font().color(&INK))
            .x_desc(&self.x_title)
            .y_desc(&self.y_title)
            .x_labels(6)
            .y_labels(5)
            .x_label_formatter(&x_number)
            .y_label_formatter(&y_number);
        if !self.row_names.is_empty() {
            mesh.y_labels(0).disable_y_mesh();
        }
        mesh.draw()?;
        let unit_x = (
            chart.backend_coord(&(0.0, self.y.start)).0,
            chart.backend_coord(&(1.0, self.y.start)).0,
        );
        paint(&mut chart)?;
        // Drawn by hand, since the axis would leave some out, and on the whole figure, since a chart keeps text within itself.
        let place = |row: usize| chart.backend_coord(&(self.x.start, row as f64));
        let places: Vec<(i32, i32)> = (0..self.row_names.len()).map(place).collect();
        drop(chart);
        for (name, (x, y)) in self.row_names.iter().zip(places) {
            root.draw(&Text::new(
                short(name),
                (x - 10, y),
                text(INK, HPos::Right, VPos::Center),
            ))?;
        }
        root.present()?;
        Ok(unit_x)
    }
}

/// Draws the legend above the chart and returns how many rows it took.
fn draw_legend(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    legend: &[(String, RGBColor)],
) -> std::result::Result<i32, DrawingAreaErrorKind<std::io::Error>> {
    // Without fonts a letter's width is guessed, on the wide side.
    const LETTER: i32 = 10;
    let (mut x, mut row) = (12, 0);
    for (name, colour) in legend {
        let name = short(name);
        let width = 34 + LETTER * name.chars().count() as i32;
        if x + width > WIDTH as i32 && x > 12 {
            (x, row) = (12, row + 1);
        }
        let y = 8 + row * LEGEND_ROW;
        root.draw(&Rectangle::new([(x, y), (x + 14, y + 12)], colour.filled()))?;
        root.draw(&Text::new(
            name,
            (x + 20, y + 6),
            text(INK, HPos::Left, VPos::Center),
        ))?;
        x += width;
    }
    Ok(if legend.is_empty() { 0 } else { row + 1 })
}

/// Text of a colour, anchored.
pub(crate) fn text(colour: RGBColor, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    TextStyle {
        color: colour.to_backend_color(),
        pos: Pos::new(h_pos, v_pos),
        ..TextStyle::from(("sans-serif", FONT).into_font())
    }
}

/// A number at an axis that spans `span`.
fn axis_number(value: f64, span: f64) -> String {
    let digits = match span {
        span if span >= 10.0 => 0,
        span if span >= 1.0 => 1,
        span if span >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    // A zero has no sign.
    if text
        .trim_start_matches('-')
        .chars()
        .all(|c| matches!(c, '0' | '.'))
    {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// A line through points.
pub(crate) fn line(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    width: u32,
) -> Drawn {
    let style = ShapeStyle {
        color: colour.to_rgba(),
        filled: false,
        stroke_width: width,
    };
    chart.draw_series([PathElement::new(points, style)])?;
    Ok(())
}

/// A line of dashes between two points.
pub(crate) fn dashes(chart: &mut Chart<'_, '_>, from: (f64, f64), to: (f64, f64)) -> Drawn {
    const N: usize = 40;
    let at = |i: usize| {
        let share = i as f64 / N as f64;
        (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
    };
    let dash = |i: usize| PathElement::new(vec![at(2 * i), at(2 * i + 1)], MUTED.stroke_width(1));
    chart.draw_series((0..N / 2).map(dash))?;
    Ok(())
}

/// The area between two curves over the same places.
pub(crate) fn band(
    chart: &mut Chart<'_, '_>,
    x: &[f64],
    (lower, upper): (&[f64], &[f64]),
    colour: RGBColor,
) -> Drawn {
    let there = x.iter().copied().zip(upper.iter().copied());
    let back = x.iter().copied().zip(lower.iter().copied()).rev();
    let outline: Vec<(f64, f64)> = there.chain(back).collect();
    chart.draw_series([Polygon::new(outline, colour.mix(0.2).filled())])?;
    Ok(())
}

/// The outline of a histogram whose bins lie evenly from `low` to `high`, filled faintly.
pub(crate) fn steps(
    chart: &mut Chart<'_, '_>,
    (low, high): (f64, f64),
    heights: &[f64],
    colour: RGBColor,
) -> Drawn {
    let width = (high - low) / heights.len() as f64;
    let mut outline = vec![(low, 0.0)];
    for (bin, height) in heights.iter().enumerate() {
        let left = low + bin as f64 * width;
        outline.extend([(left, *height), (left + width, *height)]);
    }
    outline.push((high, 0.0));
    chart.draw_series([Polygon::new(outline.clone(), colour.mix(0.22).filled())])?;
    line(chart, outline, colour, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_a_dark_twin_in_the_style_sheet() {
        let css = include_str!("../../assets/report.css");
        for colour in [INK, MUTED, GRID].into_iter().chain(SERIES) {
            let colour = hex(colour);
            for attribute in ["fill", "stroke"] {
                assert!(
                    css.contains(&format!("[{attribute}=\"{colour}\"]")),
                    "{attribute} {colour}"
                );
            }
        }
    }

    #[test]
    fn names_from_files_are_no_markup_in_a_figure() {
        let legend = vec![("</text><script>\u{1b}".to_owned(), SERIES[0])];
        let frame = Frame {
            title: "<b>&".to_owned(),
            legend,
            ..Frame::default()
        };
        let svg = frame.draw(|_| Ok(())).unwrap().to_svg();
        assert!(
            !svg.contains("<script") && !svg.contains("<b>") && !svg.contains('\u{1b}'),
            "{svg}"
        );
        assert!(svg.contains("&lt;b&gt;&amp;"), "{svg}");
    }

    #[test]
    fn numbers_at_axes_suit_the_span() {
        assert_eq!(axis_number(-0.000_1, 1.0), "0.0");
        assert_eq!(axis_number(215_000.0, 500_000.0), "215000");
        assert_eq!(axis_number(0.25, 0.5), "0.25");
    }
}
