//! The hub as external sender (RFC 9420 section 12.1.8.1), and where observers come from: a new room, a next
//! generation (`generation`), a snapshot (`snapshot`).

use std::sync::Arc;

use mls_rs::external_client::ExternalClient;
use mls_rs::external_client::builder::{
    ExternalBaseConfig, ExternalClientBuilder, WithCryptoProvider, WithIdentityProvider, WithMlsRules,
};
use mls_rs::group::ExportedTree;
use mls_rs::{MlsMessage, WireFormat};
use mls_rs_codec::MlsDecode;
use mls_rs_crypto_awslc::AwsLcCryptoProvider;
use wickr_base::{Generation, GroupId, MemberUri, RoomId, UnixMillis};

use super::state::Observer;
use crate::credential::Credentials;
use crate::group_rules::GroupRules;
use crate::time::mls_time;
use crate::{E2eeError, Identity, Network, Refused, extensions};

/// Spelled out because the group is cloned for each judgement, which an opaque configuration doesn't allow.
pub(crate) type Config = WithMlsRules<
    GroupRules,
    WithIdentityProvider<Credentials, WithCryptoProvider<AwsLcCryptoProvider, ExternalBaseConfig>>,
>;

/// The relay's standing in all rooms of its network: its key signs removals, its rules judge.
#[derive(Clone)]
pub struct Hub {
    pub(super) network: Arc<Network>,
    pub(super) client: Arc<ExternalClient<Config>>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("network", &self.network).finish_non_exhaustive()
    }
}

impl Hub {
    /// `external_sender` must carry exactly the network's hub certificate: members compare it byte for byte.
    pub fn new(network: Network, external_sender: &Identity) -> Result<Self, E2eeError> {
        if external_sender.certificate() != network.hub_certificate {
            let uri = external_sender.uri().clone();
            return Err(E2eeError::Certificate {
                uri,
                why: "is not the hub that the network document names",
            });
        }
        let network = Arc::new(network);
        let client = ExternalClientBuilder::new()
            .crypto_provider(network.suite.provider())
            .identity_provider(Credentials(Arc::clone(&network)))
            .mls_rules(GroupRules(Arc::clone(&network)))
            .signer(external_sender.signer(), external_sender.signing_identity())
            .build();
        Ok(Self { network, client: Arc::new(client) })
    }

    /// The network it was made with.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A new room (`CreateRoom`): a group of generation 0 at epoch 0 whose only member is `creator`.
    ///
    /// Checked: GroupInfo and tree against each other and their signatures (RFC 9420 section 12.4.3.1), the creator's
    /// certificate at `now`, suite, group id, the room's rules and kind, external_senders exactly this hub.
    pub fn create(
        &self,
        room: &RoomId,
        creator: &MemberUri,
        group_info: &[u8],
        tree: &[u8],
        now: UnixMillis,
    ) -> Result<Observer, Refused> {
        let observer = self.observe(&room.group(Generation(0)), creator, group_info, tree, now)?;
        if observer.epoch() != 0 || observer.roster().len() != 1 {
            return Err(Refused::commit(
                "a new room starts at epoch 0 with its creator alone; add others by a commit",
            ));
        }
        Ok(observer)
    }

    /// Everything that holds for any group that is shown for the first time.
    pub(super) fn observe(
        &self,
        id: &GroupId,
        maker: &MemberUri,
        group_info: &[u8],
        tree: &[u8],
        now: UnixMillis,
    ) -> Result<Observer, Refused> {
        let message = MlsMessage::from_bytes(group_info).map_err(|_| Refused::unreadable("the GroupInfo"))?;
        if message.wire_format() != WireFormat::GroupInfo {
            return Err(Refused::unreadable("the GroupInfo"));
        }
        if message.group_id() != Some(id.to_bytes().as_slice()) || id.room.hub() != &self.network.domain {
            return Err(Refused::commit(format!(
                "the group id must be \"{id}\", of a room that this hub orders"
            )));
        }
        if message.cipher_suite() != Some(self.network.suite.mls()) {
            return Err(Refused::commit(format!(
                "the suite must be the network's, {:?}",
                self.network.suite
            )));
        }
        let signer = message.as_group_info().map(mls_rs::group::GroupInfo::sender);
        let tree = ExportedTree::mls_decode_exhaustive(tree).map_err(|_| Refused::unreadable("the tree"))?;
        let group = self
            .client
            .observe_group(message, Some(tree), Some(mls_time(now)))
            .map_err(|error| Refused::commit(format!("the group is not valid: {error}")))?;
        let rules = extensions::read(group.group_context().extensions(), &self.network)
            .map_err(|breach| Refused::commit(breach.to_string()))?;
        let observer = Observer::new(self.clone(), group, rules).map_err(Refused::commit)?;
        if signer.and_then(|index| observer.roster.at(index)).map(|member| &member.uri) != Some(maker) {
            return Err(Refused::commit(format!("the GroupInfo must be signed by its maker, \"{maker}\"")));
        }
        Ok(observer)
    }
}
