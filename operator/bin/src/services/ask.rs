//! The poller's question: status from an admin port, the document from a public one; and what of an answer is news.

use std::sync::Arc;

use http::Method;
use wickr_base::UnixMillis;
use wickr_operator_core::{Check, Disk, PublicAnswer, RelayAnswer, Role, Room, SsoAnswer};
use wickr_operator_kube::{Ask, TIMEOUT};
use wickr_pki::trust::{WELL_KNOWN, read_document};

use super::{Call, Contacts, Question, Target};

/// What a service said.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A relay's status.
    Relay(Box<RelayAnswer>),
    /// The status of sso.
    Sso(Box<SsoAnswer>),
    /// A public listener.
    Public(PublicAnswer),
}

/// Asks the services of every network.
#[derive(Debug)]
pub struct Services {
    contacts: Arc<Contacts>,
}

impl Services {
    /// With the credentials that the passes keep in `contacts`.
    pub fn new(contacts: Arc<Contacts>) -> Self {
        Self { contacts }
    }
}

impl Ask for Services {
    type Target = Target;
    type Answer = Answer;

    async fn ask(&self, target: &Target) -> Result<Answer, String> {
        let contact = self.contacts.get(&target.network).ok_or("the network's keys are not there")?;
        let (tls, name, path) = match &target.question {
            Question::Status(id) => (contact.admin(id), target.host.as_str(), "/status"),
            Question::Document(hostname) => (contact.public(), hostname.as_str(), WELL_KNOWN),
        };
        let call = Call {
            host: &target.host,
            port: target.port,
            name,
            tls: tls.map_err(|error| error.to_string())?,
            method: Method::GET,
            path,
            body: Vec::new(),
            within: TIMEOUT,
        };
        let body = call.make().await.map_err(|error| error.to_string())?;
        let unreadable = |error: serde_json::Error| format!("{}:{}: {error}", target.host, target.port);
        match (&target.question, target.role) {
            (Question::Status(_), Role::Relay) => serde_json::from_slice(&body)
                .map(|answer| Answer::Relay(Box::new(answer)))
                .map_err(unreadable),
            (Question::Status(_), Role::Sso) => {
                serde_json::from_slice(&body).map(|answer| Answer::Sso(Box::new(answer))).map_err(unreadable)
            }
            (Question::Document(_), _) => {
                let trusted = read_document(&body, &[contact.root()], contact.clock().now());
                let trusted = trusted.map_err(|error| format!("{}: {error}", target.host))?;
                Ok(Answer::Public(PublicAnswer { document: trusted.document.number }))
            }
        }
    }

    fn is_news(&self, before: &Answer, after: &Answer) -> bool {
        match (before, after) {
            (Answer::Relay(before), Answer::Relay(after)) => {
                let fixed = |answer: &RelayAnswer| RelayAnswer {
                    canary: timeless(&answer.canary),
                    changes: answer.changes.as_ref().map(timeless),
                    disk: None,
                    ..answer.clone()
                };
                fixed(before) != fixed(after)
                    || room(before.disk, Role::Relay) != room(after.disk, Role::Relay)
                    || stands_still(&before.canary, &after.canary)
            }
            (Answer::Sso(before), Answer::Sso(after)) => {
                fixed(before) != fixed(after)
                    || room(before.disk, Role::Sso) != room(after.disk, Role::Sso)
                    || signs(before).zip(signs(after)).any(|(before, after)| stands_still(before, after))
            }
            (before, after) => before != after,
        }
    }
}

/// Figures that move all the time are no news.
fn fixed(answer: &SsoAnswer) -> SsoAnswer {
    let mut out = SsoAnswer { certificate: timeless(&answer.certificate), disk: None, ..answer.clone() };
    out.provider.discovery = out.provider.discovery.as_ref().map(timeless);
    out.provider.keys = out.provider.keys.as_ref().map(timeless);
    out.provider.client = out.provider.client.as_ref().map(timeless);
    out.provider.id_tokens = out.provider.id_tokens.as_ref().map(timeless);
    out.store = out.store.as_ref().map(timeless);
    // Told in whole seconds.
    out.provider.clock_skew_ms = out.provider.clock_skew_ms.map(|skew| skew / 1000);
    out
}

fn signs(answer: &SsoAnswer) -> impl Iterator<Item = &Check> {
    let provider = [answer.provider.discovery.as_ref(), answer.provider.keys.as_ref()];
    std::iter::once(&answer.certificate).chain(provider.into_iter().flatten())
}

fn timeless(check: &Check) -> Check {
    Check { at: None, ..check.clone() }
}

fn room(disk: Option<Disk>, role: Role) -> Option<Room> {
    disk.map(|disk| disk.room(role))
}

/// A sign of life that should have come again and has not: it is about to be too old.
fn stands_still(before: &Check, after: &Check) -> bool {
    after.ok && before.at == after.at
}

impl Answer {
    /// The oldest sign of life in it.
    pub fn oldest_sign(&self) -> Option<UnixMillis> {
        match self {
            Self::Relay(answer) => answer.canary.at,
            Self::Sso(answer) => signs(answer).filter_map(|check| check.at).min(),
            Self::Public(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_operator_core::CertificatesAnswer;

    fn relay(at: i64, ok: bool) -> Answer {
        let canary = Check { ok, at: Some(UnixMillis(at)), ..Check::default() };
        Answer::Relay(Box::new(RelayAnswer {
            document: 1,
            canary,
            changes: None,
            disk: None,
            certificates: CertificatesAnswer::default(),
        }))
    }

    #[test]
    fn a_canary_that_goes_on_is_no_news_and_one_that_stands_still_is() {
        let services = Services::new(Arc::default());
        assert!(!services.is_news(&relay(1, true), &relay(2, true)));
        assert!(services.is_news(&relay(2, true), &relay(2, true)));
        assert!(services.is_news(&relay(2, true), &relay(3, false)));
    }

    #[test]
    fn a_relay_that_hears_no_more_of_revocations_is_news() {
        let hears = |at, hears| match relay(at, true) {
            Answer::Relay(answer) => {
                let changes = Some(Check { ok: hears, at: Some(UnixMillis(at)), ..Check::default() });
                Answer::Relay(Box::new(RelayAnswer { changes, ..*answer }))
            }
            other => other,
        };
        let services = Services::new(Arc::default());
        assert!(!services.is_news(&hears(1, true), &hears(2, true)));
        assert!(services.is_news(&hears(1, true), &hears(2, false)));
    }
}
