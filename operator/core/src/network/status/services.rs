//! RelayReady and SsoReady: what the services say of themselves, else why they can't say it.

use std::time::Duration;

use wickr_base::UnixMillis;

use super::{Pass, ahead, is_fresh, pods};
use crate::answer::{Check, STORAGE_FULL};
use crate::condition::Fact;
use crate::{Poll, Role};

pub(super) fn relay(pass: &Pass<'_>) -> Fact {
    let poll = pass.seen.relay.get(&pass.names.pod(Role::Relay));
    let answer = match alive(pass, Role::Relay, poll) {
        Ok(answer) => answer,
        Err(fact) => return fact,
    };
    match told(&answer.canary, pass.now) {
        Said::Fine => match &answer.changes {
            Some(changes) if !changes.ok => deaf(pass, changes),
            _ => Fact::yes("CanaryRead", "a record was written, synced and read back within the last minute"),
        },
        Said::Ahead(by) => skewed(pass, Role::Relay, by),
        Said::Stale => stale(pass, Role::Relay, "CanaryStale", "no record was written, synced and read back"),
        Said::Failed(why) => {
            let what = format!("a record could not be written, synced and read back: {why}");
            failed(pass, Role::Relay, "CanaryFailed", &what, answer.canary.code.as_deref())
        }
    }
}

/// Who is connected goes on; whoever comes is sent away, because they might have been revoked.
fn deaf(pass: &Pass<'_>, changes: &Check) -> Fact {
    let (pod, namespace) = (pass.names.pod(Role::Relay), &pass.names.namespace);
    let why = changes.error.as_deref().unwrap_or("no reason was given");
    Fact::no(
        "ChangesUnknown",
        format!(
            "Pod {namespace}/{pod} lets nobody new in: {why}. Next: see condition SsoReady; then kubectl logs -n \
             {namespace} {pod}."
        ),
    )
}

pub(super) fn sso(pass: &Pass<'_>) -> Fact {
    let poll = pass.seen.sso.get(&pass.names.pod(Role::Sso));
    let answer = match alive(pass, Role::Sso, poll) {
        Ok(answer) => answer,
        Err(fact) => return fact,
    };
    if let Some(why) = answer.store.as_ref().and_then(|store| store.error.as_ref()) {
        let what = format!("nothing can be written to its store, so nobody can sign in: {why}");
        // The words of its store, which tells no code.
        let code = why.contains("store is full").then_some(STORAGE_FULL);
        return failed(pass, Role::Sso, "StoreFailed", &what, code);
    }
    match told(&answer.certificate, pass.now) {
        Said::Fine => Fact::yes(
            "CertificateIssued",
            "a test certificate was issued and verified within the last minute",
        ),
        Said::Ahead(by) => skewed(pass, Role::Sso, by),
        Said::Stale => {
            stale(pass, Role::Sso, "CertificateStale", "no test certificate was issued and verified")
        }
        Said::Failed(why) => {
            let what = format!("a test certificate could not be issued and verified: {why}");
            failed(pass, Role::Sso, "CertificateFailed", &what, answer.certificate.code.as_deref())
        }
    }
}

/// What a service said about something that it tries again and again.
pub(super) enum Said {
    Fine,
    Stale,
    /// By a clock that is so far ahead that nobody can say when.
    Ahead(Duration),
    Failed(String),
}

pub(super) fn told(check: &Check, now: UnixMillis) -> Said {
    if !check.ok {
        return Said::Failed(check.error.clone().unwrap_or_else(|| "no reason was given".to_owned()));
    }
    if let Some(by) = ahead(check.at, now) {
        return Said::Ahead(by);
    }
    if is_fresh(check.at, now) { Said::Fine } else { Said::Stale }
}

/// The answer of a service that lives, or the condition that says why there is none.
pub(super) fn alive<'a, T>(pass: &Pass<'_>, role: Role, poll: Option<&'a Poll<T>>) -> Result<&'a T, Fact> {
    let trouble = pods::trouble(pass, role).map(|trouble| Fact::no(trouble.reason, trouble.message));
    match poll.unwrap_or(&Poll::Never) {
        Poll::Answered { at, answer } if is_fresh(Some(*at), pass.now) => Ok(answer),
        Poll::Answered { .. } => Err(trouble.unwrap_or_else(|| {
            Fact::no(
                pods::by_role(role, "RelayNotAsked", "SsoNotAsked"),
                format!(
                    "{role} was last asked more than a minute ago. Next: see the operator's log and health."
                ),
            )
        })),
        Poll::Failed { error, .. } => Err(trouble.unwrap_or_else(|| {
            Fact::no(
                pods::by_role(role, "RelayUnreachable", "SsoUnreachable"),
                format!(
                    "{} doesn't answer: {error}. Next: {}.",
                    address(pass, role),
                    where_to_look(pass, role)
                ),
            )
        })),
        Poll::Never => Err(trouble.unwrap_or_else(|| never(pass, role))),
    }
}

/// Its log, if it is there to have one.
fn where_to_look(pass: &Pass<'_>, role: Role) -> String {
    let (namespace, names) = (&pass.names.namespace, &pass.names);
    if pods::is_there(pass, role) {
        format!("kubectl logs -n {namespace} {}", names.pod(role))
    } else {
        format!("kubectl describe statefulset -n {namespace} {}: it has no pod", names.role(role))
    }
}

fn never(pass: &Pass<'_>, role: Role) -> Fact {
    if pods::is_there(pass, role) {
        Fact::unknown(
            pods::by_role(role, "RelayNotAsked", "SsoNotAsked"),
            format!("{role} has not been asked yet. Next: nothing."),
        )
    } else {
        Fact::unknown(
            pods::by_role(role, "RelayNoPod", "SsoNoPod"),
            format!("{role} has no pod yet. Next: see condition Progressing."),
        )
    }
}

/// What a service says of its health counts by its clock.
pub(super) fn skewed(pass: &Pass<'_>, role: Role, by: Duration) -> Fact {
    // In powers of two, so that status isn't rewritten with each message.
    let minutes = by.as_secs().div_ceil(60).next_power_of_two();
    Fact::no(
        "ClockSkew",
        format!(
            "the clock of {}/{} is up to {minutes} minutes ahead of the operator's, so nobody can say when it was well. \
             Next: set the clocks of all nodes by one time server.",
            pass.names.namespace,
            pass.names.pod(role)
        ),
    )
}

fn stale(pass: &Pass<'_>, role: Role, reason: &'static str, what: &str) -> Fact {
    let pod = pass.names.pod(role);
    let message = format!(
        "{what} within the last minute, as {pod} tells it. Next: kubectl logs -n {} {pod}; compare the nodes' clocks.",
        pass.names.namespace
    );
    Fact::no(reason, message)
}

fn failed(pass: &Pass<'_>, role: Role, reason: &'static str, what: &str, code: Option<&str>) -> Fact {
    let pod = pass.names.pod(role);
    // The system's own words (ENOSPC), from whatever doesn't tell a code.
    let full = ["No space left", "os error 28"];
    let next = if code == Some(STORAGE_FULL) || full.iter().any(|words| what.contains(words)) {
        "raise spec.storage.embedded.size".to_owned()
    } else {
        format!("kubectl logs -n {} {pod}", pass.names.namespace)
    };
    Fact::no(reason, format!("Pod {}/{pod}: {what}. Next: {next}.", pass.names.namespace))
}

fn address(pass: &Pass<'_>, role: Role) -> String {
    format!("{}:{}", pass.names.pod_host(role), crate::ADMIN_PORT)
}
