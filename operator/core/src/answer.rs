//! What relay and sso say on their admin port, as far as the operator uses it; further members are ignored.

use serde::{Deserialize, Deserializer, Serialize};
use wickr_base::UnixMillis;

use crate::Role;

/// `GET /status` of a relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayAnswer {
    /// Number of the network document in force there; 0 before the first.
    #[serde(default, deserialize_with = "none_is_zero")]
    pub document: u64,
    /// The record that is written, synced and read back every 10 s.
    pub canary: Check,
    /// Hearing of revocations from sso; while that fails it lets nobody new in.
    #[serde(default)]
    pub changes: Option<Check>,
    /// Its volume.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// The certificates in use there.
    #[serde(default)]
    pub certificates: CertificatesAnswer,
}

/// `GET /status` of sso.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SsoAnswer {
    /// Number of the network document in force there; 0 before the first.
    #[serde(default, deserialize_with = "none_is_zero")]
    pub document: u64,
    /// A record that is written every 30 s.
    #[serde(default)]
    pub store: Option<Check>,
    /// The identity provider in use.
    #[serde(default)]
    pub provider: ProviderAnswer,
    /// A certificate issued and verified as a test, every 30 s.
    pub certificate: Check,
    /// People in the directory, when it can tell.
    #[serde(default)]
    pub users: Option<i64>,
    /// Its volume.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// The key of the issuer that signs for devices there, as in `CertificatesAnswer`.
    #[serde(default)]
    pub device_issuer: Option<String>,
    /// The certificates in use there.
    #[serde(default)]
    pub certificates: CertificatesAnswer,
}

/// `certificates` in a service's status: keys, as `sha256:HEX` of their `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesAnswer {
    /// What it shows to clients.
    #[serde(default)]
    pub public: Option<String>,
    /// What it shows to the operator and other services.
    #[serde(default)]
    pub workload: Option<String>,
    /// The issuers of workloads that it trusts.
    #[serde(default)]
    pub trusts: Vec<String>,
}

/// `provider` in sso's status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderAnswer {
    /// The provider in use.
    #[serde(default)]
    pub active: Option<ProviderInUse>,
    /// The one before.
    #[serde(default)]
    pub previous: Option<ProviderInUse>,
    /// Fetching the provider's discovery document, every 30 s.
    #[serde(default)]
    pub discovery: Option<Check>,
    /// Fetching the provider's keys.
    #[serde(default)]
    pub keys: Option<Check>,
    /// What the token endpoint said last of our client id and secret; never tried is neither ok nor an error.
    #[serde(default)]
    pub client: Option<Check>,
    /// Whether the last ID token held; none yet since sso started is neither ok nor an error.
    #[serde(default)]
    pub id_tokens: Option<Check>,
    /// How far the provider's clock is from sso's, in milliseconds.
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
}

/// A provider as sso uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderInUse {
    /// Its issuer.
    pub issuer: String,
    /// The client there.
    pub client_id: String,
    /// The operator's fingerprint of the settings.
    pub generation: String,
    /// Since when.
    #[serde(default, with = "wickr_base::rfc3339::option")]
    pub since: Option<UnixMillis>,
}

/// Something that a service tries again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Whether the last try worked.
    pub ok: bool,
    /// When that was.
    #[serde(default, with = "wickr_base::rfc3339::option")]
    pub at: Option<UnixMillis>,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<String>,
    /// The code of the problem, where the service tells it (docs/reference/problems.md).
    #[serde(default)]
    pub code: Option<String>,
}

/// The problem code of a store without space.
pub const STORAGE_FULL: &str = "storage-full";

/// A volume's figures, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// What can still be written.
    pub free: u64,
    /// What there is.
    pub total: u64,
}

/// The public listener, asked through its Service with the right name, its chain checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAnswer {
    /// Number of the network document that it serves.
    pub document: u64,
}

/// The answer to `POST /rehearse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsalAnswer {
    /// Whether every check passed.
    pub passed: bool,
    /// Whether it is in use now.
    pub adopted: bool,
    /// The checks, in their order.
    #[serde(default)]
    pub checks: Vec<RehearsalCheck>,
}

