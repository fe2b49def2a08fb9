//! From a spec and what it points at to a `ValidNetwork`, or all findings. The same function for operator and webhook.

mod exposure;

use std::ops::RangeInclusive;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube_core::{Resource as _, ResourceExt as _};
use wickr_base::{Domain, Lifetime, UnixMillis};
use wickr_operator_api::v1alpha1::{self as api, RotateAfter};
use wickr_policy::Suite;

use super::sizing::Sizes;
use super::valid::{ClassFacts, ProviderReach, ValidIsolation, ValidKeys, ValidNetwork, ValidStorage};
use super::{Neighbour, NetworkRefs};
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
    let exposure = exposure::exposure(&network.spec.exposure, refs, now, &mut findings);
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

/// The longest for devices: a year.
const DEVICE_OVERLAP: RangeInclusive<Duration> = Duration::from_secs(15)..=Duration::from_hours(8760);

fn keys(spec: &api::Keys, findings: &mut Vec<Finding>) -> Option<ValidKeys> {
    let mut take = |read: Result<Duration, Finding>| read.map_err(|finding| findings.push(finding)).ok();
    let hint = "write it like 24h, from 15s to 720h";
    let beside = take(overlap(&spec.overlap, &OVERLAP, "spec.keys.overlap", hint));
    let hint = "write it like 5040h, from 15s to 8760h";
    let of_devices = take(overlap(&spec.device_overlap, &DEVICE_OVERLAP, "spec.keys.deviceOverlap", hint));
    // Certificates begin at whole seconds.
    let day = |day: &Option<Time>| day.as_ref().map(|day| UnixMillis::from_seconds(millis(day).seconds()));
    let RotateAfter { certificates, document_key, workload_issuer, document_issuer, device_issuer } =
        &spec.rotate_after;
    Some(ValidKeys {
        certificates: day(certificates),
        document_key: day(document_key),
        workload_issuer: day(workload_issuer),
        document_issuer: day(document_issuer),
        device_issuer: day(device_issuer),
        overlap: beside?,
        device_overlap: of_devices?,
    })
}

fn overlap(
    text: &str,
    range: &RangeInclusive<Duration>,
    path: &'static str,
    hint: &'static str,
) -> Result<Duration, Finding> {
    let (code, message) = match text.parse::<Lifetime>() {
        Ok(overlap) if range.contains(&overlap.get()) => return Ok(overlap.get()),
        Ok(overlap) => {
            let (least, most) = (Lifetime::new(*range.start()), Lifetime::new(*range.end()));
            (FindingCode::OutOfRange, format!("{overlap} is not from {least} to {most}"))
        }
        Err(error) => (FindingCode::Unreadable, error.to_string()),
    };
    Err(Finding::new(path, code, message, hint))
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
