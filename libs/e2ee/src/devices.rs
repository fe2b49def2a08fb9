//! The checker that both sides use: device certificates under the network's device issuers (`wickr_pki::check_device`).

use wickr_base::{Domain, UnixMillis};
use wickr_pki::{CertificateDer, check_device};

use crate::{CheckedDevice, DeviceChecker, DeviceRefusal};

/// Trusts devices of `domain` under these issuers, as the network document names them. Knows no revocation list.
#[derive(Debug, Clone)]
pub struct DeviceIssuers {
    /// The network.
    pub domain: Domain,
    /// Its device issuers, each an anchor.
    pub anchors: Vec<CertificateDer<'static>>,
}

impl DeviceChecker for DeviceIssuers {
    fn check(&self, leaf_der: &[u8], at: UnixMillis) -> Result<CheckedDevice, DeviceRefusal> {
        let checked = check_device(leaf_der, &self.anchors, &self.domain, at);
        let checked = checked.map_err(|error| DeviceRefusal(error.to_string()))?;
        Ok(CheckedDevice { uri: checked.uri, not_after: checked.not_after })
    }
}
