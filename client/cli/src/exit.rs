//! The exit codes; their meaning stands in the help of `wickr` (`args/top.rs`).

use serde::{Deserialize, Serialize};

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exit {
    Failed,
    NotSignedIn,
    Unreachable,
    Refused,
    Kept,
    Profile,
    NotFound,
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::NotSignedIn => 3,
            Self::Unreachable => 4,
            Self::Refused => 5,
            Self::Kept => 6,
            Self::Profile => 7,
            Self::NotFound => 8,
            Self::Interrupted => 130,
        }
    }
}
