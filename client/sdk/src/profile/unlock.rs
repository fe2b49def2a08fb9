//! The store key: from a passphrase by argon2id, or from a key file. `unlock.json` says which, and holds no key.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wickr_base::{Rng, Secret};
use zeroize::Zeroizing;

use super::Profile;
use crate::store::StoreKey;

/// How a store is unlocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Unlock {
    /// A passphrase (RFC 9106, argon2id version 0x13).
    Passphrase {
        /// 16 random bytes, base64.
        salt: String,
        /// Memory cost in KiB.
        memory_kib: u32,
        /// Time cost.
        passes: u32,
        /// Parallelism.
        lanes: u32,
    },
    /// A file with the key in it.
    KeyFile {
        /// Where it stands.
        path: PathBuf,
    },
}

/// What the person brings to unlock a store.
#[derive(Debug, Clone)]
pub enum UnlockWith {
    /// Whatever needs nothing of the person: the key file named in `unlock.json`.
    Nothing,
    /// A passphrase.
    Passphrase(Secret<String>),
    /// A key file, there or elsewhere than `unlock.json` says.
    KeyFile(PathBuf),
}

/// Why there is no store key.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// `unlock.json` failed.
    #[error("{doing} \"{}\"", path.display())]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not read.
    #[error("\"{}\" does not say how the store is unlocked", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
    },
    /// A passphrase is needed.
    #[error("the store is sealed with a passphrase and none was given")]
    PassphraseNeeded,
    /// A key file was given where a passphrase is needed, or the other way round.
    #[error("the store is unlocked by {needed}, not by {given}")]
    Other {
        /// What it needs.
        needed: &'static str,
        /// What came.
        given: &'static str,
    },
    /// Others may read the key.
    #[error("the key file \"{}\" is open to other users (mode {mode:o})", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// An empty passphrase.
    #[error("the passphrase is empty")]
    Empty,
    /// A passphrase that is soon guessed.
    #[error("the passphrase has fewer than {least} characters")]
    Short {
        /// How many it takes.
        least: usize,
    },
    /// `unlock.json` asks for work that no version of this program would.
    #[error(
        "\"unlock.json\" asks for {0}, which this program never does: it was damaged, or changed by somebody"
    )]
    Costs(&'static str),
    /// Something else stands where the key file should.
    #[error("the key file \"{}\" is no file of a key", path.display())]
    NoKeyFile {
        /// Where.
        path: PathBuf,
    },
    /// argon2 refused its parameters.
    #[error("deriving the store key from the passphrase ({0})")]
    Derive(argon2::Error),
}

/// What a passphrase costs to try: RFC 9106's second choice is made, and what lies around it is read.
const MEMORY_KIB: std::ops::RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const PASSES: std::ops::RangeInclusive<u32> = 1..=16;
const LANES: std::ops::RangeInclusive<u32> = 1..=16;
const SALT_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

const LEAST_PASSPHRASE: usize = 8;

/// A key file has 63 bytes.
const MOST_KEY_FILE: u64 = 1024;

const KEY_FILE_HEAD: &str = "wickr store key v1 ";

impl Unlock {
    /// Sets a new profile up: makes the key file, or picks salt and costs. 64 MiB, 3 passes: RFC 9106's second choice.
    pub fn create(profile: &Profile, with: &UnlockWith, rng: &dyn Rng) -> Result<StoreKey, UnlockError> {
        let (unlock, key) = match with {
            UnlockWith::Passphrase(passphrase) => {
                if (1..LEAST_PASSPHRASE).contains(&passphrase.expose().chars().count()) {
                    return Err(UnlockError::Short { least: LEAST_PASSPHRASE });
                }
                let salt: [u8; 16] = rng.bytes();
                let unlock = Self::Passphrase {
                    salt: STANDARD.encode(salt),
                    memory_kib: 64 * 1024,
                    passes: 3,
                    lanes: 4,
                };
                let key = derive(passphrase, &salt, 64 * 1024, 3, 4)?;
                (unlock, key)
            }
            UnlockWith::Nothing => key_file(profile.default_key_file(), rng)?,
            UnlockWith::KeyFile(path) => key_file(path.clone(), rng)?,
        };
        let path = profile.unlock();
        let text =
            serde_json::to_string_pretty(&unlock).map_err(|_| UnlockError::Format { path: path.clone() })?;
        write_new(&path, &text, true).map_err(|source| UnlockError::File {
            doing: "writing",
            path,
            source,
        })?;
        Ok(key)
    }

