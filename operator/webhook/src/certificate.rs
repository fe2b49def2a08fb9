//! The webhook's certificate as it lies in its Secret, and what is due about it. All replicas serve the same one, and
//! the API server trusts exactly what `Kept::trusted` gives.
//!
//! A certificate vouches for itself, so a new one must be trusted before it is served: `next` is made, then trusted,
//! and takes its turn after `OVERLAP`; the one before stays trusted until the turn after.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use wickr_base::{Rng, UnixMillis};
use wickr_pki::{
    CertificateDer, Description, KeyMaterial, PkiError, SKEW, certificates_from_pem, certificates_to_pem,
    describe, issue_self_signed_tls,
};

/// How long a certificate lives. The next one is made when a third of that is left.
pub const LIFE: Duration = Duration::from_hours(90 * 24);
/// How long a next certificate is trusted before any replica serves it: every API server and replica has looked by then.
pub const OVERLAP: Duration = Duration::from_mins(10);

/// Keys of the Secret.
const CURRENT: (&str, &str) = ("tls.crt", "tls.key");
const NEXT: (&str, &str) = ("next.crt", "next.key");
const PREVIOUS: &str = "previous.crt";

/// Data of the Secret. A key that is `None` is taken away.
pub type Data = BTreeMap<&'static str, Option<Vec<u8>>>;

/// What lies in the Secret.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What every replica serves.
    pub current: KeyMaterial,
    /// What takes its turn next.
    pub next: Option<KeyMaterial>,
    /// What was served before.
    pub previous: Option<CertificateDer<'static>>,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// A certificate, to be served at once: there is none that serves.
    Begin(Why),
    /// A next certificate, to be trusted before it is served.
    Prepare(Why),
    /// The next certificate takes its turn.
    Turn,
}

/// Why a certificate is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none, or what lies there can't be read.
    Unreadable(String),
    /// It is for another name.
    Name(String),
    /// It has ended.
    Ended(UnixMillis),
    /// It begins only then: a clock was ahead.
    Early(UnixMillis),
    /// A third of its life or less is left.
    Ending(UnixMillis),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => f.write_str(why),
            Self::Name(host) => write!(f, "it is not for \"{host}\""),
            Self::Ended(at) => write!(f, "it ended at {at}"),
            Self::Early(at) => write!(f, "it begins only at {at}: it was made by a clock that was ahead"),
            Self::Ending(at) => write!(f, "it ends at {at}"),
        }
    }
}

impl Kept {
    /// Reads a Secret's data.
    pub fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, PkiError> {
        let part = |key: &str| data.get(key).map(Vec::as_slice);
        let pair = |(certificate, key): (&str, &str)| {
            part(certificate).zip(part(key)).map(|(certificate, key)| KeyMaterial::from_pem(certificate, key))
        };
        let none = || PkiError::Pem(format!("there is no {} with {}", CURRENT.0, CURRENT.1));
        let previous = part(PREVIOUS).map(|pem| Ok(certificates_from_pem(pem)?.swap_remove(0)));
        Ok(Self {
            current: pair(CURRENT).ok_or_else(none)??,
            next: pair(NEXT).transpose()?,
            previous: previous.transpose()?,
        })
    }

    /// The Secret's data.
    pub fn data(&self) -> Data {
        let certificate = |material: &KeyMaterial| material.certificate_pem().into_bytes();
        let key = |material: &KeyMaterial| material.key_pem().expose().clone().into_bytes();
        BTreeMap::from([
            (CURRENT.0, Some(certificate(&self.current))),
            (CURRENT.1, Some(key(&self.current))),
            (NEXT.0, self.next.as_ref().map(certificate)),
            (NEXT.1, self.next.as_ref().map(key)),
            (
                PREVIOUS,
                self.previous.as_ref().map(|der| certificates_to_pem(std::slice::from_ref(der)).into_bytes()),
            ),
        ])
    }

    /// What the API server shall trust, PEM.
    pub fn trusted(&self) -> String {
        let next = self.next.as_ref().map(|next| next.certificate.clone());
        let all = [Some(self.current.certificate.clone()), next, self.previous.clone()];
        certificates_to_pem(&all.into_iter().flatten().collect::<Vec<_>>())
    }

    /// What is due, when the API server trusts `trusted` (PEM).
    pub fn due(&self, trusted: &[u8], host: &str, now: UnixMillis) -> Step {
        let unfit = unfit(&self.current, host, now);
        match (&self.next, unfit) {
            (Some(next), unfit) => {
                if let Some(why) = self::unfit(next, host, now) {
                    return unfit.map_or(Step::Prepare(why), Step::Begin);
                }
                let waited = describe(&next.certificate).map(|about| now.since(about.not_before));
                let waited = waited.is_ok_and(|age| age >= OVERLAP + SKEW) && is_trusted(next, trusted);
                if waited || unfit.is_some() { Step::Turn } else { Step::Nothing }
            }
            (None, Some(why)) => Step::Begin(why),
            (None, None) => ending(&self.current, now).map_or(Step::Nothing, Step::Prepare),
        }
    }

    /// A certificate where there was none that serves; `before` stays trusted, for replicas that serve it still.
    pub fn begin(
        before: Option<&Self>,
        host: &str,
        rng: &dyn Rng,
        now: UnixMillis,
    ) -> Result<Self, PkiError> {
        Ok(Self {
            current: issue_self_signed_tls(host, rng, now, LIFE)?,
            next: None,
            previous: before.map(|before| before.current.certificate.clone()),
        })
    }

    /// The same with a next certificate. What was served before the current one is forgotten.
    pub fn prepare(&self, host: &str, rng: &dyn Rng, now: UnixMillis) -> Result<Self, PkiError> {
        let next = Some(issue_self_signed_tls(host, rng, now, LIFE)?);
        Ok(Self { current: self.current.clone(), next, previous: None })
    }

    /// The next one takes its turn, if there is one.
    #[must_use]
    pub fn turn(self) -> Self {
        match self.next {
            Some(next) => Self { current: next, next: None, previous: Some(self.current.certificate) },
            None => self,
        }
    }
}

/// When a certificate ends.
pub fn end(material: &KeyMaterial) -> Result<UnixMillis, PkiError> {
    describe(&material.certificate).map(|about| about.not_after)
}

/// Why a certificate can't be served.
fn unfit(material: &KeyMaterial, host: &str, now: UnixMillis) -> Option<Why> {
    match describe(&material.certificate) {
        Err(error) => Some(Why::Unreadable(error.to_string())),
        Ok(about) if !names(&about, host) => Some(Why::Name(host.to_owned())),
        Ok(about) if now >= about.not_after => Some(Why::Ended(about.not_after)),
        Ok(about) if now < about.not_before => Some(Why::Early(about.not_before)),
        Ok(_) => None,
    }
}

fn names(about: &Description, host: &str) -> bool {
    about.dns.iter().any(|name| name == host) || about.addresses.iter().any(|at| at.to_string() == host)
}

fn ending(material: &KeyMaterial, now: UnixMillis) -> Option<Why> {
    let about = describe(&material.certificate).ok()?;
    let near = about.not_after.since(now) <= about.not_after.since(about.not_before) / 3;
    near.then_some(Why::Ending(about.not_after))
}

fn is_trusted(material: &KeyMaterial, trusted: &[u8]) -> bool {
    certificates_from_pem(trusted).is_ok_and(|all| all.contains(&material.certificate))
}
