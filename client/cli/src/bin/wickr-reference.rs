//! Writes the generated pages of the client below the folder that it is given (for `cargo xtask check drift`).

use std::path::PathBuf;
use std::process::ExitCode;

use wickr_cli::{REFERENCE_PATH, reference};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else { return ExitCode::from(2) };
    let path = folder.join(REFERENCE_PATH);
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, reference()));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
