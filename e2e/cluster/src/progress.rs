//! Progress on standard error: one line a step, with what it took. Used by the harness and by `cargo xtask`.
#![expect(clippy::disallowed_methods, reason = "reports how long real processes really took")]

use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;

/// Runs one step and says how long it took, or that it failed.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work();
    let mark = if result.is_ok() { "ok" } else { "FAILED" };
    say(&format!("{:>7.1}s  {what}: {mark}", start.elapsed().as_secs_f64()));
    result
}

/// A step that happens once and takes long: says so, and why, before it begins.
pub fn once<T>(what: &str, why: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("          {what} begins: {why}; happens once"));
    step(what, work)
}

/// Says one thing. A closed standard error is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
