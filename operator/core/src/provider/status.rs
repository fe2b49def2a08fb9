//! What is reported of a provider on every pass.

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::{
    IdentityProvider, IdentityProviderStatus, LastRehearsal, ProviderInForce, RehearsalCheckResult,
};

use super::tokens::{CLOCK_SKEW, SET_CLOCKS, tokens};
use super::{ProviderOutcome, ProviderSeen, Rehearsal, RehearsalRequest, ValidProvider};
use crate::condition::{Fact, conditions, time};
use crate::finding::FindingCode;
use crate::network::merge_waiting;
use crate::{Check, Poll, SsoAnswer};

/// Types of a provider's conditions.
pub mod condition {
    /// The spec is valid and what it points at is there.
    pub const ACCEPTED: &str = "Accepted";
    /// The discovery document can be fetched.
    pub const DISCOVERED: &str = "Discovered";
    /// It names the issuer that the spec names.
    pub const ISSUER: &str = "IssuerMatches";
    /// The provider's keys can be fetched and used.
    pub const KEYS: &str = "KeysUsable";
    /// It signs with an algorithm that is allowed.
    pub const ALGORITHMS: &str = "AlgorithmsAllowed";
    /// Its clock is close to ours.
    pub const CLOCK: &str = "ClockSkewSmall";
    /// Its certificate is trusted.
    pub const CERTIFICATE: &str = "CertificateTrusted";
    /// It offers the device grant, which the command line signs in by.
    pub const DEVICE_GRANT: &str = "DeviceGrantOffered";
    /// What it vouched with last held.
    pub const TOKENS: &str = "TokensAccepted";
    /// sso uses these settings.
    pub const ACTIVE: &str = "Active";
    /// People can sign in at it now.
    pub const READY: &str = "Ready";

    /// Each type with what it means, for the reference.
    pub const ALL: [(&str, &str); 11] = [
        (ACCEPTED, "The spec is valid and what it points at is there."),
        (DISCOVERED, "The discovery document can be fetched."),
        (ISSUER, "It names the issuer that the spec names."),
        (KEYS, "The provider's keys can be fetched and used."),
        (ALGORITHMS, "It signs with an algorithm that is allowed."),
        (CLOCK, "Its clock is close to ours."),
        (CERTIFICATE, "Its certificate is trusted."),
        (DEVICE_GRANT, "It offers the device grant, which the command line signs in by."),
        (
            TOKENS,
            "The last ID token that it gave held: its key is known, its time and all else are right. Unknown until the \
             first one after a start of sso. False with reason ClockSkew makes Ready False too, because nobody can sign \
             in then; any other refusal may be about one account.",
        ),
        (ACTIVE, "sso uses these settings."),
        (READY, "People can sign in at it now."),
    ];
}

/// Which condition tells of which check of a rehearsal.
const CHECKS: [(&str, &str); 7] = [
    ("Discovery", condition::DISCOVERED),
    ("IssuerMatch", condition::ISSUER),
    ("Keys", condition::KEYS),
    ("Algorithms", condition::ALGORITHMS),
    ("ClockSkew", condition::CLOCK),
    ("Certificates", condition::CERTIFICATE),
    ("DeviceGrant", condition::DEVICE_GRANT),
];

/// The status that tells what is so now. Equal to the one before when nothing has changed.
pub fn report(
    provider: &IdentityProvider,
    seen: Option<&ProviderSeen>,
    outcome: &ProviderOutcome<'_>,
    now: UnixMillis,
) -> IdentityProviderStatus {
    let before = provider.status.clone().unwrap_or_default();
    let generation = provider.metadata.generation;
    let mut status = IdentityProviderStatus {
        observed_generation: generation,
        waiting: merge_waiting(&before.waiting, outcome.holds(), now),
        ..before.clone()
    };
    if let (ProviderOutcome::Planned { request, valid, .. }, Some(seen)) = (outcome, seen) {
        status.last_rehearsal = last_rehearsal(&before, request, seen);
        (status.active, status.previous) =
            in_force(&before, valid, request, seen, status.last_rehearsal.as_ref());
    }
    let facts = facts(&status, seen, outcome, now);
    status.conditions = conditions(&before.conditions, &facts, generation, now);
    status
}

/// The newest rehearsal of the settings as they are now, else what was known before.
fn last_rehearsal(
    before: &IdentityProviderStatus,
    request: &RehearsalRequest,
    seen: &ProviderSeen,
) -> Option<LastRehearsal> {
    match &seen.rehearsal {
        Rehearsal::Done { generation, at, answer } if *generation == request.generation => {
            Some(LastRehearsal {
                generation: generation.clone(),
                at: time(*at),
                passed: answer.passed,
                adopted: answer.adopted,
                checks: answer
                    .checks
                    .iter()
                    // What was not made has no result.
                    .filter(|check| check.tried)
                    .take(16)
                    .map(|check| RehearsalCheckResult {
                        name: check.name.chars().take(64).collect(),
                        ok: check.ok,
                        detail: check.detail.chars().take(1000).collect(),
                    })
                    .collect(),
            })
        }
        _ => before.last_rehearsal.clone(),
    }
}

