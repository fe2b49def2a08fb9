//! The MLS engine's question "is this a device of the network" answered by the network's device issuers.

use rustls::pki_types::CertificateDer;
use wickr_base::{Domain, UnixMillis};
use wickr_e2ee::{CheckedDevice, DeviceChecker, DeviceRefusal};

/// Chain to the device issuer, profile, network.
#[derive(Debug)]
pub(super) struct DeviceCheck {
    domain: Domain,
    anchors: Vec<CertificateDer<'static>>,
}

impl DeviceCheck {
    pub(super) fn new(domain: Domain, anchors: Vec<CertificateDer<'static>>) -> Self {
        Self { domain, anchors }
    }
}

impl DeviceChecker for DeviceCheck {
    fn check(&self, leaf_der: &[u8], at: UnixMillis) -> Result<CheckedDevice, DeviceRefusal> {
        wickr_pki::check_device(leaf_der, &self.anchors, &self.domain, at)
            .map(|device| CheckedDevice { uri: device.uri, not_after: device.not_after })
            .map_err(|error| DeviceRefusal(error.to_string()))
    }
}
