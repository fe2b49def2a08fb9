//! The one table of problem codes: stable name, HTTP status, title. Docs and metrics are made from it.

use std::fmt;

/// A problem detail (RFC 9457): `type` is `urn:wickr:problem:<code>`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// `urn:wickr:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable code alone.
    pub code: String,
    /// One short sentence, the same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For a person: where, why, what to do next.
    pub detail: String,
}

impl Problem {
    /// A problem of that code.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:wickr:problem:{code}"),
            code: code.as_str().to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
        }
    }
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// Why something was refused; stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* #[doc = $title] $name,)*
        }

        impl ProblemCode {
            /// Every code, for docs and for metrics that start at zero.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it is sent with (RFC 9110 section 15).
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One short sentence, the same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Reads a code back; `None` for one that this version doesn't know.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

problems! {
    Malformed = "malformed", 400, "The request can't be read.";
    TooLarge = "too-large", 413, "The request is larger than the limit.";
    TooMany = "too-many", 429, "Too many requests in a short time.";
    Busy = "busy", 503, "The service can't take more work at this moment.";
    Unauthenticated = "unauthenticated", 401, "No valid session.";
    SessionExpired = "session-expired", 401, "The session token has expired.";
    DeviceRevoked = "device-revoked", 403, "This device has been revoked.";
    Forbidden = "forbidden", 403, "The caller may not do this.";
    NotFound = "not-found", 404, "There is no such thing, or the caller may not know of it.";
    AlreadyExists = "already-exists", 409, "It exists already.";
    NotAMember = "not-a-member", 403, "The device is not a member of the room.";
    StaleEpoch = "stale-epoch", 409, "The room has moved on to another epoch.";
    StaleGeneration = "stale-generation", 409, "The room has moved on to another generation.";
    CommitRefused = "commit-refused", 422, "The commit breaks a rule of the room or the network.";
    RoomFull = "room-full", 409, "The room has as many people as it may have.";
    PendingRemoval = "pending-removal", 409, "A removal waits and must be part of the next commit.";
    HandshakeEncrypted = "handshake-encrypted", 422, "Handshakes must be public messages.";
    KeyPackageRefused = "key-package-refused", 422, "The key package is not valid for this device.";
    NoKeyPackages = "no-key-packages", 404, "The user has no device with a key package to give.";
    OldStore = "old-store", 409, "The device's store is a copy of an earlier time.";
    Expired = "expired", 410, "The deadline has passed.";
    Draining = "draining", 503, "The service is shutting down; connect again.";
    StorageFull = "storage-full", 507, "The store has no space left.";
    SignInPending = "sign-in-pending", 202, "The person has not finished signing in.";
    SignInRefused = "sign-in-refused", 403, "The identity provider refused the sign-in.";
    SignInExpired = "sign-in-expired", 410, "The sign-in was not finished in time.";
    HandleTaken = "handle-taken", 409, "The handle belongs to another account.";
    DeviceLimit = "device-limit", 409, "The person has as many devices as are allowed.";
    NoProvider = "no-provider", 503, "No identity provider is in service.";
    ProviderUnreachable = "provider-unreachable", 503, "The identity provider can't be reached.";
    RehearsalFailed = "rehearsal-failed", 422, "The identity provider did not pass its rehearsal.";
    DocumentRefused = "document-refused", 422, "The network document is not valid, or older than the one in force.";
    Internal = "internal", 500, "Something went wrong inside the service.";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_has_an_http_status() {
        for code in ProblemCode::ALL {
            assert_eq!(ProblemCode::parse(code.as_str()), Some(*code));
            assert!((200..600).contains(&code.status()), "{code}");
        }
    }
}
