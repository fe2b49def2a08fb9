//! Which keys a network has, how each is made and where it lies (which are due now: `plan/keys`; read back: `seen`).

use std::collections::BTreeMap;
use std::time::Duration;

use wickr_base::{MemberUri, SpiffeId};
use wickr_pki::Purpose;

use super::ValidNetwork;
use crate::network::valid::PublicTlsSource;
use crate::{Role, labels};

/// A key's place; each has a Secret of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySlot {
    /// The network's root. Mounted nowhere.
    Root,
    /// Issuer of workload certificates and managed public ones. Mounted nowhere.
    WorkloadIssuer,
    /// Issuer of document signers. Mounted nowhere.
    DocumentIssuer,
    /// Issuer of device certificates; sso has it.
    DeviceIssuer,
    /// The hub's certificate in every room; the relay has it.
    ExternalSender,
    /// Seals what sso stores; sso has it.
    SsoSeal,
    /// Signs network documents. Mounted nowhere.
    DocumentKey,
    /// The operator as a client of admin ports. Mounted nowhere.
    OperatorClient,
    /// A service towards the operator and other services.
    Tls(Role),
    /// The services towards clients, when managed.
    PublicTls,
    /// The issuer that is to follow the one for this purpose, while it is being replaced. Mounted nowhere.
    Next(Purpose),
}

/// How a key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMake {
    /// A self-signed root.
    Root,
    /// An intermediate for one purpose.
    Issuer(Purpose),
    /// A workload certificate with a SPIFFE URI.
    Workload {
        /// Its identity.
        id: SpiffeId,
        /// DNS names besides.
        dns: Vec<String>,
        /// How long it lives.
        lifetime: Duration,
    },
    /// A server certificate for the public hostname.
    PublicTls {
        /// The only name in it.
        hostname: String,
        /// How long it lives.
        lifetime: Duration,
    },
    /// A service that is a member of rooms.
    MemberService {
        /// Its identity.
        uri: MemberUri,
    },
    /// The signer of network documents.
    DocumentSigner,
    /// Random bytes.
    Random {
        /// How many.
        bytes: usize,
    },
}

/// A key that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWanted {
    /// Its place.
    pub slot: KeySlot,
    /// Its Secret.
    pub name: String,
    /// How it is made.
    pub make: KeyMake,
    /// Who signs it; its certificate stands in `ca.crt`. A root signs itself; random bytes are signed by nobody.
    pub signed_by: Option<KeySlot>,
    /// Labels of its Secret.
    pub labels: BTreeMap<String, String>,
}

/// How long workload and managed public certificates live; renewed when a third is left.
pub const WORKLOAD_LIFE: Duration = Duration::from_hours(30 * 24);

/// Key of a Secret's data: certificate, PEM.
pub const CERTIFICATE: &str = "tls.crt";
/// Key of a Secret's data: private key, PEM.
pub const PRIVATE_KEY: &str = "tls.key";
/// Key of a Secret's data: the certificate of who signed it, PEM; in a workload's, all issuers of workloads that it
/// shall trust follow.
pub const ISSUED_BY: &str = "ca.crt";
/// Key of an issuer's data: the certificates of those that it has followed and that are trusted still, PEM.
pub const PREVIOUS: &str = "previous.crt";
/// Key of a Secret's data: random bytes.
pub const SEAL: &str = "seal.key";

impl KeySlot {
    /// All that a network has at all times, signers before what they sign.
    pub const ALL: [Self; 11] = [
        Self::Root,
        Self::WorkloadIssuer,
        Self::DocumentIssuer,
        Self::DeviceIssuer,
        Self::ExternalSender,
        Self::SsoSeal,
        Self::DocumentKey,
        Self::OperatorClient,
        Self::Tls(Role::Sso),
        Self::Tls(Role::Relay),
        Self::PublicTls,
    ];

    /// Those that are there only while an issuer is being replaced (`rotation`).
    pub const NEXT: [Self; 3] =
        [Self::Next(Purpose::Workload), Self::Next(Purpose::Document), Self::Next(Purpose::Device)];

