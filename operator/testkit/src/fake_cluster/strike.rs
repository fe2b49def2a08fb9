//! One request out of all of them goes wrong, by its number (standing faults: `fault`).

use std::io;

/// What happens to the request that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// Answered with this HTTP status; nothing is done.
    Refused(u16),
    /// A watch that begins and says at once that its version is too old (410 in the stream); any other request is
    /// refused with 410.
    Expired,
    /// The connection is gone before the request is done.
    CutBefore,
    /// It is done, and the connection is gone before the answer.
    CutAfter,
    /// It is done, and the client has waited long enough.
    TimedOut,
}

impl Hit {
    /// All that an API server or the way to it does.
    pub const ALL: [Self; 9] = [
        Self::Refused(409),
        Self::Refused(410),
        Self::Refused(429),
        Self::Refused(500),
        Self::Refused(503),
        Self::Expired,
        Self::CutBefore,
        Self::CutAfter,
        Self::TimedOut,
    ];

    /// The HTTP status of the answer, where that is all that happens.
    pub(super) fn code(self) -> Option<u16> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Expired => Some(410),
            Self::CutBefore | Self::CutAfter | Self::TimedOut => None,
        }
    }

    /// Whether the request is done all the same.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::CutAfter | Self::TimedOut)
    }

    /// What the client sees instead of an answer.
    pub(super) fn error(self) -> Option<io::Error> {
        match self {
            Self::CutBefore | Self::CutAfter => Some(io::ErrorKind::ConnectionReset.into()),
            Self::TimedOut => Some(io::ErrorKind::TimedOut.into()),
            Self::Refused(_) | Self::Expired => None,
        }
    }
}

/// How many requests there were, and which one is to be struck.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    asked: u64,
    next: Option<(u64, Hit)>,
    pub(super) struck: Option<String>,
}

impl Strikes {
    /// The request of that number from now on, the first being 0.
    pub(super) fn plan(&mut self, number: u64, hit: Hit) {
        (self.asked, self.next, self.struck) = (0, Some((number, hit)), None);
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Counts a request; what happens to it.
    pub(super) fn count(&mut self, request: impl FnOnce() -> String) -> Option<Hit> {
        let number = self.asked;
        self.asked += 1;
        let (_, hit) = self.next.filter(|(at, _)| *at == number)?;
        self.struck = Some(request());
        Some(hit)
    }
}
