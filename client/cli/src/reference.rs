//! The reference page of the command, made from its grammar (the grammar: `args`).

use std::fmt::Write as _;

use crate::args::command;

/// Where the page stands in the repository.
pub const REFERENCE_PATH: &str = "docs/reference/wickr.md";

/// The page: every command with its help, in the order of `wickr --help`.
pub fn reference() -> String {
    // The width of the page, whatever terminal it is made in.
    let mut command = command().term_width(100);
    command.build();
    let mut out = String::from(
        "# The `wickr` command\n\nGenerated from the program's grammar; `wickr COMMAND --help` prints the same.\n",
    );
    section(&mut command, "wickr", &mut out);
    out
}

fn section(command: &mut clap::Command, path: &str, out: &mut String) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let _ = write!(out, "\n## {path}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        section(sub, &path, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_section() {
        let page = reference();
        for section in
            ["## wickr\n", "## wickr login\n", "## wickr room invite\n", "## wickr devices revoke\n"]
        {
            assert!(page.contains(section), "{section}");
        }
        assert!(page.lines().all(|line| line == line.trim_end()));
    }
}
