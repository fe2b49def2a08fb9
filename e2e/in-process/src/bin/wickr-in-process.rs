//! The `wickr` command, built beside the tests that run it as processes of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    wickr_cli::main()
}
