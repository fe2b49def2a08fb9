//! Writes what follows from the operator's types and tables below a folder; `cargo xtask check drift` runs it.

use std::path::PathBuf;
use std::{env, fs};

use wickr_operator_core::generate::files;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: operator-generate FOLDER")?;
    for file in files()? {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, file.text)?;
    }
    Ok(())
}
