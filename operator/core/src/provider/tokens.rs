//! Whether what the provider vouches with holds: sso judges each ID token, at a sign-in and at each refresh.

use crate::condition::Fact;
use crate::{Check, ProviderAnswer, SsoAnswer};

/// The reason when clocks are apart.
pub(super) const CLOCK_SKEW: &str = "ClockSkew";
/// What to do then.
pub(super) const SET_CLOCKS: &str = "set the clocks of provider and nodes by one time server";
/// As far as sso lets the provider's clock be from its own, in milliseconds.
const MOST_SKEW_MS: u64 = 60_000;

/// What sso says of the last one. It is about the provider in service, so about this one only while that is in use.
pub(super) fn tokens(active: &Fact, answer: Option<&SsoAnswer>) -> Fact {
    if answer.is_none() {
        return Fact::unknown(
            "SsoUnreachable",
            "sso does not answer. Next: see condition SsoReady of the network.",
        );
    }
    let provider = answer.filter(|_| active.is_true()).map(|answer| &answer.provider);
    let Some(ProviderAnswer { id_tokens: Some(last), clock_skew_ms, .. }) = provider else {
        return Fact::unknown("NotSeen", "sso has seen no ID token of this provider");
    };
    match last {
        Check { ok: true, .. } => Fact::yes("Held", "the last ID token held"),
        Check { error: None, .. } => {
            Fact::unknown("NotSeen", "no ID token has come since sso started. Next: nothing.")
        }
        Check { error: Some(why), .. } => {
            let apart = clock_skew_ms.filter(|skew| skew.unsigned_abs() > MOST_SKEW_MS);
            let why = why.trim_end_matches('.');
            if let Some(skew) = apart {
                let (by, way) = (skew.unsigned_abs() / 1000, if skew > 0 { "ahead of" } else { "behind" });
                let message = format!(
                    "the provider's clock is {by} s {way} that of sso, and the last ID token was refused: {why}. Who \
                     is signed in stays so for refreshGrace. Next: {SET_CLOCKS}."
                );
                Fact::no(CLOCK_SKEW, message)
            } else {
                let message = format!(
                    "the last ID token was refused: {why}. It may be about one account alone. Next: see that the \
                     provider signs with keys of its jwks_uri, and gives the claims that spec.claims names."
                );
                Fact::no("Refused", message)
            }
        }
    }
}
