//! What a spec says of the way in: ports or a load balancer, the hostname, the certificate for it.

use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1 as api;
use wickr_pki::{KeyMaterial, certificates_from_pem};
use wickr_policy::{Der, ServiceUrl};

use crate::finding::{Finding, FindingCode};
use crate::network::keys::{CERTIFICATE, ISSUED_BY, PRIVATE_KEY};
use crate::network::seen::CertificateSeen;
use crate::network::valid::{LoadBalancer, PublicTlsSource, ValidExposure};
use crate::network::{GivenSecret, NetworkRefs, SecretData};
use crate::{Lookup, labels};

pub(super) fn exposure(
    spec: &api::Exposure,
    refs: &NetworkRefs,
    now: UnixMillis,
    findings: &mut Vec<Finding>,
) -> Option<ValidExposure> {
    let service = &spec.service;
    let relay_port = port(service.relay_port, service.kind, "spec.exposure.service.relayPort", findings);
    let sso_port = port(service.sso_port, service.kind, "spec.exposure.service.ssoPort", findings);
    let load_balancer = load_balancer(service, findings);
    if relay_port.is_some() && relay_port == sso_port {
        findings.push(Finding::new(
            "spec.exposure.service.ssoPort",
            FindingCode::Contradiction,
            format!("{} is the relay's port too", spec.service.sso_port),
            "give each service a port of its own",
        ));
    }
    let tls = public_tls(spec, refs.public_tls.as_ref(), now, findings);
    let url = |scheme: &str, port: u16| -> Option<ServiceUrl> {
        format!("{scheme}://{}:{port}", spec.hostname).parse().ok()
    };
    let (relay_port, sso_port) = (relay_port?, sso_port?);
    let (Some(relay), Some(sso)) = (url("wss", relay_port), url("https", sso_port)) else {
        findings.push(Finding::new(
            "spec.exposure.hostname",
            FindingCode::Unreadable,
            format!("\"{}\" is not a DNS name in lower case", spec.hostname),
            "write the name that clients shall use, like chat.hq.example",
        ));
        return None;
    };
    let hostname = spec.hostname.clone();
    Some(ValidExposure { hostname, tls: tls?, relay_port, sso_port, load_balancer, relay, sso })
}

/// What the spec says of a load balancer, without what the API server would refuse and we would write over.
fn load_balancer(service: &api::PublicService, findings: &mut Vec<Finding>) -> Option<LoadBalancer> {
    let path = "spec.exposure.service.annotations";
    for key in service.annotations.keys() {
        let hint = "write the keys that the load balancer's documentation names, like example.com/scheme";
        if key.to_ascii_lowercase().starts_with(labels::OURS) {
            let message = format!("\"{key}\" is the operator's own");
            findings.push(Finding::new(path, FindingCode::Contradiction, message, hint));
        } else if !is_qualified_name(&key.to_ascii_lowercase()) {
            let message = format!("\"{key}\" is no name of an annotation");
            findings.push(Finding::new(path, FindingCode::Unreadable, message, hint));
        }
    }
    match service.kind {
        api::ServiceType::NodePort => None,
        api::ServiceType::LoadBalancer => Some(LoadBalancer {
            class: service.load_balancer_class.clone(),
            annotations: service.annotations.clone(),
        }),
    }
}

/// A name of at most 63 characters, after a DNS name and a slash or without (Kubernetes: qualified names; annotations are
/// judged in lower case).
fn is_qualified_name(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let inner = |c: char, more: &str| c.is_ascii_alphanumeric() || more.contains(c);
    let ends = |text: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        edge(text.chars().next()) && edge(text.chars().last())
    };
    let prefix_fits = prefix.is_none_or(|prefix| {
        prefix.len() <= 253
            && prefix.split('.').all(ends)
            && prefix.chars().all(|c| !c.is_ascii_uppercase() && inner(c, "-."))
    });
    prefix_fits && name.len() <= 63 && ends(name) && name.chars().all(|c| inner(c, "-_."))
}

fn port(number: i32, kind: api::ServiceType, path: &str, findings: &mut Vec<Finding>) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        findings.push(Finding::new(
            path,
            FindingCode::OutOfRange,
            format!("{number} is not a port"),
            match kind {
                api::ServiceType::NodePort => {
                    "write a node port of the cluster, by default from 30000 to 32767"
                }
                api::ServiceType::LoadBalancer => "write a port from 1 to 65535, like 443",
            },
        ));
    }
    port
}

