//! Events: the closed list of reasons, and an event before it is published (by `operator/kube`).

/// An event to be published about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventWanted {
    /// Which of the closed list it is.
    pub reason: EventReason,
    /// For people.
    pub note: String,
    /// The driver publishes a key once per object and process.
    pub key: String,
}

/// The closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventReason {
    /// The spec, or what it points at, is wrong.
    Refused,
    /// The object became Ready.
    Ready,
    /// The object is not Ready any more.
    NotReady,
    /// Something has been waited for longer than 30 s.
    Holding,
    /// Keys were made for the first time.
    KeysMade,
    /// A key was renewed.
    KeyRenewed,
    /// A certificate ends soon and is not renewed by itself.
    KeyEnding,
    /// A network document was signed.
    DocumentSigned,
    /// The operator lacks a right.
    Forbidden,
    /// A step failed again and again.
    Failed,
    /// A provider passed its rehearsal.
    RehearsalPassed,
    /// A provider failed its rehearsal; the last good one stays.
    RehearsalFailed,
    /// A provider went live.
    ProviderActivated,
    /// Data and keys were deleted with their network.
    DataRemoved,
}

impl EventReason {
    /// All of them, for metrics and docs.
    pub const ALL: [Self; 14] = [
        Self::Refused,
        Self::Ready,
        Self::NotReady,
        Self::Holding,
        Self::KeysMade,
        Self::KeyRenewed,
        Self::KeyEnding,
        Self::DocumentSigned,
        Self::Forbidden,
        Self::Failed,
        Self::RehearsalPassed,
        Self::RehearsalFailed,
        Self::ProviderActivated,
        Self::DataRemoved,
    ];

    /// As it stands in the event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
            Self::Holding => "Holding",
            Self::KeysMade => "KeysMade",
            Self::KeyRenewed => "KeyRenewed",
            Self::KeyEnding => "KeyEnding",
            Self::DocumentSigned => "DocumentSigned",
            Self::Forbidden => "Forbidden",
            Self::Failed => "Failed",
            Self::RehearsalPassed => "RehearsalPassed",
            Self::RehearsalFailed => "RehearsalFailed",
            Self::ProviderActivated => "ProviderActivated",
            Self::DataRemoved => "DataRemoved",
        }
    }

    /// What was being done, `action` of the event.
    pub fn action(self) -> &'static str {
        match self {
            Self::Refused => "Validate",
            Self::Ready | Self::NotReady | Self::KeyEnding => "Report",
            Self::Holding => "Plan",
            Self::KeysMade | Self::KeyRenewed | Self::DocumentSigned => "Issue",
            Self::Forbidden | Self::Failed => "Apply",
            Self::RehearsalPassed | Self::RehearsalFailed | Self::ProviderActivated => "Rehearse",
            Self::DataRemoved => "Remove",
        }
    }

    /// Whether it is a warning.
    pub fn is_warning(self) -> bool {
        match self {
            Self::Refused
            | Self::NotReady
            | Self::Holding
            | Self::KeyEnding
            | Self::Forbidden
            | Self::Failed
            | Self::RehearsalFailed => true,
            Self::Ready
            | Self::KeysMade
            | Self::KeyRenewed
            | Self::DocumentSigned
            | Self::RehearsalPassed
            | Self::ProviderActivated
            | Self::DataRemoved => false,
        }
    }
}

impl EventWanted {
    /// Of `reason`, once per `note`.
    pub fn new(reason: EventReason, note: impl Into<String>) -> Self {
        let note: String = note.into();
        let note: String = note.chars().take(1000).collect();
        Self { reason, key: format!("{}/{note}", reason.as_str()), note }
    }
}
