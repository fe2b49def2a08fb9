//! The GroupContext extensions of our groups: exactly required_capabilities, external_senders and the room's rules
//! (RFC 9420 sections 11.1, 12.1.8.1, 13.3). Nothing else may stand there, and only the rules may change.

use mls_rs::extension::built_in::{ExternalSendersExt, RequiredCapabilitiesExt};
use mls_rs::extension::{ExtensionType, MlsExtension};
use mls_rs::{Extension, ExtensionList};
use mls_rs_core::identity::CredentialType;
use wickr_base::MemberUri;

use crate::identity::signing_identity;
use crate::leaf::Leaf;
use crate::rules::EXTENSION_TYPE;
use crate::{Network, RoomRules, RuleBreach};

pub(crate) const ROOM: ExtensionType = ExtensionType::new(EXTENSION_TYPE);

/// The extensions of a new group.
pub(crate) fn for_room(rules: &RoomRules, network: &Network) -> Result<ExtensionList, RuleBreach> {
    rules.check(&network.domain)?;
    Ok(ExtensionList::from(vec![
        required_capabilities()?,
        external_senders(network)?,
        Extension::new(ROOM, rules.encode()),
    ]))
}

/// Reads the rules, and refuses the list unless it is exactly what `for_room` would make of them.
pub(crate) fn read(extensions: &ExtensionList, network: &Network) -> Result<RoomRules, RuleBreach> {
    for extension in extensions.iter() {
        match extension.extension_type {
            ExtensionType::REQUIRED_CAPABILITIES | ExtensionType::EXTERNAL_SENDERS | ROOM => {}
            other => return Err(RuleBreach::UnknownExtension(other.raw_value())),
        }
    }
    if extensions.get(ExtensionType::REQUIRED_CAPABILITIES).as_ref() != Some(&required_capabilities()?) {
        return Err(RuleBreach::RequiredCapabilities);
    }
    if extensions.get(ExtensionType::EXTERNAL_SENDERS).as_ref() != Some(&external_senders(network)?) {
        return Err(RuleBreach::ExternalSenders);
    }
    let rules = rules_of(extensions)?;
    rules.check(&network.domain)?;
    Ok(rules)
}

/// The rules of a group that was judged when it was first seen.
pub(crate) fn rules_of(extensions: &ExtensionList) -> Result<RoomRules, RuleBreach> {
    RoomRules::decode(&extensions.get(ROOM).ok_or(RuleBreach::Absent)?.extension_data)
}

/// Whether `by` may replace `current` with `next`: everything but the rules stays as it is.
pub(crate) fn check_change(
    current: &ExtensionList,
    next: &ExtensionList,
    by: &MemberUri,
    network: &Network,
) -> Result<(), RuleBreach> {
    read(current, network)?.check_change(&read(next, network)?, by)
}

fn required_capabilities() -> Result<Extension, RuleBreach> {
    RequiredCapabilitiesExt::new(vec![ROOM], Vec::new(), vec![CredentialType::X509])
        .into_extension()
        .map_err(|_| RuleBreach::RequiredCapabilities)
}

fn external_senders(network: &Network) -> Result<Extension, RuleBreach> {
    let certificate = network.hub_certificate.clone();
    let key = Leaf::parse(&certificate).map_err(|_| RuleBreach::ExternalSenders)?.public_key;
    ExternalSendersExt::new(vec![signing_identity(certificate, key)])
        .into_extension()
        .map_err(|_| RuleBreach::ExternalSenders)
}
