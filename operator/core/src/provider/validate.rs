//! From a provider's spec and what it points at to a `ValidProvider`, or all findings.

use kube_core::ResourceExt as _;
use wickr_base::{Lifetime, Secret};
use wickr_operator_api::v1alpha1::{IdentityProvider, IdentityProviderSpec};
use wickr_pki::certificates_from_pem;

use super::address::{cidr, is_link_local, issuer};
use super::{ProviderRefs, Referenced};
use crate::Lookup;
use crate::finding::{Finding, FindingCode, Findings};

/// Longest time without the provider's word, in hours.
const LONGEST_GRACE_HOURS: u64 = 720;

/// A provider as it shall be used.
#[derive(Clone, Debug)]
pub struct ValidProvider {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it asks for; read once, kept as it is.
    pub spec: IdentityProviderSpec,
    /// The client's secret.
    pub client_secret: Secret<String>,
    /// The authorities, PEM.
    pub ca_bundle: Option<Secret<String>>,
    /// Versions of the objects that secret and authorities came from.
    pub versions: Vec<String>,
    /// Whether the network has chosen it.
    pub selected: bool,
    /// Whether the network is paused.
    pub paused: bool,
}

/// Judges a provider.
pub fn validate(provider: &IdentityProvider, refs: &ProviderRefs) -> Result<ValidProvider, Findings> {
    let mut findings = Vec::new();
    check_addresses(&provider.spec, &mut findings);
    check_grace(&provider.spec, &mut findings);
    if !provider.spec.scopes.iter().any(|scope| scope == "openid") {
        findings.push(Finding::new(
            "spec.scopes",
            FindingCode::Contradiction,
            "openid is not among them",
            "add openid",
        ));
    }
    let network = network(provider, refs, &mut findings);
    let secret = client_secret(provider, refs, &mut findings);
    let bundle = ca_bundle(provider, refs, &mut findings);
    match (network, secret, bundle) {
        (Some((selected, paused)), Some(secret), Some(bundle)) if findings.is_empty() => Ok(ValidProvider {
            namespace: provider.namespace().unwrap_or_default(),
            name: provider.name_any(),
            spec: provider.spec.clone(),
            versions: [Some(secret.0), bundle.as_ref().map(|(version, _)| version.clone())]
                .into_iter()
                .flatten()
                .collect(),
            client_secret: secret.1,
            ca_bundle: bundle.map(|(_, pem)| pem),
            selected,
            paused,
        }),
        _ => Err(Findings(findings)),
    }
}

fn check_addresses(spec: &IdentityProviderSpec, findings: &mut Vec<Finding>) {
    match issuer(&spec.issuer) {
        Ok(address) if address.host.parse().is_ok_and(is_link_local) => findings.push(Finding::new(
            "spec.issuer",
            FindingCode::AddressRefused,
            format!("\"{}\" is a link-local address", address.host),
            "name the provider by its DNS name",
        )),
        Ok(_) => {}
        Err(why) => findings.push(Finding::new(
            "spec.issuer",
            FindingCode::Unreadable,
            format!("\"{}\" is not an issuer: {why}", spec.issuer),
            "write it exactly as the provider's discovery document has it",
        )),
    }
    for (at, range) in spec.cidrs.iter().enumerate() {
        let path = format!("spec.cidrs[{at}]");
        match cidr(range) {
            Ok(address) if is_link_local(address) => findings.push(Finding::new(
                path,
                FindingCode::AddressRefused,
                format!("\"{range}\" is link-local"),
                "name the addresses that the provider's name resolves to",
            )),
            Ok(_) => {}
            Err(why) => findings.push(Finding::new(
                path,
                FindingCode::Unreadable,
                format!("\"{range}\" is not an address range: {why}"),
                "write it like 10.250.0.1/32",
            )),
        }
    }
}

fn check_grace(spec: &IdentityProviderSpec, findings: &mut Vec<Finding>) {
    let mut refuse = |code, message: String| {
        findings.push(Finding::new("spec.refreshGrace", code, message, "write it like 60m, at most 720h"));
    };
    match spec.refresh_grace.parse::<Lifetime>() {
        Ok(grace) if grace.get().as_secs() > LONGEST_GRACE_HOURS * 3600 => {
            refuse(FindingCode::OutOfRange, format!("{grace} is longer than {LONGEST_GRACE_HOURS}h"));
        }
        Ok(_) => {}
        Err(error) => refuse(FindingCode::Unreadable, error.to_string()),
    }
}

