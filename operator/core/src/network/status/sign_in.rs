//! SignInReady: whether the provider that people sign in at answers, as sso sees it.

use super::Pass;
use super::services::{Said, alive, skewed, told};
use crate::answer::Check;
use crate::condition::Fact;
use crate::{Lookup, Role};

pub(super) fn sign_in(pass: &Pass<'_>) -> Fact {
    const PATH: &str = "spec.signIn.identityProviderRef.name";
    let Some(sign_in) = &pass.network.spec.sign_in else {
        let message = "spec.signIn: no identity provider is named, so nobody can sign in. Next: make an \
                       IdentityProvider and name it there.";
        return Fact::no("NotConfigured", message);
    };
    let name = &sign_in.identity_provider_ref.name;
    match &pass.refs.provider {
        Some(Lookup::Missing) => {
            let message = format!(
                "{PATH}: IdentityProvider {0}/{name} is not there. Next: apply IdentityProvider {0}/{name}.",
                pass.names.namespace
            );
            return Fact::no("ProviderMissing", message);
        }
        Some(Lookup::Unreadable(why)) => {
            return Fact::no(
                "Forbidden",
                format!("{PATH}: IdentityProvider \"{name}\" can't be read: {why}"),
            );
        }
        Some(Lookup::Found(provider)) if provider.spec.network_ref.name != pass.names.network => {
            let message = format!(
                "{PATH}: IdentityProvider \"{name}\" serves network \"{}\". Next: name one whose spec.networkRef is \
                 \"{}\".",
                provider.spec.network_ref.name, pass.names.network
            );
            return Fact::no("ProviderElsewhere", message);
        }
        Some(Lookup::Found(_)) | None => {}
    }
    let poll = pass.seen.sso.get(&pass.names.pod(Role::Sso));
    let answer = match alive(pass, Role::Sso, poll) {
        Ok(answer) => answer,
        Err(fact) => return fact,
    };
    let Some(active) = &answer.provider.active else {
        let message = format!(
            "no provider has passed its rehearsal yet. Next: kubectl describe widp -n {} {name}.",
            pass.names.namespace
        );
        return Fact::no("NoActiveProvider", message);
    };
    let never = Check { error: Some("it was never fetched".to_owned()), ..Check::default() };
    let steps = [
        ("discovery document", "ProviderUnreachable", answer.provider.discovery.as_ref()),
        ("keys", "ProviderKeysUnusable", answer.provider.keys.as_ref()),
    ];
    for (what, reason, check) in steps {
        let why = match told(check.unwrap_or(&never), pass.now) {
            Said::Fine => continue,
            Said::Ahead(by) => return skewed(pass, Role::Sso, by),
            Said::Stale => "it was last fetched more than a minute ago".to_owned(),
            Said::Failed(why) => why,
        };
        let message = format!(
            "the {what} of {} can't be fetched: {why}. Who is signed in stays so for refreshGrace. Next: bring the \
             provider back, or check spec.cidrs, caBundleRef and DNS.",
            active.issuer
        );
        return Fact::no(reason, message);
    }
    if let Some(why) = answer.provider.client.as_ref().and_then(|client| client.error.as_ref()) {
        let message = format!(
            "the provider refuses client \"{}\": {why}. Next: check spec.clientId and the Secret of clientSecretRef \
             of IdentityProvider {}/{name}.",
            active.client_id, pass.names.namespace
        );
        return Fact::no("ClientRefused", message);
    }
    Fact::yes("ProviderAnswers", format!("discovery document and keys of {} are fresh", active.issuer))
}
