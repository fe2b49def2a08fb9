//! What core knows of an effect that failed: its class and words, never a client's error (that is `operator/kube`).

use std::fmt;

/// What follows from a failure. Exhaustively matched wherever it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// Somebody says no and will go on saying it: await a change.
    Refused,
    /// Something is waited for: look again.
    Holding,
    /// It passes by itself: per-object exponential backoff.
    Transient,
    /// The operator lacks a right, or a kind is not served.
    Forbidden,
    /// Cannot happen: a counter alerts.
    Bug,
}

/// An effect that failed, as a person should read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Its class.
    pub class: FailureClass,
    /// The object concerned, like `Secret hq/hq-root`, with the verb: `create Secret hq/hq-root`.
    pub attempted: String,
    /// What the other side said.
    pub message: String,
    /// What to do about it.
    pub next: String,
    /// How many passes in a row have failed so, this one included.
    pub attempts: u32,
}

impl FailureClass {
    /// As it stands in conditions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Holding => "Holding",
            Self::Transient => "Transient",
            Self::Forbidden => "Forbidden",
            Self::Bug => "Bug",
        }
    }
}

impl Explained {
    /// The reason of a condition that it makes False, or Degraded.
    pub fn reason(&self) -> &'static str {
        match self.class {
            FailureClass::Refused => "ApplyRefused",
            FailureClass::Forbidden => "Forbidden",
            FailureClass::Transient | FailureClass::Holding => "Retrying",
            FailureClass::Bug => "Bug",
        }
    }

    /// Whether it is more than a hiccup: transient failures count from the third in a row.
    pub fn is_worth_telling(&self) -> bool {
        match self.class {
            FailureClass::Transient | FailureClass::Holding => self.attempts >= 3,
            FailureClass::Refused | FailureClass::Forbidden | FailureClass::Bug => true,
        }
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. Next: {}.", self.attempted, self.message, self.next)
    }
}
