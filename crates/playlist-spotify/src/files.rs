//! Folders for the owner's eyes alone.

use std::path::Path;

/// Makes `folder` and those above it where they are missing; on Unix the new ones have mode 0700.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
