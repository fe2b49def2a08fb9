//! A file system in memory (FUSE) that loses what was not synced, as a machine does that loses power.
//! `disk` keeps what is written and what is synced; `mount` shows it to the kernel.
//!
//! Linux, root (the mount needs no helper program then). What it models: data and length of a file survive from
//! its last `fsync`; a new name survives from the `fsync` of the file itself or
//! of its folder, with the names of the folders above (as ext4 and XFS do); a rename or removal, from that of the folder.

mod disk;
mod mount;

pub use disk::Disk;
pub use mount::Mounted;
