//! The bill of materials of an image, CycloneDX 1.5: the program, the crates in it (sbom/crates.rs), the Debian packages
//! below it. It tells no time but the commit's, and its serial number comes from what it says.

mod crates;

use anyhow::{Context, Result, ensure};
use cyclonedx_bom::models::component::{Classification, Scope};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{License, LicenseChoice, Licenses};
use cyclonedx_bom::models::property::{Properties, Property};
use cyclonedx_bom::prelude::{
    Bom, Component, Components, DateTime, Metadata, NormalizedString, Purl, SpdxExpression, SpecVersion,
    UrnUuid, Validate as _,
};

use self::crates::{Crate, Crates};
use crate::packages::Package;
use crate::release::{Commit, Tree};
use crate::{Service, digest};

const IMAGE: &str = "image";
const PROGRAM: &str = "program";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a document is about, besides crates.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The program's bytes.
    pub program: &'a [u8],
    /// The image's digest, `sha256:...`.
    pub image: &'a str,
    /// Below the program.
    pub packages: &'a [Package],
    /// What was built.
    pub commit: &'a Commit,
}

/// The document as JSON, checked against the specification's rules.
pub fn document(service: Service, tree: &Tree, contents: &Contents) -> Result<Vec<u8>> {
    let Contents { program, image, packages, commit } = *contents;
    let crates = Crates::of(service.name, tree)?;
    let mut components = vec![program_of(service, program, tree)?];
    for used in &crates.used {
        components.push(of_crate(used)?);
    }
    for package in packages {
        components.push(of_package(package)?);
    }

    let mut below = vec![PROGRAM.to_owned()];
    below.extend(packages.iter().map(purl_of_package));
    let mut dependencies = vec![
        Dependency { dependency_ref: IMAGE.to_owned(), dependencies: below },
        Dependency { dependency_ref: PROGRAM.to_owned(), dependencies: crates.direct() },
    ];
    dependencies.extend(
        crates
            .used
            .iter()
            .map(|used| Dependency { dependency_ref: used.reference(), dependencies: crates.below(used) }),
    );

    let mut whole = Component::new(Classification::Container, service.name, VERSION, Some(IMAGE.to_owned()));
    whole.hashes = Some(sha256(image.trim_start_matches("sha256:")));
    whole.purl = Some(purl(&format!("pkg:oci/{}@{}", service.name, image.replace(':', "%3A")))?);
    let metadata = Metadata {
        timestamp: Some(DateTime::try_from(commit.time.to_string()).context("the commit's time")?),
        component: Some(whole),
        properties: Some(Properties(vec![Property::new("wickr:commit", &commit.id)])),
        ..Metadata::default()
    };
    let mut bom = Bom {
        version: 1,
        serial_number: None,
        metadata: Some(metadata),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    let content = json(&bom)?;
    bom.serial_number = Some(serial_number(&content)?);
    check(&bom)?;
    json(&bom)
}

fn program_of(service: Service, program: &[u8], tree: &Tree) -> Result<Component> {
    let mut component =
        Component::new(Classification::Application, service.name, VERSION, Some(PROGRAM.to_owned()));
    component.hashes = Some(sha256(&digest::sha256(program)));
    component.licenses = Some(licences(Some("Apache-2.0")));
    let properties = vec![
        Property::new("wickr:path", &service.inside()),
        Property::new("wickr:rustc", tree.compiler()?.trim()),
    ];
    component.properties = Some(Properties(properties));
    Ok(component)
}

fn of_crate(used: &Crate) -> Result<Component> {
    let mut component =
        Component::new(Classification::Library, &used.name, &used.version, Some(used.reference()));
    component.licenses = Some(licences(used.licence.as_deref()));
    component.description = used.description.as_deref().map(NormalizedString::new);
    // One that only helped to build is not in the image, but could have done harm to it.
    component.scope = Some(if used.linked { Scope::Required } else { Scope::Excluded });
    component.hashes = used.sha256.as_deref().map(sha256);
    // Ours are not published: the name may be another's there.
    component.purl = used.sha256.as_ref().map(|_| purl(&used.reference())).transpose()?;
    Ok(component)
}

fn of_package(package: &Package) -> Result<Component> {
    let reference = purl_of_package(package);
    let mut component =
        Component::new(Classification::Library, &package.name, &package.version, Some(reference.clone()));
    component.licenses = Some(licences(Some(&package.licence)));
    component.scope = Some(Scope::Required);
    component.hashes = Some(sha256(&package.sha256));
    component.purl = Some(purl(&reference)?);
    Ok(component)
}

fn purl_of_package(package: &Package) -> String {
    let version = package.version.replace('+', "%2B");
    format!("pkg:deb/debian/{}@{version}?arch={}", package.name, package.architecture)
}

fn purl(text: &str) -> Result<Purl> {
    text.parse().map_err(|()| anyhow::anyhow!("'{text}' is not a package URL"))
}

/// Some crates still write `MIT/Apache-2.0`; what is no expression at all is given by its name.
fn licences(licence: Option<&str>) -> Licenses {
    let written = licence.unwrap_or("in the package's licence file");
    Licenses(vec![
        SpdxExpression::parse_lax(written.to_owned()).map_or_else(
            |_| LicenseChoice::License(License::named_license(written)),
            LicenseChoice::Expression,
        ),
    ])
}

fn sha256(digits: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(digits.to_owned()) }])
}

