//! Writing answers out: standard output for what was asked for, standard error for everything else; flushed each time.

use std::io::{self, Write};

use super::Answer;
use super::text::text;
use crate::failure::Failure;

/// Text as it is, on standard output, at once.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Where answers go and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) json: bool,
}

impl Screen {
    /// Shows one answer. An error when nobody reads any more.
    pub(crate) fn show(self, answer: &Answer) -> io::Result<()> {
        if let Answer::Note(note) = answer {
            return self.note(note);
        }
        let line = if self.json { answer.json().map(|line| line + "\n") } else { Some(text(answer)) };
        print(&line.unwrap_or_default())
    }

    /// Beside the answer, for a person.
    pub(crate) fn note(self, note: &str) -> io::Result<()> {
        if self.json {
            return writeln!(io::stderr().lock(), "{}", serde_json::json!({ "note": note }));
        }
        writeln!(io::stderr().lock(), "{note}")
    }

    /// Why it came to nothing.
    pub(crate) fn failure(self, failure: &Failure) {
        let text =
            if self.json { serde_json::json!({ "error": failure }).to_string() } else { failure.to_string() };
        // When standard error is closed too, the exit code alone has to say it.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
