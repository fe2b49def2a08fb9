//! Whether a provider may go into service: each thing that a sign-in will need, tried once, with a result each.
//! The endpoint that asks for it: `crate::admin`.

use openidconnect::core::CoreJsonWebKeySet;
use serde::Serialize;
use wickr_base::Clock;

use super::Asking;
use super::device_grant;
use super::discovery::{
    ALGORITHMS, Discovered, DiscoveryError, Known, Metadata, discover, endpoints, fetch_keys, fits,
    same_issuer, tolerable,
};
use super::door::{Door, DoorError, DoorLimits, PeerChain};
use super::id_token::SKEW;
use super::in_service::InService;
use super::settings::Settings;
use super::tokens::auth_type;
use super::trust::client_config;

/// What is tried, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum CheckName {
    Certificates,
    Discovery,
    IssuerMatch,
    Keys,
    Algorithms,
    ClockSkew,
    DeviceGrant,
}

/// How one thing went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: CheckName,
    pub(crate) ok: bool,
    /// Whether it was looked at; what wasn't, because of something else, is no finding of its own.
    pub(crate) tried: bool,
    pub(crate) detail: String,
}

/// All results; what passed can go into service at once.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    pub(crate) checks: Vec<Check>,
    pub(crate) passed: Option<InService>,
}

/// Tries a provider.
pub(crate) async fn rehearse(settings: Settings, limits: DoorLimits, clock: &dyn Clock) -> Rehearsed {
    let mut checks = Checks::default();
    let door = match client_config(settings.ca_bundle_pem.as_deref()) {
        Ok(tls) => Door::new(tls, limits),
        Err(error) => {
            checks.ill(CheckName::Certificates, error.to_string());
            return checks.stopped("the CA bundle can't be used");
        }
    };
    let discovered = discover(&door, &settings.provider.issuer, clock).await;
    checks.note_certificates(discovered.as_ref());
    let Discovered { metadata, skew_ms, .. } = match discovered {
        Ok(discovered) => discovered,
        Err(error) => {
            if checks.has_failed() {
                checks.untried(CheckName::Discovery, error.to_string());
            } else {
                checks.ill(CheckName::Discovery, error.to_string());
            }
            return checks.stopped("there is no discovery document");
        }
    };
    let complete = endpoints(&metadata).map(|()| "fetched and complete".to_owned());
    checks.note(CheckName::Discovery, complete.map_err(|error| error.to_string()));
    checks.note(
        CheckName::IssuerMatch,
        match same_issuer(&metadata, &settings.provider.issuer) {
            Ok(()) => Ok(format!("the issuer is \"{}\"", settings.provider.issuer)),
            Err(error) => Err(format!(
                "{error}; write the issuer exactly as the provider does, trailing slash and case included"
            )),
        },
    );
    if !checks.all_well() {
        return checks.stopped("the discovery document is not to be trusted");
    }
    let keys = match fetch_keys(&door, &metadata).await {
        Ok(keys) => keys,
        Err(error) => {
            checks.ill(CheckName::Keys, error.to_string());
            return checks.stopped("there are no keys");
        }
    };
    checks.well(CheckName::Keys, format!("{} usable", keys.keys().len()));
    checks.note(CheckName::Algorithms, algorithms(&metadata, &keys));
    checks.note(CheckName::ClockSkew, clocks(skew_ms));
    let known = Known { metadata, keys, skew_ms, at: clock.now() };
    checks.note(CheckName::DeviceGrant, device_grant(&settings, &door, &known).await);
    let passed = checks.all_well().then(|| InService::rehearsed(settings, door, known));
    Rehearsed { checks: checks.0, passed }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    const ALL: [CheckName; 7] = [
        CheckName::Certificates,
        CheckName::Discovery,
        CheckName::IssuerMatch,
        CheckName::Keys,
        CheckName::Algorithms,
        CheckName::ClockSkew,
        CheckName::DeviceGrant,
    ];

    fn well(&mut self, name: CheckName, detail: String) {
        self.0.push(Check { name, ok: true, tried: true, detail });
    }

    fn ill(&mut self, name: CheckName, detail: String) {
        self.0.push(Check { name, ok: false, tried: true, detail });
    }

    fn untried(&mut self, name: CheckName, detail: String) {
        self.0.push(Check { name, ok: false, tried: false, detail });
    }

    fn note(&mut self, name: CheckName, outcome: Result<String, String>) {
        match outcome {
            Ok(detail) => self.well(name, detail),
            Err(detail) => self.ill(name, detail),
        }
    }

    fn has_failed(&self) -> bool {
        self.0.iter().any(|check| check.tried && !check.ok)
    }

    fn all_well(&self) -> bool {
        self.0.iter().all(|check| check.ok)
    }

    /// What could not be tried any more failed too: a provider is adopted for what was seen, not for what wasn't.
    fn stopped(mut self, why: &str) -> Rehearsed {
        for name in Self::ALL {
            if self.0.iter().all(|check| check.name != name) {
                self.untried(name, format!("not tried: {why}"));
            }
        }
        Rehearsed { checks: self.0, passed: None }
    }

    fn note_certificates(&mut self, discovered: Result<&Discovered, &DiscoveryError>) {
        const NAME: CheckName = CheckName::Certificates;
        match discovered {
            Ok(found) => self.well(NAME, describe(found)),
            Err(DiscoveryError::Fetch { source: error @ DoorError::Tls { .. }, .. }) => {
                self.ill(NAME, format!("{error}; give the provider's CA as caBundleRef"));
            }
            Err(DiscoveryError::Fetch { source, .. })
                if !matches!(
                    source,
                    DoorError::Http { .. }
                        | DoorError::TooLarge { .. }
                        | DoorError::BrokeOff { .. }
                        | DoorError::Unfit { .. }
                ) =>
            {
                self.untried(NAME, format!("not seen: {source}"));
            }
            Err(_) => self.well(NAME, "the chain and the name hold".to_owned()),
        }
    }
}

