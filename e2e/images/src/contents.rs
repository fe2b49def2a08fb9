//! What may be in a service's image, told from the finished archive: the program, named files of Debian, and nothing
//! that could be a shell or give rights.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tar::{Entry, EntryType};

use crate::image::is_kept;

/// Programs that run what they are told.
const SHELLS: &[&str] = &[
    "ash", "awk", "bash", "busybox", "csh", "dash", "env", "fish", "gawk", "ksh", "lua", "mawk", "node",
    "perl", "python", "python3", "rbash", "ruby", "sh", "tcsh", "toybox", "zsh",
];

/// Files of our own making below the program.
const MADE: &[&str] = &["etc/group", "etc/nsswitch.conf", "etc/passwd", "etc/ssl/certs/ca-certificates.crt"];

/// Everything in the archive that must not be there. `program` is where the image's own one is.
pub fn findings(archive: &[u8], program: &str) -> Result<Vec<String>> {
    let blobs = blobs(archive)?;
    let index = blobs.get("index.json").context("the archive has no index.json")?;
    let manifest = json(&blobs, &digest(&json_of(index)?["manifests"][0])?)?;
    let mut findings = Vec::new();
    let layers = manifest["layers"].as_array().context("the manifest has no layers")?;
    for layer in layers {
        let layer = blob(&blobs, &digest(layer)?)?;
        let tar = zstd::stream::decode_all(layer).context("decompressing a layer")?;
        for entry in tar::Archive::new(tar.as_slice()).entries().context("reading a layer")? {
            look(entry.context("reading a layer's entry")?, program.trim_start_matches('/'), &mut findings)?;
        }
    }
    Ok(findings)
}

fn look(mut entry: Entry<&[u8]>, program: &str, findings: &mut Vec<String>) -> Result<()> {
    let path = entry.path().context("reading a path")?.to_string_lossy().trim_end_matches('/').to_owned();
    let (kind, mode) = (entry.header().entry_type(), entry.header().mode().context("reading a mode")?);
    let owner = (entry.header().uid().context("an owner")?, entry.header().gid().context("a group")?);
    let mut say = |what: &str| findings.push(format!("{path} {what}"));
    if Path::new(&path).file_name().and_then(|name| name.to_str()).is_some_and(|name| SHELLS.contains(&name))
    {
        say("is a shell, or as good as one");
    }
    if mode & 0o6000 != 0 {
        say("gives its owner's rights to whoever runs it");
    }
    if owner != (0, 0) {
        say("belongs to somebody else than root, and so may be written");
    }
    if mode & 0o022 != 0 && kind == EntryType::Regular {
        say("can be written by others");
    }
    match kind {
        EntryType::Directory => return Ok(()),
        EntryType::Regular | EntryType::Symlink => {}
        _ => say("is neither a file nor a link"),
    }
    let named = path == program
        || MADE.contains(&path.as_str())
        || path.strip_prefix("var/lib/dpkg/status.d/").is_some_and(|name| !name.contains('/'))
        || is_kept(&path);
    if !named {
        say("is not among the files that an image may have");
    }
    let mut start = [0; 2];
    if entry.read_exact(&mut start).is_ok() && start == *b"#!" {
        say("is a script");
    }
    Ok(())
}

fn blobs(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut blobs = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().context("reading the archive")? {
        let mut entry = entry.context("reading the archive")?;
        let path = entry.path().context("reading a path")?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).with_context(|| format!("reading {path} of the archive"))?;
        blobs.insert(path, bytes);
    }
    Ok(blobs)
}

fn digest(descriptor: &Value) -> Result<String> {
    let digest = descriptor["digest"].as_str().context("a descriptor has no digest")?;
    Ok(digest.replace(':', "/"))
}

fn blob<'a>(blobs: &'a BTreeMap<String, Vec<u8>>, digest: &str) -> Result<&'a [u8]> {
    let blob = blobs.get(&format!("blobs/{digest}"));
    Ok(blob.with_context(|| format!("the archive has no blob {digest}"))?)
}

fn json(blobs: &BTreeMap<String, Vec<u8>>, digest: &str) -> Result<Value> {
    json_of(blob(blobs, digest)?)
}

fn json_of(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).context("reading JSON of the archive")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Base, Entry, Image, USER};

    fn of(entries: Vec<Entry>) -> Vec<String> {
        let image = Image {
            name: "wickr.local/test:1".to_owned(),
            base: Base::Empty,
            entries,
            entrypoint: vec!["/usr/local/bin/program".to_owned()],
            user: USER,
            labels: BTreeMap::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        };
        findings(&image.pack().unwrap().bytes, "/usr/local/bin/program").unwrap()
    }

    #[test]
    fn a_shell_a_script_a_setuid_program_and_an_unnamed_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("program");
        std::fs::write(&source, "\x7fELF").unwrap();
        let found = of(vec![
            Entry::link("/bin/sh", Path::new("busybox")),
            Entry::text("/etc/passwd", "#!/x"),
            Entry::file("/usr/local/bin/program", 0o4755, &source),
            Entry::text("/opt/more", "more"),
        ]);
        for expected in [
            "bin/sh is a shell, or as good as one",
            "etc/passwd is a script",
            "usr/local/bin/program gives its owner's rights to whoever runs it",
            "opt/more is not among the files that an image may have",
        ] {
            assert!(found.iter().any(|finding| finding == expected), "{expected} in {found:?}");
        }
    }

    #[test]
    fn the_program_and_named_files_are_all_right() {
        let found = of(vec![
            Entry::folder("/tmp", 0o1777),
            Entry::text("/etc/os-release", "ID=debian"),
            Entry::text("/usr/local/bin/program", "\x7fELF"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
