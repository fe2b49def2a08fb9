//! Where a profile's files stand and the lock that makes one process its owner (the key to the store: `unlock`).

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    directory: PathBuf,
}

/// The proof that this process owns the profile; the lock goes with it, also when the process is killed.
#[derive(Debug)]
pub struct Owned {
    profile: Profile,
    _lock: File,
}

/// Why a profile can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The directory could not be made.
    #[error("making the profile directory \"{}\"", directory.display())]
    Create {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error("the profile directory \"{}\" is open to other users (mode {mode:o})", directory.display())]
    Open {
        /// Which.
        directory: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another process owns it.
    #[error("process {owner} uses the profile \"{}\"", directory.display())]
    Busy {
        /// Which.
        directory: PathBuf,
        /// The other process's id, as far as known.
        owner: String,
    },
    /// The lock file failed.
    #[error("locking the profile \"{}\"", directory.display())]
    Lock {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Profile {
    /// The profile in that directory, which need not exist yet.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The database.
    pub fn store(&self) -> PathBuf {
        self.directory.join("store.sqlite3")
    }

    /// How the store is unlocked; holds no key.
    pub fn unlock(&self) -> PathBuf {
        self.directory.join("unlock.json")
    }

    /// Where a key file is kept when no other place is named.
    pub fn default_key_file(&self) -> PathBuf {
        self.directory.join("store.key")
    }

    /// The socket on which the owner takes requests of other commands.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// Whether somebody has signed in here before.
    pub fn exists(&self) -> bool {
        self.unlock().exists() && self.store().exists()
    }

    /// Makes this process the owner. `ProfileError::Busy` while another one is.
    pub fn own(&self) -> Result<Owned, ProfileError> {
        let directory = || self.directory.clone();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|source| ProfileError::Create { directory: directory(), source })?;
        let lock = |source| ProfileError::Lock { directory: directory(), source };
        let metadata = self.directory.metadata().map_err(lock)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(ProfileError::Open {
                directory: directory(),
                mode: metadata.permissions().mode() & 0o777,
            });
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.directory.join("lock"))
            .map_err(lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                let owner = owner.trim().to_owned();
                return Err(ProfileError::Busy { directory: directory(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(lock(source)),
        }
        file.set_len(0).map_err(lock)?;
        file.seek(SeekFrom::Start(0)).map_err(lock)?;
        writeln!(file, "{}", std::process::id()).map_err(lock)?;
        Ok(Owned { profile: self.clone(), _lock: file })
    }
}

impl Owned {
    /// Where its files stand.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Deletes everything of the profile but the lock: the device is gone.
    pub fn wipe(&self) -> Result<(), ProfileError> {
        let store = self.profile.store();
        let beside = |suffix: &str| {
            let mut name = store.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let files = [
            store.clone(),
            beside("-wal"),
            beside("-shm"),
            self.profile.default_key_file(),
            self.profile.unlock(),
        ];
        for file in files {
            match std::fs::remove_file(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(ProfileError::Lock { directory: file, source }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::at(folder.path().join("p"));
        let owned = profile.own().unwrap();
        let Err(ProfileError::Busy { owner, .. }) = profile.own() else { panic!("owned twice") };
        assert_eq!(owner, std::process::id().to_string());
        drop(owned);
        assert!(profile.own().is_ok());
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Profile::at(path).own(), Err(ProfileError::Open { mode: 0o755, .. })));
    }
}
