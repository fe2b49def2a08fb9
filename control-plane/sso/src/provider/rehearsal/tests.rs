//! Every way in which a provider can be unfit, and what is said of it.

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
        (|idp| idp.no_device_grant = true, &["DeviceGrant"], "DeviceGrant", "device_authorization_endpoint"),
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