    /// The issuer for a purpose.
    pub fn issuer(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Workload => Self::WorkloadIssuer,
            Purpose::Document => Self::DocumentIssuer,
            Purpose::Device => Self::DeviceIssuer,
        }
    }

    /// What follows the network's name in the Secret's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::WorkloadIssuer => "workload-issuer",
            Self::DocumentIssuer => "document-issuer",
            Self::DeviceIssuer => "device-issuer",
            Self::ExternalSender => "external-sender",
            Self::SsoSeal => "sso-seal",
            Self::DocumentKey => "document-key",
            Self::OperatorClient => "operator-client",
            Self::Tls(Role::Sso) => "tls-sso",
            Self::Tls(Role::Relay) => "tls-relay",
            Self::PublicTls => "public-tls",
            Self::Next(Purpose::Workload) => "workload-issuer-next",
            Self::Next(Purpose::Document) => "document-issuer-next",
            Self::Next(Purpose::Device) => "device-issuer-next",
        }
    }

    /// Whose key signs it; a root signs itself, random bytes are signed by nobody.
    pub fn signer(self) -> Option<Self> {
        match self {
            Self::Root | Self::SsoSeal => None,
            Self::WorkloadIssuer | Self::DocumentIssuer | Self::DeviceIssuer | Self::Next(_) => {
                Some(Self::Root)
            }
            Self::ExternalSender => Some(Self::DeviceIssuer),
            Self::DocumentKey => Some(Self::DocumentIssuer),
            Self::OperatorClient | Self::Tls(_) | Self::PublicTls => Some(Self::WorkloadIssuer),
        }
    }

    /// Whether what people have stored or pinned depends on it: such a key has no owner, outlives the network
    /// and is never made a second time over existing data.
    pub fn is_durable(self) -> bool {
        match self {
            Self::Root
            | Self::WorkloadIssuer
            | Self::DocumentIssuer
            | Self::DeviceIssuer
            | Self::ExternalSender
            | Self::SsoSeal
            | Self::Next(_) => true,
            Self::DocumentKey | Self::OperatorClient | Self::Tls(_) | Self::PublicTls => false,
        }
    }
}

/// Every key of a network, signers before what they sign.
pub fn wanted(network: &ValidNetwork) -> Vec<KeyWanted> {
    KeySlot::ALL.into_iter().filter_map(|slot| key(network, slot)).collect()
}

/// How the key of a slot is made; none when the network has no use for it.
pub(super) fn key(network: &ValidNetwork, slot: KeySlot) -> Option<KeyWanted> {
    let domain = &network.domain;
    let workload = |role: &str, dns: Vec<String>| KeyMake::Workload {
        id: SpiffeId::new(domain.clone(), role),
        dns,
        lifetime: WORKLOAD_LIFE,
    };
    let make = match slot {
        KeySlot::Root => KeyMake::Root,
        KeySlot::WorkloadIssuer => KeyMake::Issuer(Purpose::Workload),
        KeySlot::DocumentIssuer => KeyMake::Issuer(Purpose::Document),
        KeySlot::DeviceIssuer => KeyMake::Issuer(Purpose::Device),
        KeySlot::ExternalSender => {
            let (service, replica) = ("hub".to_owned(), "0".to_owned());
            KeyMake::MemberService { uri: MemberUri::Service { domain: domain.clone(), service, replica } }
        }
        KeySlot::SsoSeal => KeyMake::Random { bytes: 32 },
        KeySlot::DocumentKey => KeyMake::DocumentSigner,
        KeySlot::OperatorClient => workload("operator", Vec::new()),
        KeySlot::Tls(role) => workload(role.name(), network.names.dns(role)),
        KeySlot::Next(purpose) => KeyMake::Issuer(purpose),
        KeySlot::PublicTls => {
            let PublicTlsSource::Managed = network.exposure.tls else { return None };
            let hostname = network.exposure.hostname.clone();
            KeyMake::PublicTls { hostname, lifetime: WORKLOAD_LIFE }
        }
    };
    let signed_by = slot.signer();
    let mut labels = labels::of_network(&network.names.network);
    labels.insert(labels::DOMAIN.to_owned(), domain.to_string());
    Some(KeyWanted { slot, name: network.names.secret(slot), make, signed_by, labels })
}

impl KeyMake {
    /// The URI that stands in the certificate, for kinds that have one.
    pub fn uri(&self, domain: &wickr_base::Domain) -> Option<String> {
        match self {
            Self::Workload { id, .. } => Some(id.to_string()),
            Self::MemberService { uri } => Some(uri.to_string()),
            Self::DocumentSigner => {
                Some(SpiffeId::new(domain.clone(), wickr_pki::DOCUMENT_SIGNER).to_string())
            }
            Self::Root | Self::Issuer(_) | Self::PublicTls { .. } | Self::Random { .. } => None,
        }
    }

    /// The DNS names that stand in the certificate.
    pub fn dns(&self) -> Vec<String> {
        match self {
            Self::Workload { dns, .. } => dns.clone(),
            Self::PublicTls { hostname, .. } => vec![hostname.clone()],
            Self::Root
            | Self::Issuer(_)
            | Self::MemberService { .. }
            | Self::DocumentSigner
            | Self::Random { .. } => Vec::new(),
        }
    }
}
