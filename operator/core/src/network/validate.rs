//! From a spec and what it points at to a `ValidNetwork`, or all findings. The same function for operator and webhook.

use std::ops::RangeInclusive;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube_core::{Resource as _, ResourceExt as _};
use wickr_base::{Domain, Lifetime, UnixMillis};
use wickr_operator_api::v1alpha1::{self as api, RotateAfter};
use wickr_pki::{KeyMaterial, certificates_from_pem};
use wickr_policy::{Der, ServiceUrl, Suite};

use super::keys::{CERTIFICATE, ISSUED_BY, PRIVATE_KEY};
use super::seen::CertificateSeen;
use super::sizing::Sizes;
use super::valid::{
    ClassFacts, ProviderReach, PublicTlsSource, ValidExposure, ValidIsolation, ValidKeys, ValidNetwork,
    ValidStorage,
};
use super::{GivenSecret, Neighbour, NetworkRefs, SecretData};
use crate::condition::millis;
use crate::drift::bytes;
use crate::finding::{Finding, FindingCode, Findings};
use crate::names::LONGEST;
use crate::{Lookup, Names, provider};

/// Annotation that marks the cluster's default storage class.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Judges a network. What it points at may be unknown to the caller: then only the object itself is judged.
pub fn validate(
    network: &api::WickrNetwork,
    refs: &NetworkRefs,
    now: UnixMillis,
) -> Result<ValidNetwork, Findings> {
    let mut findings = Vec::new();
    let names = Names::new(network.namespace().unwrap_or_default(), network.name_any());
    check_name(&names, &mut findings);
    check_neighbours(network, &refs.neighbours, &mut findings);
    let domain = parse_domain(&network.spec.domain, &mut findings);
    let sizes = sizes(&network.spec, &mut findings);
    let exposure = exposure(&network.spec.exposure, refs, now, &mut findings);
    let keys = keys(&network.spec.keys, &mut findings);
    match (domain, sizes, exposure, keys) {
        (Some(domain), Some(sizes), Some(exposure), Some(keys)) if findings.is_empty() => Ok(ValidNetwork {
            owner: owner(network),
            domain,
            suite: match network.spec.cryptography.suite {
                api::Suite::P256 => Suite::P256,
            },
            sizes,
            storage: storage(&network.spec.storage.embedded, &refs.storage_classes),
            exposure,
            isolation: isolation(&network.spec, refs),
            keys,
            removes_data: network.spec.deletion_policy == api::DeletionPolicy::Delete,
            paused: network.spec.paused,
            root: refs.root,
            highest_document: highest_document(network),
            finalizers: network.finalizers().to_vec(),
            names,
        }),
        _ => Err(Findings(findings)),
    }
}

fn check_name(names: &Names, findings: &mut Vec<Finding>) {
    if names.network.len() > LONGEST {
        findings.push(Finding::new(
            "metadata.name",
            FindingCode::NameTooLong,
            format!("\"{}\" has {} characters, at most {LONGEST} fit", names.network, names.network.len()),
            "make the network again under a shorter name",
        ));
    }
}

/// The younger of two is refused; of the same age, the one whose uid sorts later.
fn check_neighbours(network: &api::WickrNetwork, neighbours: &[Neighbour], findings: &mut Vec<Finding>) {
    let age = |created: Option<UnixMillis>| created.unwrap_or(UnixMillis(i64::MAX));
    let own_created = network.meta().creation_timestamp.as_ref().map(crate::condition::millis);
    let own = (age(own_created), network.uid().unwrap_or_default());
    let (namespace, name) = (network.namespace().unwrap_or_default(), network.name_any());
    let older = |other: &&Neighbour| {
        (other.namespace != namespace || other.name != name)
            && (other.created, other.uid.as_str()) < (own.0, own.1.as_str())
    };
    for other in neighbours.iter().filter(older) {
        let (theirs, ours) = (format!("{}/{}", other.namespace, other.name), format!("{namespace}/{name}"));
        if other.domain == network.spec.domain {
            findings.push(Finding::new(
                "spec.domain",
                FindingCode::DomainTaken,
                format!(
                    "\"{}\" belongs to the older WickrNetwork {theirs}; {ours} is the younger",
                    other.domain
                ),
                format!("give {ours} a domain of its own, or delete one of the two"),
            ));
        }
        if other.namespace == namespace {
            findings.push(Finding::new(
                "metadata.namespace",
                FindingCode::NamespaceTaken,
                format!("the older WickrNetwork {theirs} is in this namespace; {ours} is the younger"),
                format!("make {ours} in a namespace of its own, or delete one of the two"),
            ));
        }
    }
}

fn parse_domain(text: &str, findings: &mut Vec<Finding>) -> Option<Domain> {
    text.parse()
        .map_err(|error: wickr_base::DomainError| {
            findings.push(Finding::new(
                "spec.domain",
                FindingCode::Unreadable,
                error.to_string(),
                "write a DNS name that the organisation owns, like hq.example",
            ));
        })
        .ok()
}

