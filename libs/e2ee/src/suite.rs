//! Which MLS cipher suite a network uses.

use mls_rs::CipherSuite;
use mls_rs_crypto_awslc::AwsLcCryptoProvider;

/// A network's cipher suite, fixed for its life.
///
/// The device key signs for the leaf, so the suite decides what kind of key a device certificate carries. Device
/// certificates, session tokens and proofs of possession are P-256 throughout, hence there is one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// `MLS_128_DHKEMP256_AES128GCM_SHA256_P256` (RFC 9420 section 17.1, value 2).
    P256,
}

impl Suite {
    /// Its number in the IANA registry (RFC 9420 section 17.1).
    pub fn number(self) -> u16 {
        self.mls().into()
    }

    pub(crate) fn mls(self) -> CipherSuite {
        match self {
            Self::P256 => CipherSuite::P256_AES128,
        }
    }

    /// A provider that knows this suite only, so that a group of another one is refused by the library itself.
    pub(crate) fn provider(self) -> AwsLcCryptoProvider {
        AwsLcCryptoProvider::with_enabled_cipher_suites(vec![self.mls()])
    }
}
