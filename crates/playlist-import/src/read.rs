//! One file: what it is, and its rows.

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
    let stem = walk::stem(file);
    let new = |format, budget| Sheet::new(file, stem, format, options, budget);
    match loaded.kind {
        Kind::Zip => Err(Error::Unsupported {
            file: file.to_owned(),
            found: "an archive or a spreadsheet",
            hint: "give the archive itself, or save the spreadsheet as CSV",
        }),
        _ => {
            let text = load::decoded(&loaded.bytes);
            if table::is_id_list(&text) {
                let mut sheet = new(ExportFormat::IdList, budget);
                table::read_id_list(&text, &mut sheet)?;
                return Ok(sheet);
            }
            let table = table::open(file, &text, options)?;
            let mut sheet = new(table.format, budget);
            table.read(&mut sheet)?;
            Ok(sheet)
        }
    }
}
