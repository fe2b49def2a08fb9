//! The grammar holds together, and the help of every command is what it was when somebody last read it.

use std::fmt::Write as _;

fn render(command: &mut clap::Command, path: &str, out: &mut String) {
    let _ = writeln!(out, "=== {path} --help\n\n{}", command.render_long_help());
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        render(sub, &path, out);
    }
}

#[test]
fn the_grammar_has_no_contradictions() {
    wickr_cli::command().debug_assert();
}

#[test]
fn the_help_of_every_command_is_as_reviewed() {
    let mut command = wickr_cli::command().term_width(100);
    command.build();
    let mut out = String::new();
    render(&mut command, "wickr", &mut out);
    insta::assert_snapshot!(out);
}

#[test]
fn every_command_shows_how_it_is_used() {
    fn check(command: &clap::Command, path: &str) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:") && help.contains("wickr "), "{path} has no examples");
        for sub in command.get_subcommands() {
            check(sub, &format!("{path} {}", sub.get_name()));
        }
    }
    check(&wickr_cli::command(), "wickr");
}
