//! What asking gave: an object by name (`Lookup`), a live service by the poller (`Poll`).

use wickr_base::UnixMillis;

use crate::failure::Explained;

/// What reading an object by its name gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// It is not there.
    Missing,
    /// The API server would not say: why, and what to do about it.
    Unreadable(Explained),
}

impl<T> Lookup<T> {
    /// The object, when it is there.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }

    /// The same about something made of the object.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Found(object) => Lookup::Found(make(object)),
            Self::Missing => Lookup::Missing,
            Self::Unreadable(why) => Lookup::Unreadable(why),
        }
    }
}

/// The newest answer of a live service. A failed poll replaces an answer at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Poll<T> {
    /// Nobody has asked yet.
    #[default]
    Never,
    /// The last time it didn't answer, or not as it should.
    Failed {
        /// When it was asked.
        at: UnixMillis,
        /// What went wrong.
        error: String,
    },
    /// It answered.
    Answered {
        /// When it was asked.
        at: UnixMillis,
        /// What it said.
        answer: T,
    },
}

impl<T> Poll<T> {
    /// The answer, when the last poll got one.
    pub fn answer(&self) -> Option<&T> {
        match self {
            Self::Answered { answer, .. } => Some(answer),
            Self::Never | Self::Failed { .. } => None,
        }
    }
}
