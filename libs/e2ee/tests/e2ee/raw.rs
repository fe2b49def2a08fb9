//! A modified client: the MLS library without our rules, believing any certificate, with every dangerous option.

use std::sync::Arc;

use mls_rs::client_builder::{
    BaseConfig, PaddingMode, WithCryptoProvider, WithIdentityProvider, WithMlsRules,
};
use mls_rs::extension::ExtensionType;
use mls_rs::group::proposal::ProposalType;
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::time::MlsTime;
use mls_rs::{CipherSuite, Client, ExtensionList, Group, MlsMessage};
use mls_rs_core::crypto::SignatureSecretKey;
use mls_rs_core::error::IntoAnyError;
use mls_rs_core::identity::{
    CertificateChain, Credential, CredentialType, IdentityProvider, MemberValidationContext, SigningIdentity,
};
use mls_rs_crypto_awslc::AwsLcCryptoProvider;
use wickr_base::{MemberUri, UnixMillis};
use wickr_e2ee::CommitOut;
use wickr_pki::SigningKey;

use crate::world::{DAY, Package, Relay, World};

pub(crate) const ROOM: ExtensionType = ExtensionType::new(0xF001);
pub(crate) const CUSTOM: ProposalType = ProposalType::new(0xF0F0);

pub(crate) type RawConfig = WithMlsRules<
    DefaultMlsRules,
    WithIdentityProvider<Gullible, WithCryptoProvider<AwsLcCryptoProvider, BaseConfig>>,
>;
pub(crate) type RawGroup = Group<RawConfig>;

/// Believes any certificate, and any to follow any other.
#[derive(Clone, Debug)]
pub(crate) struct Gullible;

#[derive(Debug)]
pub(crate) struct Nothing;

impl IntoAnyError for Nothing {}

impl IdentityProvider for Gullible {
    type Error = Nothing;

    fn validate_member(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: MemberValidationContext<'_>,
    ) -> Result<(), Nothing> {
        Ok(())
    }

    fn validate_external_sender(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: Option<&ExtensionList>,
    ) -> Result<(), Nothing> {
        Ok(())
    }

    fn identity(&self, identity: &SigningIdentity, _: &ExtensionList) -> Result<Vec<u8>, Nothing> {
        match &identity.credential {
            Credential::X509(chain) => Ok(chain.leaf().map(|leaf| leaf.to_vec()).unwrap_or_default()),
            _ => Err(Nothing),
        }
    }

    fn valid_successor(
        &self,
        _: &SigningIdentity,
        _: &SigningIdentity,
        _: &ExtensionList,
    ) -> Result<bool, Nothing> {
        Ok(true)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::X509]
    }
}

/// How to be modified.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) encrypt_handshakes: bool,
    pub(crate) without_room_extension: bool,
    pub(crate) allow_external_commit: bool,
}

pub(crate) struct Raw {
    pub(crate) uri: MemberUri,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) client: Client<RawConfig>,
    pub(crate) now: UnixMillis,
}

pub(crate) fn signer(key: &SigningKey) -> SignatureSecretKey {
    SignatureSecretKey::new(key.to_mls_scalar().unwrap().expose().to_vec())
}

pub(crate) fn signing_identity(certificate: Vec<u8>, key: &SigningKey) -> SigningIdentity {
    let credential = CertificateChain::from(vec![certificate]).into_credential();
    SigningIdentity::new(credential, key.public_point().to_vec().into())
}

pub(crate) fn mls_time(at: UnixMillis) -> MlsTime {
    MlsTime::from(u64::try_from(at.seconds()).unwrap())
}

impl Raw {
    pub(crate) fn new(world: &World) -> Self {
        Self::with(world, Options::default())
    }

    pub(crate) fn with(world: &World, options: Options) -> Self {
        let (uri, key) = (world.uri(), SigningKey::generate().unwrap());
        let certificate = world.certificate(&uri, &key, DAY * 90);
        Self::of(world, uri, key, certificate, options)
    }

    pub(crate) fn of(
        world: &World,
        uri: MemberUri,
        key: SigningKey,
        certificate: Vec<u8>,
        options: Options,
    ) -> Self {
        let commit = CommitOptions::new()
            .with_ratchet_tree_extension(false)
            .with_allow_external_commit(options.allow_external_commit);
        let encryption = EncryptionOptions::new(options.encrypt_handshakes, PaddingMode::StepFunction);
        let mut builder = Client::builder()
            .crypto_provider(AwsLcCryptoProvider::new())
            .identity_provider(Gullible)
            .mls_rules(DefaultMlsRules::new().with_commit_options(commit).with_encryption_options(encryption))
            .custom_proposal_type(CUSTOM)
            .extension_types([ExtensionType::new(0xF002), ExtensionType::LAST_RESORT_KEY_PACKAGE])
            .key_package_lifetime(DAY * 80)
            .signing_identity(signing_identity(certificate, &key), signer(&key), CipherSuite::P256_AES128);
        if !options.without_room_extension {
            builder = builder.extension_type(ROOM);
        }
        Self { uri, key: Arc::new(key), client: builder.build(), now: world.now }
    }

    pub(crate) fn package(&self) -> Package {
        let message = self
            .client
            .generate_key_package_message(
                ExtensionList::new(),
                ExtensionList::new(),
                Some(mls_time(self.now)),
            )
            .unwrap();
        Package { uri: self.uri.clone(), bytes: message.to_bytes().unwrap() }
    }

    pub(crate) fn join(&self, out: &CommitOut, relay: &Relay) -> RawGroup {
        let tree = mls_rs::group::ExportedTree::from_bytes(&relay.observer.tree().unwrap()).unwrap();
        let welcome = MlsMessage::from_bytes(out.welcome.as_deref().unwrap()).unwrap();
        self.client.join_group(Some(tree), &welcome, None).unwrap().0
    }
}

/// The GroupContext extensions in a GroupInfo.
pub(crate) fn extensions_of(group_info: &[u8]) -> ExtensionList {
    let message = MlsMessage::from_bytes(group_info).unwrap();
    message.into_group_info().unwrap().group_context().extensions().clone()
}

pub(crate) fn take_in(group: &mut RawGroup, message: &[u8], at: UnixMillis) {
    group.process_incoming_message_with_time(MlsMessage::from_bytes(message).unwrap(), mls_time(at)).unwrap();
}
