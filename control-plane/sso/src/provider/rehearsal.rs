//! Whether a provider may go into service: each thing that a sign-in will need, tried once, with a result each.
//! The endpoint that asks for it: `crate::admin`.

use openidconnect::core::CoreJsonWebKeySet;
use serde::Serialize;
use wickr_base::Clock;

use super::Asking;
use super::device_grant;
use super::discovery::{
    ALGORITHMS, Discovered, DiscoveryError, Known, Metadata, discover, fetch_keys, fits, same_issuer,
    tolerable,
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
    checks.note(CheckName::Discovery, endpoints(&metadata));
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
                    DoorError::Http { .. } | DoorError::TooLarge { .. } | DoorError::BrokeOff { .. }
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

/// Every endpoint that we use must be there and be https.
fn endpoints(metadata: &Metadata) -> Result<String, String> {
    let token = metadata.token_endpoint().ok_or("it names no token_endpoint")?;
    let more = metadata.additional_metadata();
    let used = [
        ("authorization_endpoint", Some(metadata.authorization_endpoint().url().clone())),
        ("token_endpoint", Some(token.url().clone())),
        ("jwks_uri", Some(metadata.jwks_uri().url().clone())),
        (
            "device_authorization_endpoint",
            more.device_authorization_endpoint.as_ref().map(|url| url.url().clone()),
        ),
        ("revocation_endpoint", more.revocation_endpoint.as_ref().map(|url| url.url().clone())),
    ];
    for (name, url) in used {
        if let Some(url) = url.filter(|url| url.scheme() != "https") {
            return Err(format!("its {name} \"{url}\" is not https"));
        }
    }
    Ok("fetched and complete".to_owned())
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
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Answer, Behaviour, Phone, Twist, World};

    fn failed(answer: &Answer) -> Vec<String> {
        let checks = answer.json["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 7, "{answer:?}");
        let failed = checks.iter().filter(|check| check["ok"] == false);
        failed.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
    }

    fn detail(answer: &Answer, name: &str) -> String {
        let checks = answer.json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        check["detail"].as_str().unwrap().to_owned()
    }

    async fn rehearse(world: &World, settings: Value) -> Answer {
        world.admin("POST", "/rehearse", Some(settings)).await
    }

    #[tokio::test]
    async fn a_good_provider_passes_each_check_and_goes_into_service_only_when_that_is_wanted() {
        let world = World::without_provider().await;
        let mut settings = world.idp.settings("g1");
        settings["adopt"] = json!(false);
        let answer = rehearse(&world, settings).await;
        assert_eq!(failed(&answer), [""; 0]);
        assert_eq!((&answer.json["passed"], &answer.json["adopted"]), (&json!(true), &json!(false)));
        assert_eq!(world.begin(&Phone::new()).await.code(), "no-provider");
        let answer = rehearse(&world, world.idp.settings("g1")).await;
        assert_eq!(answer.json["adopted"], true);
        world.phone_of("alice").await;
    }

    #[tokio::test]
    async fn what_was_not_tried_because_of_another_fault_is_told_apart_from_what_failed() {
        let tried = |answer: &Answer| -> Vec<String> {
            let checks = answer.json["checks"].as_array().unwrap().iter();
            let ill = checks.filter(|check| check["ok"] == false && check["tried"] == true);
            ill.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
        };
        let world = World::without_provider().await;
        world.idp.behave(|idp| idp.discovery = Twist::Status(404));
        assert_eq!(tried(&rehearse(&world, world.idp.settings("g1")).await), ["Discovery"]);
        let mut settings = world.idp.settings("g1");
        settings["issuer"] = json!("https://localhost:1/realms/hq");
        let answer = rehearse(&world, settings).await;
        assert_eq!(tried(&answer), ["Discovery"], "whom nobody reaches shows no certificate: {answer:?}");
        let mut settings = world.idp.settings("g1");
        settings["ca_bundle_pem"] = json!(null);
        assert_eq!(tried(&rehearse(&world, settings).await), ["Certificates"]);
    }

    #[tokio::test]
    async fn each_fault_fails_its_own_check_and_says_what_to_do() {
        type Fault = (fn(&mut Behaviour), &'static [&'static str], &'static str, &'static str);
        const REST: &[&str] = &["Discovery", "IssuerMatch", "Keys", "Algorithms", "ClockSkew", "DeviceGrant"];
        let faults: [Fault; 14] = [
            (|idp| idp.discovery = Twist::Redirect, REST, "Discovery", "redirects are not followed"),
            (|idp| idp.discovery = Twist::Huge, REST, "Discovery", "larger than 262144 bytes"),
            (|idp| idp.discovery = Twist::Slow, REST, "Discovery", "did not answer within"),
            (|idp| idp.discovery = Twist::Garbage, REST, "Discovery", "can't be read"),
            (|idp| idp.discovery = Twist::Status(503), REST, "Discovery", "503"),
            (|idp| idp.down = true, REST, "Discovery", "localhost"),
            (
                |idp| idp.issuer = Some("https://elsewhere.example".to_owned()),
                &["IssuerMatch", "Keys", "Algorithms", "ClockSkew", "DeviceGrant"],
                "IssuerMatch",
                "write the issuer exactly as the provider does",
            ),
            (
                |idp| idp.plain_token_endpoint = true,
                &["Discovery", "Keys", "Algorithms", "ClockSkew", "DeviceGrant"],
                "Discovery",
                "is not https",
            ),
            (
                |idp| idp.keys = Twist::Status(404),
                &["Keys", "Algorithms", "ClockSkew", "DeviceGrant"],
                "Keys",
                "404",
            ),
            (|idp| idp.algorithms = Some(vec!["HS256", "none"]), &["Algorithms"], "Algorithms", "HS256"),
            (|idp| idp.date_offset_s = 90, &["ClockSkew"], "ClockSkew", "set the clocks"),
            (|idp| idp.date_offset_s = -90, &["ClockSkew"], "ClockSkew", "set the clocks"),
            (
                |idp| idp.no_device_grant = true,
                &["DeviceGrant"],
                "DeviceGrant",
                "device_authorization_endpoint",
            ),
            (|idp| idp.refuses_client = true, &["DeviceGrant"], "DeviceGrant", "check client id and secret"),
        ];
        let world = World::without_provider().await;
        for (at, (fault, names, name, says)) in faults.into_iter().enumerate() {
            world.idp.behave(|idp| *idp = Behaviour::default());
            world.idp.behave(fault);
            let answer = rehearse(&world, world.idp.settings("g1")).await;
            let failed: Vec<_> = failed(&answer).into_iter().filter(|name| name != "Certificates").collect();
            assert_eq!(failed, names, "fault {at}: {answer:?}");
            assert!(detail(&answer, name).contains(says), "fault {at}: {}", detail(&answer, name));
            assert_eq!(answer.json["adopted"], false, "fault {at}");
        }
        assert_eq!(world.begin(&Phone::new()).await.code(), "no-provider");
    }

    #[tokio::test]
    async fn a_provider_with_a_certificate_of_another_authority_fails_at_the_certificates() {
        let (world, other) = (World::without_provider().await, World::without_provider().await);
        let mut settings = world.idp.settings("g1");
        settings["ca_bundle_pem"] = other.idp.settings("g1")["ca_bundle_pem"].clone();
        let answer = rehearse(&world, settings).await;
        assert_eq!(failed(&answer)[0], "Certificates");
        assert!(detail(&answer, "Certificates").contains("caBundleRef"), "{answer:?}");
        assert_eq!(world.idp.asked("openid-configuration"), 0);
    }

    #[tokio::test]
    async fn link_local_addresses_are_not_asked() {
        let world = World::without_provider().await;
        for host in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"] {
            let mut settings = world.idp.settings("g1");
            settings["issuer"] = json!(format!("https://{host}/latest"));
            let answer = rehearse(&world, settings).await;
            assert!(detail(&answer, "Discovery").contains("link-local"), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn the_last_good_provider_stays_in_service_when_a_candidate_fails() {
        let world = World::new().await;
        let mut candidate = world.idp.settings("g2");
        candidate["client_secret"] = json!("wrong");
        let answer = rehearse(&world, candidate).await;
        assert_eq!(failed(&answer), ["DeviceGrant"]);
        assert_eq!(answer.json["adopted"], false);
        world.phone_of("alice").await;
        let world = world.restarted().await;
        world.sso.round().await;
        world.phone_of("bob").await;
    }

    #[tokio::test]
    async fn settings_that_no_provider_could_mend_are_refused_before_anything_is_asked() {
        let world = World::without_provider().await;
        let mut settings = world.idp.settings("g1");
        settings["issuer"] = json!("http://idp.example");
        let answer = rehearse(&world, settings).await;
        assert_eq!(answer.code(), "malformed");
        assert!(answer.text_of("detail").contains("issuer"));
    }
}