/// Whether the network has chosen this provider, and whether it is paused.
fn network(
    provider: &IdentityProvider,
    refs: &ProviderRefs,
    findings: &mut Vec<Finding>,
) -> Option<(bool, bool)> {
    let name = &provider.spec.network_ref.name;
    let mut refuse = |code, message: String, hint: &str| {
        findings.push(Finding::new("spec.networkRef.name", code, message, hint));
    };
    match &refs.network {
        Lookup::Found(network) => {
            let chosen = network.spec.sign_in.as_ref().map(|sign_in| &sign_in.identity_provider_ref.name);
            Some((chosen == Some(&provider.name_any()), network.spec.paused))
        }
        Lookup::Missing => {
            refuse(FindingCode::NetworkMissing, format!("WickrNetwork \"{name}\" is not there"), "apply it");
            None
        }
        Lookup::Unreadable(why) => {
            let message = format!("WickrNetwork \"{name}\" can't be read: {}", why.message);
            refuse(FindingCode::Forbidden, message, &why.next);
            None
        }
    }
}

fn client_secret(
    provider: &IdentityProvider,
    refs: &ProviderRefs,
    findings: &mut Vec<Finding>,
) -> Option<(String, Secret<String>)> {
    let at = &provider.spec.client_secret_ref;
    let object = format!("Secret \"{}\"", at.name);
    let path = "spec.clientSecretRef";
    let (version, value) =
        referenced(&refs.client_secret, path, &object, &at.key, FindingCode::SecretMissing, findings)?;
    if value.expose().is_empty() {
        let message = format!("{object} has nothing under \"{}\"", at.key);
        findings.push(Finding::new(path, FindingCode::KeyMissing, message, "put the client's secret there"));
        return None;
    }
    Some((version, value))
}

/// `Some(None)` when the spec names none.
#[expect(clippy::option_option, reason = "refused, none named, and read are three different things")]
fn ca_bundle(
    provider: &IdentityProvider,
    refs: &ProviderRefs,
    findings: &mut Vec<Finding>,
) -> Option<Option<(String, Secret<String>)>> {
    let (Some(at), Some(lookup)) = (&provider.spec.ca_bundle_ref, &refs.ca_bundle) else { return Some(None) };
    let object = format!("ConfigMap \"{}\"", at.name);
    let path = "spec.caBundleRef";
    let found = referenced(lookup, path, &object, &at.key, FindingCode::ConfigMapMissing, findings)?;
    match certificates_from_pem(found.1.expose().as_bytes()) {
        Ok(list) if !list.is_empty() => Some(Some(found)),
        Ok(_) => {
            let message = format!("{object} has no certificate under \"{}\"", at.key);
            findings.push(Finding::new(
                path,
                FindingCode::CertificateUnfit,
                message,
                "put PEM certificates there",
            ));
            None
        }
        Err(error) => {
            let message = format!("{object}, key \"{}\": {error}", at.key);
            findings.push(Finding::new(
                path,
                FindingCode::CertificateUnfit,
                message,
                "put PEM certificates there",
            ));
            None
        }
    }
}

fn referenced(
    lookup: &Lookup<Referenced>,
    path: &str,
    object: &str,
    key: &str,
    missing: FindingCode,
    findings: &mut Vec<Finding>,
) -> Option<(String, Secret<String>)> {
    let mut refuse = |code, message: String, hint: &str| {
        findings.push(Finding::new(path, code, message, hint));
    };
    match lookup {
        // Its value would be sent to wherever the spec says.
        Lookup::Found(Referenced { network: Some(network), .. }) => {
            let message = format!("{object} holds keys of network \"{network}\"");
            refuse(FindingCode::SecretReserved, message, "name an object of your own");
            None
        }
        Lookup::Found(Referenced { version, value: Some(value), .. }) => {
            Some((version.clone(), value.clone()))
        }
        Lookup::Found(Referenced { value: None, .. }) => {
            refuse(
                FindingCode::KeyMissing,
                format!("{object} has no key \"{key}\""),
                "add the key, or name another",
            );
            None
        }
        Lookup::Missing => {
            refuse(missing, format!("{object} is not there"), "create it; it is looked for once a minute");
            None
        }
        Lookup::Unreadable(why) => {
            refuse(FindingCode::Forbidden, format!("{object} can't be read: {}", why.message), &why.next);
            None
        }
    }
}