    /// Reads how the profile's store is unlocked.
    pub fn read(profile: &Profile) -> Result<Self, UnlockError> {
        let path = profile.unlock();
        let text = std::fs::read(&path).map_err(|source| UnlockError::File {
            doing: "reading",
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|_| UnlockError::Format { path })
    }

    /// The store key. Takes about a second of one core with a passphrase.
    pub fn key(&self, with: &UnlockWith) -> Result<StoreKey, UnlockError> {
        match (self, with) {
            (Self::KeyFile { path }, UnlockWith::Nothing)
            | (Self::KeyFile { .. }, UnlockWith::KeyFile(path)) => read_key(path),
            (Self::KeyFile { .. }, UnlockWith::Passphrase(_)) => {
                Err(UnlockError::Other { needed: "a key file", given: "a passphrase" })
            }
            (Self::Passphrase { .. }, UnlockWith::Nothing) => Err(UnlockError::PassphraseNeeded),
            (Self::Passphrase { .. }, UnlockWith::KeyFile(_)) => {
                Err(UnlockError::Other { needed: "a passphrase", given: "a key file" })
            }
            (Self::Passphrase { salt, memory_kib, passes, lanes }, UnlockWith::Passphrase(passphrase)) => {
                let salt = STANDARD
                    .decode(salt)
                    .map_err(|_| UnlockError::Format { path: PathBuf::from("unlock.json") })?;
                derive(passphrase, &salt, *memory_kib, *passes, *lanes)
            }
        }
    }
}

fn derive(
    passphrase: &Secret<String>,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Result<StoreKey, UnlockError> {
    if passphrase.expose().is_empty() {
        return Err(UnlockError::Empty);
    }
    let sane = [
        (MEMORY_KIB.contains(&memory_kib), "another amount of memory"),
        (PASSES.contains(&passes), "another number of passes"),
        (LANES.contains(&lanes), "another number of lanes"),
        (SALT_BYTES.contains(&salt.len()), "a salt of another length"),
    ];
    if let Some((_, what)) = sane.iter().find(|(is_sane, _)| !is_sane) {
        return Err(UnlockError::Costs(what));
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(UnlockError::Derive)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(UnlockError::Derive)?;
    Ok(Secret::new(key))
}

/// Uses the key file if it is there (one on other media may serve several profiles), else makes it.
fn key_file(path: PathBuf, rng: &dyn Rng) -> Result<(Unlock, StoreKey), UnlockError> {
    if !path.exists() {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(rng.bytes());
        let text = Zeroizing::new(format!("{KEY_FILE_HEAD}{}\n", STANDARD.encode(*key)));
        write_new(&path, &text, false).map_err(|source| UnlockError::File {
            doing: "writing",
            path: path.clone(),
            source,
        })?;
    }
    let key = read_key(&path)?;
    Ok((Unlock::KeyFile { path }, key))
}

fn read_key(path: &Path) -> Result<StoreKey, UnlockError> {
    let failed = |source| UnlockError::File { doing: "reading the key file", path: path.to_owned(), source };
    // Asked before it is opened: a pipe would wait for a writer, a device give bytes without end.
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() || found.len() > MOST_KEY_FILE {
        return Err(UnlockError::NoKeyFile { path: path.to_owned() });
    }
    let mut file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(UnlockError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let format = || UnlockError::Format { path: path.to_owned() };
    let body = text.trim_end().strip_prefix(KEY_FILE_HEAD).ok_or_else(format)?;
    let bytes = Zeroizing::new(STANDARD.decode(body).map_err(|_| format())?);
    Ok(Secret::new(bytes.as_slice().try_into().map_err(|_| format())?))
}

fn write_new(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use wickr_base::SeededRng;

    fn profile() -> (tempfile::TempDir, Profile) {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::at(folder.path());
        (folder, profile)
    }

    #[test]
    fn the_same_passphrase_gives_the_same_key_and_no_other_does() {
        let (_folder, profile) = profile();
        let with = |text: &str| UnlockWith::Passphrase(Secret::new(text.to_owned()));
        let key = Unlock::create(&profile, &with("correct horse"), &SeededRng::new(1)).unwrap();
        let unlock = Unlock::read(&profile).unwrap();
        assert_eq!(unlock.key(&with("correct horse")).unwrap().expose(), key.expose());
        assert_ne!(unlock.key(&with("battery staple")).unwrap().expose(), key.expose());
        assert!(matches!(unlock.key(&UnlockWith::Nothing), Err(UnlockError::PassphraseNeeded)));
        assert!(matches!(unlock.key(&with("")), Err(UnlockError::Empty)));
    }

    #[test]
    fn a_short_passphrase_is_not_taken_for_a_new_store() {
        let (_folder, profile) = profile();
        let with = |text: &str| UnlockWith::Passphrase(Secret::new(text.to_owned()));
        let refused = Unlock::create(&profile, &with("sieben7"), &SeededRng::new(1));
        assert!(matches!(refused, Err(UnlockError::Short { least: 8 })));
        assert!(!profile.unlock().exists());
        assert!(matches!(Unlock::create(&profile, &with(""), &SeededRng::new(1)), Err(UnlockError::Empty)));
        Unlock::create(&profile, &with("acht acht"), &SeededRng::new(1)).unwrap();
    }

    #[test]
    fn costs_that_nobody_set_are_not_paid() {
        let salt = STANDARD.encode([1; 16]);
        let unlock =
            |memory_kib, passes, lanes| Unlock::Passphrase { salt: salt.clone(), memory_kib, passes, lanes };
        let with = UnlockWith::Passphrase(Secret::new("correct horse".to_owned()));
        for changed in [
            unlock(u32::MAX, 3, 4),
            unlock(8, 3, 1),
            unlock(64 * 1024, u32::MAX, 4),
            unlock(64 * 1024, 0, 4),
            unlock(64 * 1024, 3, 1 << 20),
            Unlock::Passphrase { salt: String::new(), memory_kib: 64 * 1024, passes: 3, lanes: 4 },
        ] {
            assert!(matches!(changed.key(&with), Err(UnlockError::Costs(_))), "{changed:?}");
        }
    }

    #[test]
    fn only_a_small_file_is_read_as_a_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let big = folder.path().join("big");
        std::fs::write(&big, vec![b'x'; 2048]).unwrap();
        std::fs::set_permissions(&big, std::fs::Permissions::from_mode(0o600)).unwrap();
        for path in [PathBuf::from("/dev/zero"), folder.path().to_owned(), big] {
            let unlock = Unlock::KeyFile { path };
            assert!(matches!(unlock.key(&UnlockWith::Nothing), Err(UnlockError::NoKeyFile { .. })));
        }
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let (_folder, profile) = profile();
        let key = Unlock::create(&profile, &UnlockWith::Nothing, &SeededRng::new(1)).unwrap();
        let unlock = Unlock::read(&profile).unwrap();
        assert_eq!(unlock.key(&UnlockWith::Nothing).unwrap().expose(), key.expose());
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(profile.default_key_file(), open).unwrap();
        assert!(matches!(unlock.key(&UnlockWith::Nothing), Err(UnlockError::Open { mode: 0o644, .. })));
    }
}