fn public_tls(
    spec: &api::Exposure,
    given: Option<&Lookup<GivenSecret>>,
    now: UnixMillis,
    findings: &mut Vec<Finding>,
) -> Option<PublicTlsSource> {
    let secret = match (&spec.tls.managed, &spec.tls.secret_ref) {
        (Some(_), None) => return Some(PublicTlsSource::Managed),
        (None, Some(secret)) => secret.name.clone(),
        (Some(_), Some(_)) | (None, None) => {
            findings.push(Finding::new(
                "spec.exposure.tls",
                FindingCode::Contradiction,
                "exactly one of managed and secretRef is taken",
                "keep one of the two",
            ));
            return None;
        }
    };
    let path = "spec.exposure.tls.secretRef.name";
    let mut refuse = |code, message: String, hint: &str| {
        findings.push(Finding::new(path, code, message, hint));
    };
    let data = match given {
        // Whoever may name a Secret need not be one who may see the network's keys.
        Some(Lookup::Found(GivenSecret { network: Some(network), .. })) => {
            let message = format!("Secret \"{secret}\" holds keys of network \"{network}\"");
            refuse(FindingCode::SecretReserved, message, "name a Secret of your own, or use managed");
            return None;
        }
        Some(Lookup::Found(given)) => &given.data,
        Some(Lookup::Missing) => {
            let hint = "create it with kubectl create secret tls and add ca.crt, or use managed";
            refuse(FindingCode::SecretMissing, format!("Secret \"{secret}\" is not there"), hint);
            return None;
        }
        Some(Lookup::Unreadable(why)) => {
            let message = format!("Secret \"{secret}\" can't be read: {}", why.message);
            refuse(FindingCode::Forbidden, message, &why.next);
            return None;
        }
        // The caller judges the object alone.
        None => return Some(PublicTlsSource::Managed),
    };
    match given_certificate(data, &spec.hostname, now) {
        Ok((anchors, CertificateSeen { not_before, not_after, .. })) => {
            Some(PublicTlsSource::Given { secret, anchors, not_before, not_after })
        }
        Err((code, why)) => {
            refuse(code, format!("Secret \"{secret}\": {why}"), "put a certificate that fits into it");
            None
        }
    }
}

type Unfit = (FindingCode, String);

fn given_certificate(
    data: &SecretData,
    host: &str,
    now: UnixMillis,
) -> Result<(Vec<Der>, CertificateSeen), Unfit> {
    let part = |key: &str| data.get(key).ok_or((FindingCode::KeyMissing, format!("it has no key {key}")));
    let unfit = |why: String| (FindingCode::CertificateUnfit, why);
    let (certificate, key, anchors) = (part(CERTIFICATE)?, part(PRIVATE_KEY)?, part(ISSUED_BY)?);
    let about = CertificateSeen::read(certificate, None).map_err(unfit)?;
    KeyMaterial::from_pem(certificate, key)
        .map_err(|error| unfit(format!("{PRIVATE_KEY} doesn't go with {CERTIFICATE}: {error}")))?;
    if !about.dns.iter().any(|name| covers(name, host)) {
        let names = about.dns.join(", ");
        return Err(unfit(format!("{CERTIFICATE} is for \"{names}\", not for \"{host}\"")));
    }
    if now >= about.not_after {
        return Err(unfit(format!("{CERTIFICATE} ended at {}", about.not_after)));
    }
    if now < about.not_before {
        return Err(unfit(format!("{CERTIFICATE} begins only at {}", about.not_before)));
    }
    let anchors = certificates_from_pem(anchors).map_err(|error| unfit(format!("{ISSUED_BY}: {error}")))?;
    if anchors.is_empty() || anchors.len() > 16 {
        return Err(unfit(format!("{ISSUED_BY} has {} certificates, not 1 to 16", anchors.len())));
    }
    Ok((anchors.iter().map(|anchor| Der::new(anchor.to_vec())).collect(), about))
}

/// Whether a DNS name of a certificate stands for `host`; a wildcard for exactly one label (RFC 9525 section 6.3).
fn covers(name: &str, host: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_annotations_are_told_from_what_the_api_server_would_refuse() {
        let longest = "n".repeat(63);
        for good in ["a", "example.com/scheme", "a.b-c/D_e.f-9", &longest] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "Example.com/a",
            "a..b/c",
            "a/b/c",
            "a b",
            "-a",
            "a_",
            &format!("{longest}n"),
        ] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
    }
}