/// One check of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsalCheck {
    /// Discovery, IssuerMatch, Keys, Algorithms, ClockSkew, Certificates or DeviceGrant.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// Whether it was made at all; not, when something before it failed.
    #[serde(default = "yes")]
    pub tried: bool,
    /// What was found.
    #[serde(default)]
    pub detail: String,
}

fn yes() -> bool {
    true
}

/// A service that holds no document says null.
fn none_is_zero<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// How a service stands with its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// There is enough.
    Enough,
    /// Twice what the service keeps free, or less.
    Scarce,
    /// So little that the service takes in nothing new.
    None,
}

impl Disk {
    /// The room that a service has there. The relay keeps an eighth free, at least 16 MiB and at most 256, to merge its
    /// files; sso, which writes little, a fiftieth and at least 16 MiB.
    pub fn room(&self, role: Role) -> Room {
        const MEBIBYTE: u64 = 1 << 20;
        let kept = match role {
            Role::Relay => (self.total / 8).clamp(16 * MEBIBYTE, 256 * MEBIBYTE),
            Role::Sso => (self.total / 50).max(16 * MEBIBYTE),
        };
        if self.free < kept {
            Room::None
        } else if self.free < 2 * kept {
            Room::Scarce
        } else {
            Room::Enough
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_document_has_number_zero_and_can_be_sent_one() {
        let answer: RelayAnswer =
            serde_json::from_str(r#"{"document":null,"canary":{"ok":true,"at":null,"error":null}}"#).unwrap();
        assert_eq!(answer.document, 0);
    }

    #[test]
    fn a_relay_tells_whether_it_hears_of_revocations_and_which_problem_its_store_has() {
        let said = r#"{"document":1,"canary":{"ok":false,"at":null,"error":"no space","code":"storage-full"},
            "changes":{"ok":false,"at":"2026-01-02T00:00:00Z","error":"sso has not answered","applied":7}}"#;
        let answer: RelayAnswer = serde_json::from_str(said).unwrap();
        assert_eq!(answer.canary.code.as_deref(), Some(STORAGE_FULL));
        assert_eq!(answer.changes.unwrap().error.as_deref(), Some("sso has not answered"));
    }

    #[test]
    fn an_sso_whose_store_is_full_is_understood_though_it_can_tell_of_nobody() {
        let said = r#"{"document":1,"certificate":{"ok":true,"at":null,"tried_at":null,"error":null},"users":null,
            "devices":null,"store":{"ok":false,"at":null,"tried_at":"2026-01-02T00:00:00Z","error":"it is full"},
            "provider":{"active":null,"previous":null,
                "client":{"ok":false,"at":null,"tried_at":null,"error":null}},"disk":null}"#;
        let answer: SsoAnswer = serde_json::from_str(said).unwrap();
        assert_eq!((answer.users, answer.store.unwrap().error.as_deref()), (None, Some("it is full")));
        assert_eq!(answer.provider.client.unwrap().error, None);
    }

    #[test]
    fn a_volume_is_nearly_full_before_the_relay_refuses_and_full_when_it_does() {
        let mebibytes = |free: u64, total: u64| Disk { free: free << 20, total: total << 20 };
        let rooms = |disk: Disk| (disk.room(Role::Relay), disk.room(Role::Sso));
        // The relay's reserve of 256 MiB is 32, of 1 GiB 128, of 1 TiB 256.
        assert_eq!(rooms(mebibytes(64, 256)), (Room::Enough, Room::Enough));
        assert_eq!(rooms(mebibytes(63, 256)), (Room::Scarce, Room::Enough));
        assert_eq!(rooms(mebibytes(31, 256)), (Room::None, Room::Scarce));
        assert_eq!(rooms(mebibytes(15, 256)), (Room::None, Room::None));
        assert_eq!(mebibytes(128, 1 << 10).room(Role::Relay), Room::Scarce);
        assert_eq!(mebibytes(127, 1 << 10).room(Role::Relay), Room::None);
        assert_eq!(mebibytes(256, 1 << 20).room(Role::Relay), Room::Scarce);
        assert_eq!(mebibytes(255, 1 << 20).room(Role::Relay), Room::None);
    }

    #[test]
    fn the_code_of_a_full_store_is_the_one_in_the_table_of_problems() {
        assert_eq!(STORAGE_FULL, wickr_wire::ProblemCode::StorageFull.as_str());
    }
}
