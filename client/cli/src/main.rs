//! The `wickr` command; everything is in the library beside it, so that tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    wickr_cli::main()
}
