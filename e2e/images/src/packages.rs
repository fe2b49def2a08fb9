//! The Debian packages below the services. `debian.lock` names each with version and checksum, so that everybody's image
//! has the same; what a machine's package lists offer instead is told, never taken in silence.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wickr_steps::command::run;
use wickr_steps::packages::{packages, root};
use wickr_steps::{cache, lock};

use crate::digest;

/// One package file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Debian's name.
    pub name: String,
    /// With epoch and revision.
    pub version: String,
    /// `amd64`, `arm64`, or `all`.
    pub architecture: String,
    /// Of the package file, 64 hexadecimal digits.
    pub sha256: String,
    /// SPDX expression of what the image takes of it. Empty where nobody has looked.
    pub licence: String,
}

const LOCK: &str = include_str!("../debian.lock");

/// What `debian.lock` names for this machine's architecture.
pub fn locked() -> Result<Vec<Package>> {
    let packages = read(LOCK)?;
    let here = architecture();
    let fit = packages.into_iter().filter(|package| [here, "all"].contains(&package.architecture.as_str()));
    let fit: Vec<Package> = fit.collect();
    ensure!(
        fit.iter().any(|package| package.architecture == here),
        "e2e/images/debian.lock names no packages for {here}: 'cargo xtask images --update' adds those that this machine's package lists offer"
    );
    Ok(fit)
}

/// Debian's word for this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn read(text: &str) -> Result<Vec<Package>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.splitn(5, ' ').map(str::to_owned);
            let mut word = || words.next().filter(|word| !word.is_empty());
            let package = (|| {
                Some(Package {
                    name: word()?,
                    version: word()?,
                    architecture: word()?,
                    sha256: word().filter(|sum| sum.len() == 64)?,
                    licence: word()?,
                })
            })();
            package.with_context(|| {
                format!("debian.lock: \"{line}\" is not NAME VERSION ARCHITECTURE SHA256 LICENCE")
            })
        })
        .collect()
}

/// What the package lists of this machine offer under these names.
pub(crate) fn offered(names: &[&str]) -> Result<Vec<Package>> {
    tools()?;
    let list =
        || run(Command::new("apt-get").args(["download", "--print-uris"]).args(names).current_dir("/"));
    let uris = if let Ok(uris) = list() {
        uris
    } else {
        refresh()?;
        list()?
    };
    let mut packages = uris.lines().filter_map(offer).collect::<Vec<_>>();
    packages.sort();
    for name in names {
        ensure!(
            packages.iter().any(|package| package.name == *name),
            "apt-get offers no package {name}, or without a SHA-256: it said\n{uris}"
        );
    }
    Ok(packages)
}

/// `'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE SHA256:DIGITS`. Where it comes from is the machine's own business and
/// doesn't change what it is.
fn offer(line: &str) -> Option<Package> {
    let mut words = line.split(' ').skip(1);
    let file = words.next()?.strip_suffix(".deb")?;
    let sha256 = words.nth(1)?.strip_prefix("SHA256:")?.to_owned();
    let mut parts = file.split('_').map(|part| part.replace("%3a", ":"));
    let (name, version, architecture) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Package { name, version, architecture, sha256, licence: String::new() })
}

/// The package file, from the cache or by apt. Whatever the way: its checksum is the one asked for.
pub(crate) fn fetch(package: &Package) -> Result<PathBuf> {
    let folder = cache()?.join("images/packages");
    let path = folder.join(format!("{}-{}.deb", package.name, package.sha256));
    let _lock = lock::hold(&folder.join("lock"))?;
    if path.exists() {
        check(package, &path)?;
        return Ok(path);
    }
    tools()?;
    let work = folder.join("unfinished");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
    let download = || {
        run(Command::new("apt-get")
            .args(["-q", "-o", "APT::Sandbox::User=root", "download"])
            .arg(format!("{}={}", package.name, package.version))
            .current_dir(&work))
    };
    if download().is_err() {
        refresh()?;
        download().with_context(|| {
            format!(
                "Debian's {} {} is not offered any more to this machine. 'cargo xtask images --update' writes what is offered into e2e/images/debian.lock: read the difference, try it, commit it",
                package.name, package.version
            )
        })?;
    }
    let mut files = fs::read_dir(&work).with_context(|| format!("reading {}", work.display()))?;
    let file = files.next().context("apt-get downloaded nothing")?.context("reading an entry")?.path();
    check(package, &file)?;
    fs::rename(&file, &path).with_context(|| format!("moving to {}", path.display()))?;
    Ok(path)
}

fn check(package: &Package, file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let sum = digest::sha256(&bytes);
    ensure!(
        sum == package.sha256,
        "{}: sha256 is {sum}, but {} {} has {}: it is not the package that was asked for; remove the file and find out who changed it",
        file.display(),
        package.name,
        package.version,
        package.sha256
    );
    Ok(())
}

/// `debian.lock` as this machine's package lists would have it: the same names, other architectures left as they are.
pub fn update() -> Result<String> {
    let here = architecture();
    let before = read(LOCK)?;
    let mut names: Vec<&str> = before.iter().map(|package| package.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    refresh()?;
    let mut after = offered(&names)?;
    for package in &mut after {
        let known = before.iter().find(|known| known.name == package.name);
        package.licence = known.map_or_else(String::new, |known| known.licence.clone());
    }
    let others = before.iter().filter(|package| ![here, "all"].contains(&package.architecture.as_str()));
    after.extend(others.cloned());
    after.sort();
    let mut text: String =
        LOCK.lines().take_while(|line| line.starts_with('#')).map(|line| line.to_owned() + "\n").collect();
    for Package { name, version, architecture, sha256, licence } in after {
        writeln!(text, "{name} {version} {architecture} {sha256} {licence}").context("writing a line")?;
    }
    Ok(text)
}

fn tools() -> Result<()> {
    packages(&[("dpkg-deb", "dpkg"), ("apt-get", "apt")])
}

fn refresh() -> Result<()> {
    root("to refresh the package lists")?;
    run(Command::new("apt-get").args(["-q", "update"])).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_locked_package_has_a_checksum_and_a_licence() {
        let packages = read(LOCK).unwrap();
        assert!(packages.iter().any(|package| package.name == "libc6"));
        assert!(packages.iter().all(|package| package.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())));
        assert!(read("libc6 2.36 amd64 abc MIT").unwrap_err().to_string().contains("SHA256"));
    }

    #[test]
    fn what_apt_offers_is_read_without_where_it_comes_from() {
        let sum = "a".repeat(64);
        let line = format!("'x://y/z.deb' libc6_1%3a2.36-9+deb12u14_amd64.deb 2759320 SHA256:{sum}");
        let package = offer(&line).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("libc6", "1:2.36-9+deb12u14"));
        assert_eq!((package.architecture.as_str(), package.sha256), ("amd64", sum));
        assert_eq!(offer("W: something"), None);
    }

    #[test]
    fn a_package_with_other_bytes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libc6.deb");
        fs::write(&file, "not what was asked for").unwrap();
        let mut package = read(&format!("libc6 1 amd64 {} MIT", "a".repeat(64))).unwrap().remove(0);
        assert!(check(&package, &file).unwrap_err().to_string().contains("libc6 1 has aaaa"));
        package.sha256 = digest::sha256(b"not what was asked for");
        check(&package, &file).unwrap();
    }
}
