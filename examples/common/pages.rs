//! Pages and figures: the same options in every example that makes them.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use playlist_classifier::core::{Overwrite, write_file};
use playlist_classifier::report::Figure;

/// Where pages and figures go.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct PageArgs {
    /// Write everything as one page that opens in a browser and asks the network for nothing
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the figures as SVG files into this folder
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
}

impl PageArgs {
    /// Whether anything is to be drawn.
    pub fn is_asked_for(&self) -> bool {
        self.html.is_some() || self.plots.is_some()
    }

    /// The files that may be written, figures of the names `figures` among them; makes the folder for them.
    pub fn targets(&self, figures: &[String]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        let mut targets: Vec<PathBuf> = self.html.iter().cloned().collect();
        if let Some(folder) = &self.plots {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("the folder `{}` could not be made: {error}", folder.display()))?;
            targets.extend(figures.iter().map(|name| folder.join(format!("{name}.svg"))));
        }
        Ok(targets)
    }

    /// Writes the page, made only where it was asked for.
    pub fn write_page<E: Error + 'static>(
        &self,
        page: impl FnOnce() -> Result<String, E>,
        overwrite: Overwrite,
    ) -> Result<(), Box<dyn Error>> {
        write_page(self.html.as_deref(), page, overwrite)
    }

    /// Writes the figures, made only where they were asked for.
    pub fn write_figures<E: Error + 'static>(
        &self,
        figures: impl FnOnce() -> Result<Vec<Figure>, E>,
        overwrite: Overwrite,
    ) -> Result<(), Box<dyn Error>> {
        if let Some(folder) = &self.plots {
            let figures = figures()?;
            for figure in &figures {
                let path = folder.join(format!("{}.svg", figure.name));
                write_file(&path, figure.to_svg().as_bytes(), overwrite)?;
            }
            eprintln!("wrote {} figures to {}", figures.len(), folder.display());
        }
        Ok(())
    }
}

/// Writes a page to `path`, made only where there is one.
pub fn write_page<E: Error + 'static>(
    path: Option<&Path>,
    page: impl FnOnce() -> Result<String, E>,
    overwrite: Overwrite,
) -> Result<(), Box<dyn Error>> {
    if let Some(path) = path {
        write_file(path, page()?.as_bytes(), overwrite)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// The command line of this program, as it could be typed again in a shell.
pub fn command() -> String {
    let mut words = std::env::args();
    let program = words.next().map(PathBuf::from);
    let name = program.as_deref().and_then(|path| path.file_stem());
    let name = name
        .map_or("", |name| name.to_str().unwrap_or_default())
        .to_owned();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,=:+@%".contains(c);
    let quoted = words.map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    std::iter::once(name)
        .chain(quoted)
        .collect::<Vec<String>>()
        .join(" ")
}