/// The settings of this provider that sso uses now, and the ones before them.
fn in_force(
    before: &IdentityProviderStatus,
    valid: &ValidProvider,
    request: &RehearsalRequest,
    seen: &ProviderSeen,
    last: Option<&LastRehearsal>,
) -> (Option<ProviderInForce>, Option<ProviderInForce>) {
    let Some(answer) = seen.sso.answer() else { return (before.active.clone(), before.previous.clone()) };
    let Some(used) = &answer.provider.active else { return (None, before.previous.clone()) };
    if let Some(active) = before.active.as_ref().filter(|active| active.generation == used.generation) {
        return (Some(active.clone()), before.previous.clone());
    }
    let adopted = last.is_some_and(|last| last.adopted && last.generation == used.generation);
    if used.generation != request.generation && !adopted {
        // Another provider's settings.
        return (None, before.active.clone().or_else(|| before.previous.clone()));
    }
    let cidrs = if used.generation == request.generation { valid.spec.cidrs.clone() } else { Vec::new() };
    let now = ProviderInForce {
        issuer: used.issuer.clone(),
        client_id: used.client_id.clone(),
        generation: used.generation.clone(),
        since: used.since.map(time),
        cidrs,
    };
    (Some(now), before.active.clone().or_else(|| before.previous.clone()))
}

fn facts(
    status: &IdentityProviderStatus,
    seen: Option<&ProviderSeen>,
    outcome: &ProviderOutcome<'_>,
    now: UnixMillis,
) -> Vec<(&'static str, Fact)> {
    let accepted = match outcome {
        ProviderOutcome::Refused(findings) => {
            let code = findings.first().map_or(FindingCode::Unreadable, |finding| finding.code);
            Fact::no(code.as_str(), findings.to_string())
        }
        ProviderOutcome::Planned { .. } => {
            Fact::yes("Valid", "the spec is valid and what it points at is there")
        }
        ProviderOutcome::Failed(failure) => {
            let fact = Fact::no(failure.reason(), format!("the operator can't see the provider: {failure}"));
            return if failure.is_worth_telling() { vec![(condition::READY, fact)] } else { Vec::new() };
        }
    };
    let answer = seen.and_then(|seen| seen.sso.answer());
    let mut facts = vec![(condition::ACCEPTED, accepted)];
    if let ProviderOutcome::Planned { request, .. } = outcome {
        let error = match seen.map(|seen| &seen.rehearsal) {
            Some(Rehearsal::Failed { generation, error, .. }) if *generation == request.generation => {
                Some(error)
            }
            _ => None,
        };
        for (name, type_) in CHECKS {
            facts.push((type_, check(name, status, request, error)));
        }
    }
    let active = active(status, answer, seen, outcome);
    let tokens = tokens(&active, answer);
    let ready = ready(&facts, &active, answer, now, &tokens);
    facts.push((condition::TOKENS, tokens));
    facts.push((condition::ACTIVE, active));
    facts.push((condition::READY, ready));
    facts
}

/// What the last rehearsal of these settings said about one check.
fn check(
    name: &str,
    status: &IdentityProviderStatus,
    request: &RehearsalRequest,
    error: Option<&String>,
) -> Fact {
    let rehearsed = status.last_rehearsal.as_ref().filter(|last| last.generation == request.generation);
    let Some(last) = rehearsed else {
        return match error {
            Some(error) => {
                Fact::no("RehearsalImpossible", format!("sso could not be asked to rehearse: {error}."))
            }
            None => {
                Fact::unknown("NotRehearsed", "these settings have not been rehearsed yet. Next: nothing.")
            }
        };
    };
    match last.checks.iter().find(|check| check.name == name) {
        Some(check) if check.ok => Fact::yes("Passed", check.detail.clone()),
        Some(check) => {
            let reason = if refuses_client(&check.detail) { CLIENT_REFUSED } else { "Failed" };
            let next = if reason == CLIENT_REFUSED { CHECK_CLIENT } else { next(name) };
            Fact::no(reason, format!("{}. Next: {next}.", check.detail.trim_end_matches('.')))
        }
        None => Fact::unknown("NotTried", "another check failed, so this one was not made"),
    }
}

/// The provider knows no such client, or not by that secret.
const CLIENT_REFUSED: &str = "ClientRefused";
const CHECK_CLIENT: &str = "check spec.clientId and the Secret of clientSecretRef";

/// Whether a provider's answer is about client id and secret, not about what the client may: `invalid_client` (RFC 6749
/// section 5.2), or `unauthorized_client` with "credentials" in its description, which is Keycloak's word for it.
fn refuses_client(detail: &str) -> bool {
    detail.contains("invalid_client") || detail.contains("client credentials")
}

/// What to do when a check fails.
fn next(name: &str) -> &'static str {
    match name {
        "Discovery" => "check spec.issuer, spec.cidrs, and that the cluster's DNS knows the name",
        "IssuerMatch" => "write spec.issuer exactly as the discovery document has it",
        "Keys" => "see that the provider's jwks_uri answers with signing keys",
        "Algorithms" => "let the provider sign ID tokens with RS256, PS256, ES256 or EdDSA",
        "ClockSkew" => SET_CLOCKS,
        "Certificates" => "put the authority of the provider's certificate into spec.caBundleRef",
        _ => "allow the client the device authorization grant",
    }
}