fn serial_number(content: &[u8]) -> Result<UrnUuid> {
    let digits = digest::sha256(content);
    let bytes: [u8; 16] = hex::decode(&digits[..32])
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .context("a digest has fewer than 32 digits")?;
    Ok(UrnUuid::from(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
}

fn json(bom: &Bom) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    bom.clone().output_as_json_v1_5(&mut text).context("writing the bill of materials")?;
    Ok(text)
}

fn check(bom: &Bom) -> Result<()> {
    let result = bom.validate_version(SpecVersion::V1_5);
    let errors: Vec<String> = result.errors().map(|error| format!("{error:?}")).collect();
    ensure!(errors.is_empty(), "the bill of materials breaks CycloneDX 1.5: {}", errors.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SERVICES;

    fn made(program: &[u8]) -> Vec<u8> {
        let tree = Tree::here().unwrap();
        let contents = Contents {
            program,
            image: &format!("sha256:{}", "a".repeat(64)),
            packages: &crate::locked().unwrap(),
            commit: &Commit { id: "0123".to_owned(), time: jiff::Timestamp::UNIX_EPOCH },
        };
        document(SERVICES[1], &tree, &contents).unwrap()
    }

    #[test]
    fn the_bill_of_one_program_is_the_same_twice_and_another_for_another() {
        let first = made(b"program");
        assert!(first == made(b"program"));
        let serial = |text: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(text).unwrap();
            value["serialNumber"].as_str().unwrap().to_owned()
        };
        assert_ne!(serial(&first), serial(&made(b"another")));
    }

    #[test]
    fn the_bill_is_read_back_valid_and_has_the_crates_the_packages_and_the_program() {
        let bom = Bom::parse_from_json_v1_5(made(b"program").as_slice()).unwrap();
        check(&bom).unwrap();
        let components = bom.components.unwrap().0;
        let find = |name: &str| components.iter().find(|component| component.name.to_string() == name);
        let rustls = find("rustls").unwrap();
        assert!(rustls.purl.as_ref().unwrap().as_ref().starts_with("pkg:cargo/rustls@"));
        assert!(rustls.hashes.is_some() && rustls.licenses.is_some());
        assert_eq!(rustls.scope, Some(Scope::Required));
        assert_eq!(find("prost-build").unwrap().scope, Some(Scope::Excluded), "it only helped to build");
        assert!(find("libc6").unwrap().purl.as_ref().unwrap().as_ref().starts_with("pkg:deb/debian/libc6@"));
        assert!(find("wickr-relay").unwrap().purl.is_none(), "nobody else publishes ours");
        assert!(find("kube-client").is_none(), "the operator's alone");
        assert!(find("proptest").is_none(), "tests' alone");
        let program = find("wickr-server").unwrap();
        assert_eq!(program.hashes.as_ref().unwrap().0[0].content.0, digest::sha256(b"program"));
        let references: Vec<_> =
            components.iter().filter_map(|component| component.bom_ref.as_deref()).collect();
        for dependency in bom.dependencies.unwrap().0 {
            for below in &dependency.dependencies {
                assert!(references.contains(&below.as_str()), "{below} is listed");
            }
        }
    }

    #[test]
    fn a_document_that_breaks_the_rules_is_refused() {
        let mut bom = Bom::parse_from_json_v1_5(made(b"program").as_slice()).unwrap();
        bom.components.as_mut().unwrap().0[0].hashes = Some(sha256("not hexadecimal"));
        assert!(check(&bom).unwrap_err().to_string().contains("breaks CycloneDX"));
    }
}
