//! Progress on standard error: one line a step, with what it took, and one now and then while a step takes long.
#![expect(clippy::disallowed_methods, reason = "reports how long real processes really took")]

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// After this time people begin to wonder.
const LONG: Duration = Duration::from_secs(5);
/// And from then on as often as this.
const AGAIN: Duration = Duration::from_mins(1);

/// Runs one step and says how long it took, or that it failed. One that takes long is named meanwhile.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let (done, told) = channel::<()>();
    let name = what.to_owned();
    let teller = thread::spawn(move || {
        let mut patience = LONG;
        while let Err(RecvTimeoutError::Timeout) = told.recv_timeout(patience) {
            say(&format!("{:>7.0}s  {name} ...", start.elapsed().as_secs_f64()));
            patience = AGAIN;
        }
    });
    let result = work();
    drop(done);
    let _ended = teller.join();
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
