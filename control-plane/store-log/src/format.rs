//! In which format store and backup are. A change that an older program would misread makes the number higher.

use std::path::Path;

use crate::error::OpenError;

/// What this program writes. A store without the number is of the first format.
pub(crate) const FORMAT: u32 = 1;

/// Refuses what a newer program wrote: this one would leave out what it does not know, and lose it when it writes.
pub(crate) fn check(what: &'static str, path: &Path, found: u32) -> Result<(), OpenError> {
    if found > FORMAT {
        return Err(OpenError::Newer { what, path: path.to_owned(), found, known: FORMAT });
    }
    Ok(())
}
