//! Issuing device certificates, and proving every now and then that what is issued holds. What stands in one:
//! `wickr_pki` (`issue_device`); when one may be renewed: `wickr_model::CertificateLife`.

use std::sync::Arc;

use tokio::sync::watch;
use wickr_base::{DeviceId, Domain, MemberUri, Rng, UnixMillis, UserId};
use wickr_model::{CERTIFICATE_LIFETIME, CertificateLife};
use wickr_pki::{
    CertificateDer, KeyMaterial, PkiError, SigningKey, check_device, check_member_chain, issue_device,
    parse_leaf,
};
use wickr_wire::ProblemCode;

use crate::refused::Refusal;

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("issuing a device certificate")]
    Issue(#[source] PkiError),
    #[error("reading the device certificate that was just issued")]
    Read(#[source] PkiError),
}

impl Refusal for IssueError {
    fn code(&self) -> ProblemCode {
        ProblemCode::Internal
    }
}

/// The issuer that signs now; it is followed by another one while sso runs.
pub(crate) type Issuer = watch::Receiver<Arc<KeyMaterial>>;

/// Issues device certificates.
#[derive(Debug)]
pub(crate) struct DeviceIssuer {
    domain: Domain,
    issuer: Issuer,
}

impl DeviceIssuer {
    pub(crate) fn new(domain: Domain, issuer: Issuer) -> Self {
        Self { domain, issuer }
    }

    /// The issuer's own certificate: an anchor for what it signs.
    pub(crate) fn anchor(&self) -> CertificateDer<'static> {
        self.issuer.borrow().certificate.clone()
    }

    /// Whether another issuer than the present one has signed that device's certificate.
    pub(crate) fn is_of_another(&self, certificate: &[u8]) -> bool {
        check_member_chain(certificate, &[self.anchor()], &self.domain).is_err()
    }

    /// A certificate of 90 days, or until the issuer ends.
    pub(crate) fn issue(
        &self,
        (user, device): (UserId, DeviceId),
        spki: &[u8],
        rng: &dyn Rng,
        now: UnixMillis,
    ) -> Result<(Vec<u8>, CertificateLife), IssueError> {
        let uri = MemberUri::Device { domain: self.domain.clone(), user, device };
        let not_after = now.plus(CERTIFICATE_LIFETIME);
        let issuer = self.issuer.borrow().clone();
        let issued = issue_device(&issuer, &uri, spki, rng, now, not_after).map_err(IssueError::Issue)?;
        let leaf = parse_leaf(&issued).map_err(IssueError::Read)?;
        let life = CertificateLife { not_before: leaf.not_before, not_after: leaf.not_after };
        Ok((issued.to_vec(), life))
    }

    /// Issues a certificate for a device that isn't, and checks it against the anchors that everybody uses.
    pub(crate) fn try_out(
        &self,
        anchors: &[CertificateDer<'static>],
        rng: &dyn Rng,
        now: UnixMillis,
    ) -> Result<(), IssueError> {
        let key = SigningKey::generate().map_err(IssueError::Issue)?;
        let whose = (UserId::random(rng), DeviceId::random(rng));
        let (certificate, _) = self.issue(whose, key.public().spki(), rng, now)?;
        check_device(&certificate, anchors, &self.domain, now).map_err(IssueError::Read)?;
        Ok(())
    }
}
