//! What a plan waits for, and why (what is wrong with a spec: `finding`).

use std::fmt;

/// Something that is not done now, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which of the closed list it is.
    pub reason: HoldReason,
    /// The object that it is about, like `Secret hq/hq-root`.
    pub object: String,
    /// The field of the spec that leads to it, when there is one.
    pub path: Option<&'static str>,
    /// What is waited for, and why.
    pub message: String,
    /// What to do about it, or that nothing need be done.
    pub next: String,
}

/// The closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HoldReason {
    /// `spec.paused` is set.
    Paused,
    /// Keys are being made; what needs them comes in the next pass.
    KeysBeingMade,
    /// A key that the data was written under is gone.
    KeyLost,
    /// A key is there and can't be read.
    KeyUnreadable,
    /// A key doesn't belong to the others.
    KeyMismatch,
    /// A key that is not renewed by itself has ended.
    KeyExpired,
    /// A key that is not renewed by itself was made by a clock that was ahead.
    KeyNotYetValid,
    /// A key is being replaced while the network runs.
    KeyRotating,
    /// An object of that name belongs to somebody else.
    NameTaken,
    /// The storage class is not there.
    StorageClassMissing,
    /// The storage class doesn't let volumes grow.
    StorageCannotGrow,
    /// A volume is being made or enlarged.
    StorageResizing,
    /// Another role is being changed.
    RollingRole,
    /// A service has an older document.
    DocumentSpreading,
    /// A rehearsal is running, or is tried again later.
    Rehearsing,
    /// The network isn't far enough.
    NetworkNotReady,
    /// Objects are being deleted.
    Removing,
}

impl HoldReason {
    /// All of them, for metrics.
    pub const ALL: [Self; 17] = [
        Self::Paused,
        Self::KeysBeingMade,
        Self::KeyLost,
        Self::KeyUnreadable,
        Self::KeyMismatch,
        Self::KeyExpired,
        Self::KeyNotYetValid,
        Self::KeyRotating,
        Self::NameTaken,
        Self::StorageClassMissing,
        Self::StorageCannotGrow,
        Self::StorageResizing,
        Self::RollingRole,
        Self::DocumentSpreading,
        Self::Rehearsing,
        Self::NetworkNotReady,
        Self::Removing,
    ];

    /// As it stands in status, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "Paused",
            Self::KeysBeingMade => "KeysBeingMade",
            Self::KeyLost => "KeyLost",
            Self::KeyUnreadable => "KeyUnreadable",
            Self::KeyMismatch => "KeyMismatch",
            Self::KeyExpired => "KeyExpired",
            Self::KeyNotYetValid => "KeyNotYetValid",
            Self::KeyRotating => "KeyRotating",
            Self::NameTaken => "NameTaken",
            Self::StorageClassMissing => "StorageClassMissing",
            Self::StorageCannotGrow => "StorageCannotGrow",
            Self::StorageResizing => "StorageResizing",
            Self::RollingRole => "RollingRole",
            Self::DocumentSpreading => "DocumentSpreading",
            Self::Rehearsing => "Rehearsing",
            Self::NetworkNotReady => "NetworkNotReady",
            Self::Removing => "Removing",
        }
    }
}

impl HoldReason {
    /// Whether a key is missing, or can't be relied on.
    pub(crate) fn is_about_keys(self) -> bool {
        matches!(
            self,
            Self::KeysBeingMade
                | Self::KeyLost
                | Self::KeyUnreadable
                | Self::KeyMismatch
                | Self::KeyExpired
                | Self::KeyNotYetValid
        )
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        if let Some(path) = self.path {
            write!(f, "{path}: ")?;
        }
        write!(f, "{}. Next: {}.", self.message, self.next)
    }
}