fn active(
    status: &IdentityProviderStatus,
    answer: Option<&SsoAnswer>,
    seen: Option<&ProviderSeen>,
    outcome: &ProviderOutcome<'_>,
) -> Fact {
    let wanted = match outcome {
        ProviderOutcome::Planned { request, .. } => Some(&request.generation),
        ProviderOutcome::Refused(_) | ProviderOutcome::Failed(_) => None,
    };
    let selected = matches!(outcome, ProviderOutcome::Planned { valid, .. } if valid.selected);
    let used = answer.and_then(|answer| answer.provider.active.as_ref());
    match (&status.active, used) {
        (Some(active), _) if Some(&active.generation) == wanted && selected => {
            Fact::yes("InUse", format!("sso uses these settings of {}", active.issuer))
        }
        (Some(active), _) if !selected && wanted.is_some() => Fact::yes(
            "InUseUntilReplaced",
            format!("{} is in use until the chosen provider passes", active.issuer),
        ),
        (Some(active), _) => Fact::yes(
            "LastGoodInUse",
            format!(
                "earlier settings of {} stay in use: the change has not passed its rehearsal",
                active.issuer
            ),
        ),
        (None, _) if !selected && wanted.is_some() => {
            let message =
                "the network has not chosen this provider. Next: name it in spec.signIn of the network.";
            Fact::no("NotChosen", message)
        }
        (None, Some(used)) => Fact::no("OtherInUse", format!("sso uses another provider, {}", used.issuer)),
        (None, None) => match seen.map(|seen| &seen.sso) {
            Some(Poll::Answered { .. }) => {
                Fact::no("NoneInUse", "sso has no provider: none has passed its rehearsal")
            }
            _ => {
                Fact::no("SsoUnreachable", "sso doesn't answer. Next: see condition SsoReady of the network.")
            }
        },
    }
}

fn ready(
    facts: &[(&'static str, Fact)],
    active: &Fact,
    answer: Option<&SsoAnswer>,
    now: UnixMillis,
    tokens: &Fact,
) -> Fact {
    // A change that was refused is told even while the last good one goes on serving.
    let failed: Vec<&(&str, Fact)> = facts.iter().filter(|(_, fact)| !fact.is_true()).collect();
    if let Some((type_, fact)) = failed.iter().find(|(_, fact)| fact.truth == crate::Truth::False) {
        let kept = if active.is_true() { " The last good settings stay in use." } else { "" };
        let named = *type_ == condition::ACCEPTED || fact.reason == CLIENT_REFUSED;
        let reason = if named { fact.reason } else { reason_of(type_) };
        return Fact::no(reason, format!("{type_}: {}{kept}", fact.message));
    }
    if active.reason != "InUse" {
        return Fact::no(active.reason, active.message.clone());
    }
    let provider = answer.map(|answer| &answer.provider);
    let never = Check { error: Some("it was never fetched".to_owned()), ..Check::default() };
    let steps = [
        (
            "ProviderUnreachable",
            "discovery document",
            provider.and_then(|provider| provider.discovery.as_ref()),
        ),
        ("ProviderKeysUnusable", "keys", provider.and_then(|provider| provider.keys.as_ref())),
    ];
    for (reason, what, check) in steps {
        let check = check.unwrap_or(&never);
        let fresh = check.at.is_some_and(|at| now.0.saturating_sub(at.0).abs() <= 60_000);
        if !check.ok || !fresh {
            let why = check.error.clone().unwrap_or_else(|| {
                "it was not fetched within the last minute, by the clock of sso".to_owned()
            });
            let message = format!(
                "the {what} can't be fetched: {why}. Next: bring the provider back, or check spec.cidrs."
            );
            return Fact::no(reason, message);
        }
    }
    if let Some(why) = provider.and_then(|provider| provider.client.as_ref()?.error.as_ref()) {
        let message = format!("the provider refuses this client: {why}. Next: {CHECK_CLIENT}.");
        return Fact::no(CLIENT_REFUSED, message);
    }
    if tokens.reason == CLOCK_SKEW {
        return Fact::no(CLOCK_SKEW, format!("{}: {}", condition::TOKENS, tokens.message));
    }
    Fact::yes("Ready", "people can sign in at this provider")
}

/// The reason of Ready when a check failed.
fn reason_of(type_: &str) -> &'static str {
    match type_ {
        condition::DISCOVERED => "DiscoveryFailed",
        condition::ISSUER => "IssuerMismatch",
        condition::KEYS => "KeysUnusable",
        condition::ALGORITHMS => "AlgorithmsRefused",
        condition::CLOCK => CLOCK_SKEW,
        condition::CERTIFICATE => "CertificateUntrusted",
        condition::DEVICE_GRANT => "DeviceGrantMissing",
        _ => "NotReady",
    }
}
