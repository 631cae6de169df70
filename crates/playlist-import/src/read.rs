//! One file: what it is, and its rows.

use crate::document::{self, Source};
use crate::load::{self, Kind, Loaded};
use crate::sheet::{Budget, Sheet};
use crate::{Error, ExportFormat, ImportOptions, Result, table, walk};

/// Reads the bytes of a file into rows.
pub(crate) fn sheet<'a>(
    file: &'a str,
    loaded: Loaded,
    options: &'a ImportOptions,
    budget: &'a mut Budget,
) -> Result<Sheet<'a>> {
    let source = Source {
        file,
        stem: walk::stem(file),
        options,
    };
    match loaded.kind {
        Kind::Zip => Err(Error::Unsupported {
            file: file.to_owned(),
            found: "an archive or a spreadsheet",
            hint: "give the archive itself, or save the spreadsheet as CSV",
        }),
        Kind::Parquet => parquet(&source, loaded.bytes, budget),
        Kind::Json | Kind::Text => {
            let text = load::decoded(&loaded.bytes);
            // Text in UTF-16 may be JSON.
            match load::sniff(file, &text)? {
                Kind::Json => json(&source, &text, budget),
                _ => delimited(&source, &text, budget),
            }
        }
    }
}

fn delimited<'a>(source: &Source<'a>, text: &[u8], budget: &'a mut Budget) -> Result<Sheet<'a>> {
    if table::is_id_list(text) {
        let mut sheet = source.sheet(ExportFormat::IdList, budget);
        table::read_id_list(text, &mut sheet)?;
        return Ok(sheet);
    }
    let table = table::open(source.file, text, source.options)?;
    let mut sheet = source.sheet(table.format, budget);
    table.read(&mut sheet)?;
    Ok(sheet)
}

fn json<'a>(source: &Source<'a>, text: &[u8], budget: &'a mut Budget) -> Result<Sheet<'a>> {
    if document::is_lines(text) {
        return document::read_lines(source, text, budget);
    }
    let text = std::str::from_utf8(text).map_err(|_| Error::Unsupported {
        file: source.file.to_owned(),
        found: "JSON that is not in UTF-8",
        hint: "save it as UTF-8",
    })?;
    document::read(source, text, budget)
}

#[cfg(feature = "parquet")]
fn parquet<'a>(source: &Source<'a>, bytes: Vec<u8>, budget: &'a mut Budget) -> Result<Sheet<'a>> {
    let table = crate::parquet::open(
        source.file,
        bytes,
        source.options.max_rows,
        source.options.max_file_bytes,
    )?;
    let mut sheet = source.sheet(table.format, budget);
    table.read(&mut sheet, source.options.max_file_bytes)?;
    Ok(sheet)
}

#[cfg(not(feature = "parquet"))]
fn parquet<'a>(source: &Source<'a>, _: Vec<u8>, _: &'a mut Budget) -> Result<Sheet<'a>> {
    Err(Error::NoParquet {
        file: source.file.to_owned(),
    })
}
