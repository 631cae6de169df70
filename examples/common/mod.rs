//! Options and habits that the examples share: one meaning everywhere.

#![allow(dead_code, reason = "each example uses its part of this")]

pub mod arguments;
pub mod fetch;
pub mod pages;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use playlist_classifier::core::Overwrite;
use playlist_classifier::core::message::with_causes;
use playlist_classifier::mlp::StopSignal;
use playlist_classifier::report::printable;
use playlist_classifier::spotify::StopFlag;

/// A table of a million tracks is some 200 MB of new memory: a page fault for every 4 KiB of it takes longer than reading does. This
/// allocator asks the system for huge pages, and keeps what is freed for a while.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says on standard error what is done next.
pub fn say_step(step: &str) {
    eprintln!("{}", printable(step));
}

/// What `--overwrite` means.
pub fn overwriting(is_asked_for: bool) -> Overwrite {
    if is_asked_for {
        Overwrite::Allow
    } else {
        Overwrite::Refuse
    }
}

/// A shipped table: below the current folder, or where the example was built.
pub fn shipped(name: &str) -> PathBuf {
    let path = Path::new("datasets").join(name);
    if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }
}

/// Checks, before any work, that the files in `targets` can be written in the end: none is named twice, none is there
/// already unless it may be replaced, and each folder takes files.
pub fn check_targets(targets: &[PathBuf], overwrite: Overwrite) -> Result<(), Box<dyn Error>> {
    for (index, path) in targets.iter().enumerate() {
        if targets[..index].contains(path) {
            return Err(format!(
                "`{}` is to hold two results: give each a name of its own",
                path.display()
            )
            .into());
        }
        let not_written = |why: &str| format!("`{}` could not be written: {why}", path.display());
        if path.is_dir() {
            return Err(not_written("it is a folder").into());
        }
        if overwrite == Overwrite::Refuse && path.exists() {
            return Err(exists_already(path));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(not_written(&format!(
                "there is no folder `{}`; make it first",
                folder.display()
            ))
            .into());
        }
        if let Err(error) = tempfile::tempfile_in(folder) {
            return Err(not_written(&format!("the folder takes no files ({})", error.kind())).into());
        }
    }
    Ok(())
}

/// Prints `text` on standard output; a reader that closes early, such as `head`, is no error.
pub fn print(text: &str) -> Result<(), Box<dyn Error>> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The refusal to replace a file unasked.
pub fn exists_already(path: &Path) -> Box<dyn Error> {
    format!(
        "`{}` exists already: choose another name or add --overwrite",
        path.display()
    )
    .into()
}

/// Makes Ctrl-C stop cleanly after the current epoch; a second one ends the program at once.
pub fn stop_on_ctrl_c() -> Result<StopSignal, Box<dyn Error>> {
    let stop = StopSignal::default();
    let asked = stop.clone();
    on_ctrl_c(move || asked.request())?;
    Ok(stop)
}

/// As [`stop_on_ctrl_c`], for lookups as well.
pub fn stop_all_on_ctrl_c() -> Result<(StopSignal, StopFlag), Box<dyn Error>> {
    let (signal, flag) = (StopSignal::default(), StopFlag::default());
    let asked = (signal.clone(), flag.clone());
    on_ctrl_c(move || {
        asked.0.request();
        asked.1.stop();
    })?;
    Ok((signal, flag))
}

/// Calls `stop` on the first Ctrl-C; a second one ends the program at once.
pub fn on_ctrl_c(stop: impl Fn() + Send + 'static) -> Result<(), Box<dyn Error>> {
    let mut asked = false;
    ctrlc::set_handler(move || {
        if asked {
            std::process::exit(130);
        }
        asked = true;
        eprintln!("stopping after the step at hand; Ctrl-C again ends at once");
        stop();
    })?;
    Ok(())
}

/// A line on a terminal that shows what goes on; hidden where standard error is none.
pub fn spinner() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// As [`exit_code`] of a `main` that says whether it refused to answer: exit code 3 then, since the model is no better than
/// chance.
pub fn exit_code_or_refusal(main: impl FnOnce() -> Result<bool, Box<dyn Error>>) -> ExitCode {
    const NO_BETTER_THAN_CHANCE: u8 = 3;
    let mut is_refused = false;
    let code = exit_code(|| {
        is_refused = main()?;
        Ok(())
    });
    if is_refused {
        ExitCode::from(NO_BETTER_THAN_CHANCE)
    } else {
        code
    }
}

/// Runs `main`, prints an error with its causes on standard error and turns it into exit code 1.
pub fn exit_code(main: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = main() else {
        return ExitCode::SUCCESS;
    };
    let text = format!("error: {}", with_causes(&*error));
    eprintln!("{}", printable(&text));
    ExitCode::FAILURE
}
