//! A profile: the directory on disk that holds one device, who owns it now, and how its store is unlocked.

mod directory;
mod unlock;

pub use directory::{Owned, Profile, ProfileError};
pub use unlock::{Unlock, UnlockError, UnlockWith};