fn sizes(spec: &api::WickrNetworkSpec, findings: &mut Vec<Finding>) -> Option<Sizes> {
    let users = u32::try_from(spec.capacity.users).ok().filter(|users| (1..=100_000).contains(users));
    if users.is_none() {
        findings.push(Finding::new(
            "spec.capacity.users",
            FindingCode::OutOfRange,
            format!("{} is not from 1 to 100000", spec.capacity.users),
            "write how many people the network is meant for",
        ));
    }
    let size = &spec.storage.embedded.size;
    if bytes(size).is_none_or(|bytes| bytes == 0) {
        findings.push(Finding::new(
            "spec.storage.embedded.size",
            FindingCode::Unreadable,
            format!("\"{size}\" is not a size"),
            "write a number and Mi, Gi or Ti, like 20Gi",
        ));
        return None;
    }
    Some(Sizes::new(users?, size.clone()))
}

/// The shortest overlap: every connected client learns of a change within it. The longest: a month.
const OVERLAP: RangeInclusive<Duration> = Duration::from_secs(15)..=Duration::from_hours(720);

fn keys(spec: &api::Keys, findings: &mut Vec<Finding>) -> Option<ValidKeys> {
    let refused = match spec.overlap.parse::<Lifetime>() {
        Ok(overlap) if OVERLAP.contains(&overlap.get()) => {
            // Certificates begin at whole seconds.
            let day =
                |day: &Option<Time>| day.as_ref().map(|day| UnixMillis::from_seconds(millis(day).seconds()));
            let RotateAfter { certificates, document_key, workload_issuer, document_issuer } =
                &spec.rotate_after;
            return Some(ValidKeys {
                certificates: day(certificates),
                document_key: day(document_key),
                workload_issuer: day(workload_issuer),
                document_issuer: day(document_issuer),
                overlap: overlap.get(),
            });
        }
        Ok(overlap) => (FindingCode::OutOfRange, format!("{overlap} is not from 15s to 720h")),
        Err(error) => (FindingCode::Unreadable, error.to_string()),
    };
    let (code, message) = refused;
    findings.push(Finding::new("spec.keys.overlap", code, message, "write it like 24h, from 15s to 720h"));
    None
}

fn exposure(
    spec: &api::Exposure,
    refs: &NetworkRefs,
    now: UnixMillis,
    findings: &mut Vec<Finding>,
) -> Option<ValidExposure> {
    let relay_port = port(spec.service.relay_port, "spec.exposure.service.relayPort", findings);
    let sso_port = port(spec.service.sso_port, "spec.exposure.service.ssoPort", findings);
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
    Some(ValidExposure { hostname: spec.hostname.clone(), tls: tls?, relay_port, sso_port, relay, sso })
}

fn port(number: i32, path: &str, findings: &mut Vec<Finding>) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        findings.push(Finding::new(
            path,
            FindingCode::OutOfRange,
            format!("{number} is not a port"),
            "write a node port of the cluster, by default from 30000 to 32767",
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

fn storage(
    spec: &api::EmbeddedStorage,
    classes: &Lookup<Vec<k8s_openapi::api::storage::v1::StorageClass>>,
) -> ValidStorage {
    let facts =
        |class: &k8s_openapi::api::storage::v1::StorageClass| ClassFacts {
            name: class.metadata.name.clone().unwrap_or_default(),
            expandable: class.allow_volume_expansion == Some(true),
            default: class.metadata.annotations.as_ref().is_some_and(|annotations| {
                annotations.get(DEFAULT_CLASS).is_some_and(|value| value == "true")
            }),
        };
    ValidStorage {
        class: spec.storage_class_name.clone(),
        access_mode: match spec.access_mode {
            api::AccessMode::ReadWriteOnce => "ReadWriteOnce",
            api::AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
        },
        classes: classes.found().map(|classes| classes.iter().map(facts).collect()),
    }
}

fn isolation(spec: &api::WickrNetworkSpec, refs: &NetworkRefs) -> Option<ValidIsolation> {
    match spec.isolation.network_policy {
        api::NetworkPolicyMode::Disabled => return None,
        api::NetworkPolicyMode::Enforced => {}
    }
    let chosen = refs.provider.as_ref().and_then(Lookup::found).map(|chosen| provider::reaches(chosen, true));
    let others = refs.other_providers.iter().flat_map(|other| provider::reaches(other, false));
    let mut providers: Vec<ProviderReach> = chosen.into_iter().flatten().chain(others).collect();
    providers.sort();
    providers.dedup();
    Some(ValidIsolation {
        dns: spec.isolation.dns.clone(),
        monitoring: spec.isolation.monitoring.clone(),
        providers,
    })
}

fn highest_document(network: &api::WickrNetwork) -> u64 {
    let document = network.status.as_ref().and_then(|status| status.document.as_ref());
    document.and_then(|document| u64::try_from(document.number).ok()).unwrap_or(0)
}

/// The owner reference that everything of the network carries, but for what outlives it.
fn owner(network: &api::WickrNetwork) -> OwnerReference {
    OwnerReference {
        api_version: api::WickrNetwork::api_version(&()).into_owned(),
        kind: api::WickrNetwork::kind(&()).into_owned(),
        name: network.name_any(),
        uid: network.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