fn describe(found: &Discovered) -> String {
    let chain = found.answer.extensions().get::<PeerChain>().map(|chain| chain.0.as_slice());
    let leaf = chain.and_then(<[_]>::first).and_then(|leaf| wickr_pki::describe(leaf).ok());
    match leaf {
        Some(leaf) => {
            format!("the chain and the name hold; \"{}\" until {}", leaf.subject_or_uri(), leaf.not_after)
        }
        None => "the chain and the name hold".to_owned(),
    }
}

fn algorithms(metadata: &Metadata, keys: &CoreJsonWebKeySet) -> Result<String, String> {
    let offered = metadata.id_token_signing_alg_values_supported();
    let name = |algorithm| {
        serde_json::to_value(algorithm)
            .ok()
            .and_then(|json| json.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let both: Vec<_> = ALGORITHMS
        .iter()
        .filter(|algorithm| offered.contains(algorithm))
        .filter(|algorithm| keys.keys().iter().any(|key| fits(key, algorithm)))
        .map(name)
        .collect();
    if both.is_empty() {
        let offered: Vec<_> = offered.iter().map(name).collect();
        return Err(format!(
            "it signs ID tokens with {} and publishes no key for any that is taken here (RS, PS, ES256, ES384, EdDSA)",
            offered.join(", ")
        ));
    }
    if auth_type(metadata).is_none() {
        return Err("its token endpoint takes neither client_secret_basic nor client_secret_post".to_owned());
    }
    Ok(both.join(", "))
}

fn clocks(skew_ms: Option<i64>) -> Result<String, String> {
    match skew_ms {
        None => Ok("not told yet: its answers carry no Date; the first sign-in will show it".to_owned()),
        Some(skew) if tolerable(skew, SKEW) => Ok(format!("its clock is {skew} ms ahead of ours")),
        Some(skew) => Err(format!(
            "its clock is {skew} ms ahead of ours, more than {} s apart; set the clocks of provider and nodes",
            SKEW.as_secs()
        )),
    }
}

/// Begins a real grant and lets it lapse: that proves endpoint, client id, secret and the grant's permission.
async fn device_grant(settings: &Settings, door: &Door, known: &Known) -> Result<String, String> {
    let asking = Asking {
        door,
        known,
        client_id: &settings.provider.client_id,
        client_secret: &settings.client_secret,
        scopes: &settings.scopes,
        username_claim: &settings.username_claim,
    };
    match device_grant::begin(&asking).await {
        Ok(begun) => Ok(format!(
            "a grant for client \"{}\" began at \"{}\"",
            settings.provider.client_id, begun.verification_uri
        )),
        Err(error) if error.is_about_us() => Err(format!(
            "{error}; check client id and secret, and that the client may use the device authorization grant"
        )),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
