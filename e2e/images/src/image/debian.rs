//! The lower layer of our images: what a Rust program needs of Debian, and nothing that a person could log in to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wickr_steps::command::run;
use wickr_steps::{cache, lock};

use super::USER;
use super::layer::{Entry, Layer};
use crate::packages::{Package, fetch};

/// What images of the test clusters take of this machine's Debian.
pub(super) const OFFERED: [&str; 4] = ["base-files", "ca-certificates", "libc6", "libgcc-s1"];

/// What is taken of the packages, below the top or below a folder of libraries; everything else is left out. The names
/// of the Debian release and the licences are for those who look what is in an image.
const KEPT: &[&str] = &[
    "etc/debian_version",
    "etc/os-release",
    "usr/lib/os-release",
    "lib64/ld-linux-x86-64.so.2",
    "lib/ld-linux-aarch64.so.1",
    "bin/busybox",
];
const KEPT_LIBRARIES: &[&str] = &[
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
];
const LIBRARIES: &[&str] = &["lib/x86_64-linux-gnu/", "lib/aarch64-linux-gnu/"];

/// Whether a file of a package, named from the top without a slash, goes into an image.
pub fn is_kept(path: &str) -> bool {
    let path = path.strip_prefix("usr/").filter(|rest| rest.starts_with("lib/")).map_or(path, |rest| {
        // Later releases have all of /lib below /usr.
        if LIBRARIES.iter().any(|folder| rest.starts_with(folder)) { rest } else { path }
    });
    let library = LIBRARIES.iter().find_map(|folder| path.strip_prefix(folder));
    KEPT.contains(&path)
        || library.is_some_and(|name| KEPT_LIBRARIES.contains(&name))
        || path.starts_with("usr/share/common-licenses/")
        || path.strip_prefix("usr/share/doc/").is_some_and(|rest| {
            // libgcc's licence is behind a link to the folder of its source package.
            let (_, file) = rest.split_once('/').unwrap_or((rest, "copyright"));
            file == "copyright"
        })
}

/// The packages of a layer.
#[derive(Debug)]
pub(super) struct Debian(pub(super) Vec<Package>);

impl Debian {
    /// Changes when the layer does.
    pub(super) fn key(&self) -> String {
        let sums: Vec<&str> = self.0.iter().map(|package| package.sha256.as_str()).collect();
        format!("{sums:?}{KEPT:?}{KEPT_LIBRARIES:?}")
    }

    /// Unpacks what is kept, and packs it.
    pub(super) fn layer(&self) -> Result<Layer> {
        let folder = cache()?.join("images");
        let _lock = lock::hold(&folder.join("debian.lock"))?;
        let root = folder.join("debian.unfinished");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
        let mut entries = vec![
            Entry::text("/etc/passwd", &format!("wickr:x:{USER}:{USER}::/:/none\n")),
            Entry::text("/etc/group", &format!("wickr:x:{USER}:\n")),
            Entry::text("/etc/nsswitch.conf", "hosts: files dns\n"),
            Entry::folder("/tmp", 0o1777),
        ];
        for package in &self.0 {
            let file = fetch(package)?;
            run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(&root))?;
            // As images without dpkg do it, and as those who look for known holes read it.
            let about = run(Command::new("dpkg-deb").arg("--field").arg(&file))?;
            entries.push(Entry::text(&format!("/var/lib/dpkg/status.d/{}", package.name), &about));
        }
        entries.push(Entry::text("/etc/ssl/certs/ca-certificates.crt", &certificates(&root)?));
        let busybox = root.join("bin/busybox");
        if busybox.exists() {
            for applet in
                run(Command::new(busybox).arg("--list"))?.lines().filter(|applet| *applet != "busybox")
            {
                entries.push(Entry::link(&format!("/bin/{applet}"), Path::new("busybox")));
            }
        }
        collect(&root, &root, &mut entries)?;
        entries.extend(folders(&entries));
        let layer = Layer::of(&entries)?;
        fs::remove_dir_all(&root).with_context(|| format!("removing {}", root.display()))?;
        Ok(layer)
    }
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
        let about = fs::symlink_metadata(&path).with_context(|| format!("looking at {}", path.display()))?;
        if about.is_dir() {
            collect(root, &path, entries)?;
            continue;
        }
        let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if !is_kept(&inside) {
            continue;
        }
        if about.is_symlink() {
            let target =
                fs::read_link(&path).with_context(|| format!("reading the link {}", path.display()))?;
            entries.push(Entry::link(&inside, &target));
        } else {
            entries.push(Entry::file(&inside, about.permissions().mode() & 0o777, &path));
        }
    }
    Ok(())
}

/// Every folder above the entries, because one that is not named is made by each engine as it likes.
fn folders(entries: &[Entry]) -> Vec<Entry> {
    let mut paths: Vec<&Path> = entries.iter().flat_map(|entry| entry.path.ancestors().skip(1)).collect();
    paths.sort();
    paths.dedup();
    let named = paths.into_iter().filter_map(Path::to_str).filter(|path| !path.is_empty());
    named.map(|path| Entry::folder(path, 0o755)).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let mut files = read.with_context(|| format!("reading {}", folder.display()))?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_package_only_named_files_are_kept() {
        for kept in
            ["lib/x86_64-linux-gnu/libc.so.6", "usr/lib/aarch64-linux-gnu/libm.so.6", "etc/os-release"]
        {
            assert!(is_kept(kept), "{kept}");
        }
        for left in [
            "bin/sh",
            "usr/sbin/update-ca-certificates",
            "lib/x86_64-linux-gnu/gconv/UTF-16.so",
            "usr/lib/x",
            "usr/share/doc/libc6/more/copyright",
        ] {
            assert!(!is_kept(left), "{left}");
        }
    }

    #[test]
    fn each_folder_above_a_file_is_named_once() {
        let entries = [Entry::text("/etc/ssl/a", ""), Entry::text("/etc/ssl/b", "")];
        assert_eq!(folders(&entries), [Entry::folder("etc", 0o755), Entry::folder("etc/ssl", 0o755)]);
    }
}
