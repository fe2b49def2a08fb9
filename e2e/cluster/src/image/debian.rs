//! The lower layer of our images: what a Rust program needs of Debian, and nothing that a person could log in to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::USER;
use super::layer::{Entry, Layer};
use crate::command::run;
use crate::{digest, lock, prerequisites, progress};

const PACKAGES: &[&str] = &["libc6", "libgcc-s1", "ca-certificates"];

/// Documentation, translations and character-set converters, which no program of ours reads.
const LEFT_OUT: &[&str] =
    &["usr/share/doc", "usr/share/lintian", "usr/share/man", "gconv", "usr/sbin", "etc/ld.so.conf.d"];

/// The layer, with `more` packages, made once for each set of versions that the package lists offer.
pub(super) fn layer(folder: &Path, more: &[&str]) -> Result<Layer> {
    let packages = [PACKAGES, more].concat();
    prerequisites::packages(&[("dpkg-deb", "dpkg"), ("apt-get", "apt")])?;
    let offered = offered(&packages)?;
    let path =
        folder.join(format!("debian-{}.tar.zst", digest::short(format!("{offered}{LEFT_OUT:?}").as_bytes())));
    let _lock = lock::hold(&folder.join("debian.lock"))?;
    if !path.exists() {
        let names = packages.join(", ");
        progress::step(
            &format!("lower layer of images from the Debian packages {names}; happens once"),
            || {
                let work = folder.join("debian.unfinished");
                let _ = fs::remove_dir_all(&work);
                fs::create_dir_all(work.join("root"))
                    .with_context(|| format!("making {}", work.display()))?;
                let layer = assemble(&work, &packages)?;
                fs::write(&path, layer.bytes).with_context(|| format!("writing {}", path.display()))?;
                fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
            },
        )?;
    }
    Layer::from_compressed(fs::read(&path).with_context(|| format!("reading {}", path.display()))?)
}

/// Names, versions and checksums of the packages.
fn offered(packages: &[&str]) -> Result<String> {
    let list = || run(Command::new("apt-get").args(["download", "--print-uris"]).args(packages));
    let uris = if let Ok(uris) = list() {
        uris
    } else {
        prerequisites::root("to refresh the package lists")?;
        run(Command::new("apt-get").args(["-q", "update"]))?;
        list()?
    };
    // Where they come from is the machine's own business and doesn't change what they are.
    Ok(uris.lines().map(|line| line.split(' ').skip(1).collect::<Vec<_>>().join(" ") + "\n").collect())
}

fn assemble(work: &Path, packages: &[&str]) -> Result<Layer> {
    let root = work.join("root");
    run(Command::new("apt-get")
        .args(["-q", "-o", "APT::Sandbox::User=root", "download"])
        .args(packages)
        .current_dir(work))?;
    for package in
        files(work)?.iter().filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
    {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root))?;
    }
    let mut entries = vec![
        Entry::text("/etc/ssl/certs/ca-certificates.crt", &certificates(&root)?),
        Entry::text("/etc/passwd", &format!("wickr:x:{USER}:{USER}::/:/none\n")),
        Entry::text("/etc/group", &format!("wickr:x:{USER}:\n")),
        Entry::text("/etc/nsswitch.conf", "hosts: files dns\n"),
        Entry::folder("/tmp", 0o1777),
    ];
    let busybox = root.join("bin/busybox");
    if busybox.exists() {
        for applet in run(Command::new(busybox).arg("--list"))?.lines().filter(|applet| *applet != "busybox")
        {
            entries.push(Entry::link(&format!("/bin/{applet}"), Path::new("busybox")));
        }
    }
    collect(&root, &root, &mut entries)?;
    Layer::of(&entries)
}

/// One bundle, as the package's own installation would write it.
fn certificates(root: &Path) -> Result<String> {
    let mut bundle = String::new();
    for path in files(&root.join("usr/share/ca-certificates/mozilla"))? {
        bundle += &fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    }
    Ok(bundle)
}

fn collect(root: &Path, folder: &Path, entries: &mut Vec<Entry>) -> Result<()> {
    for path in files(folder)? {
        let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if LEFT_OUT.iter().any(|left_out| inside.starts_with(left_out) || inside.ends_with(left_out)) {
            continue;
        }
        let about = fs::symlink_metadata(&path).with_context(|| format!("looking at {}", path.display()))?;
        let mode = about.permissions().mode() & 0o7777;
        if about.is_symlink() {
            let target =
                fs::read_link(&path).with_context(|| format!("reading the link {}", path.display()))?;
            entries.push(Entry::link(&inside, &target));
        } else if about.is_dir() {
            entries.push(Entry::folder(&inside, mode));
            collect(root, &path, entries)?;
        } else {
            entries.push(Entry::file(&inside, mode, &path));
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let mut files = read.with_context(|| format!("reading {}", folder.display()))?;
    files.sort();
    Ok(files)
}
