//! Zip archives, of which only members are opened that are exports.

use std::fs::File;

use crate::walk::Job;
use crate::{Error, Result};

/// Reads the members of an archive.
pub(crate) fn read(_job: &mut Job<'_>, name: &str, _file: File) -> Result<()> {
    Err(Error::Unsupported {
        file: name.to_owned(),
        found: "an archive",
        hint: "unpack it",
    })
}
