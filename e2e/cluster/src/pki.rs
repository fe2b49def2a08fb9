//! A certificate authority of the test machine's own, for a cluster's parts or for one service beside the clusters.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

/// A CA whose key lives in memory only; what it signs is written to a folder.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Certificate.
    pub certificate: PathBuf,
    /// PKCS #8 key.
    pub key: PathBuf,
}

impl Authority {
    /// A new CA; its certificate is `ca.crt` in `folder`, its key `ca.key`.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("making a CA key")?;
        let issuer = CertifiedIssuer::self_signed(params, key).context("signing a CA certificate")?;
        let authority = Self { issuer, folder: folder.to_owned() };
        write(&authority.certificate(), &authority.issuer.pem())?;
        write(&authority.key(), &authority.issuer.key().serialize_pem())?;
        Ok(authority)
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The CA's key.
    pub fn key(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// Issues `NAME.crt` and `NAME.key`, good for servers and clients. Names are DNS names or addresses.
    pub fn issue(
        &self,
        name: &str,
        common_name: &str,
        organization: Option<&str>,
        names: &[&str],
    ) -> Result<Identity> {
        let mut params = CertificateParams::new(names.iter().copied().map(str::to_owned).collect::<Vec<_>>())
            .with_context(|| format!("names of certificate '{name}'"))?;
        params.distinguished_name = subject(common_name, organization);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().with_context(|| format!("making the key of '{name}'"))?;
        let certificate =
            params.signed_by(&key, &self.issuer).with_context(|| format!("signing certificate '{name}'"))?;
        let identity = Identity {
            certificate: self.folder.join(format!("{name}.crt")),
            key: self.folder.join(format!("{name}.key")),
        };
        write(&identity.certificate, &certificate.pem())?;
        write(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }

    /// A key pair without a certificate, for service account tokens: the paths of private and public key.
    pub fn key_pair(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate().with_context(|| format!("making the key '{name}'"))?;
        let (private, public) =
            (self.folder.join(format!("{name}.key")), self.folder.join(format!("{name}.pub")));
        write(&private, &key.serialize_pem())?;
        write(&public, &key.public_key_pem())?;
        Ok((private, public))
    }
}

fn subject(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        subject.push(DnType::OrganizationName, organization);
    }
    subject
}

/// For the owner's eyes, because half of what is written here are keys.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}
