//! Shows a disk to the kernel: each FUSE request is one look at, or one change of, `disk`.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};

use crate::disk::{Disk, Node, State};

const TTL: Duration = Duration::from_secs(1);
const BLOCK: u32 = 4096;

/// A disk shown at a folder; unmounted on drop.
pub struct Mounted {
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts `disk` at `folder`, which must exist.
    pub fn new(disk: &Disk, folder: &Path) -> io::Result<Self> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("wickr-lossy-fs".to_owned()), MountOption::NoAtime];
        let session = fuser::spawn_mount(View(disk.clone()), folder, &config)?;
        Ok(Self { session: Some(session) })
    }

    /// Unmounts and waits until the kernel has let go.
    pub fn unmount(mut self) -> io::Result<()> {
        self.session.take().map_or(Ok(()), BackgroundSession::umount_and_join)
    }
}

struct View(Disk);

fn attributes(number: u64, node: &Node) -> FileAttr {
    let (kind, size, perm) = match node {
        Node::File(file) => (FileType::RegularFile, file.data.len() as u64, 0o600),
        Node::Folder(_) => (FileType::Directory, 0, 0o700),
    };
    let never = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: never,
        mtime: never,
        ctime: never,
        crtime: never,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

impl View {
    /// A change: refused once the power is off, so that nothing is acknowledged after the cut.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        self.0.with(|state| if state.is_off() { Err(Errno::EIO) } else { act(state) })
    }

    fn made(&self, parent: u64, name: &OsStr, folder: bool) -> Result<FileAttr, Errno> {
        self.change(|state| {
            if state.lookup(parent, name).is_some() {
                return Err(Errno::EEXIST);
            }
            let number = state.add(parent, name, folder).ok_or(Errno::ENOENT)?;
            state.node(number).map(|node| attributes(number, node)).ok_or(Errno::ENOENT)
        })
    }

    fn removed(&self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        self.change(|state| {
            let number = state.lookup(parent, name).ok_or(Errno::ENOENT)?;
            if state.folder(number).is_some_and(|folder| !folder.names.is_empty()) {
                return Err(Errno::ENOTEMPTY);
            }
            state.folder(parent).ok_or(Errno::ENOTDIR)?.names.remove(name);
            Ok(())
        })
    }
}

fn answer(reply: ReplyEmpty, outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry, outcome: Result<FileAttr, Errno>) {
    match outcome {
        Ok(found) => reply.entry(&TTL, &found, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for View {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.0.with(|state| {
            let number = state.lookup(parent.0, name).ok_or(Errno::ENOENT)?;
            state.node(number).map(|node| attributes(number, node)).ok_or(Errno::ENOENT)
        });
        entry(reply, found);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.with(|state| state.node(ino.0).map(|node| attributes(ino.0, node))) {
            Some(found) => reply.attr(&TTL, &found),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.change(|state| {
            if let Some(size) = size {
                state.file(ino.0).ok_or(Errno::EISDIR)?.resize(place(size)?);
            }
            state.node(ino.0).map(|node| attributes(ino.0, node)).ok_or(Errno::ENOENT)
        });
        match changed {
            Ok(found) => reply.attr(&TTL, &found),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        entry(reply, self.made(parent.0, name, true));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.made(parent.0, name, false) {
            Ok(made) => reply.created(&TTL, &made, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.removed(parent.0, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.removed(parent.0, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let moved = self.change(|state| {
            let number = state.lookup(parent.0, name).ok_or(Errno::ENOENT)?;
            state.folder(newparent.0).ok_or(Errno::ENOTDIR)?.names.insert(newname.to_owned(), number);
            state.folder(parent.0).ok_or(Errno::ENOTDIR)?.names.remove(name);
            Ok(())
        });
        answer(reply, moved);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.0.with(|state| match (state.file(ino.0), place(offset)) {
            (Some(file), Ok(from)) => {
                let to = from.saturating_add(size as usize).min(file.data.len());
                reply.data(file.data.get(from..to).unwrap_or_default());
            }
            _ => reply.error(Errno::EISDIR),
        });
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.change(|state| {
            let at = place(offset)?;
            state.file(ino.0).ok_or(Errno::EISDIR)?.write(at, data);
            u32::try_from(data.len()).map_err(|_| Errno::EINVAL)
        });
        match written {
            Ok(size) => reply.written(size),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        answer(reply, self.change(|state| state.sync_file(ino.0).ok_or(Errno::ENOENT)));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        answer(reply, self.change(|state| state.sync_folder(ino.0).ok_or(Errno::ENOENT)));
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.0.with(|state| {
            let names = state.folder(ino.0)?.names.clone();
            Some(
                names
                    .into_iter()
                    .filter_map(|(name, number)| {
                        let kind = match state.node(number)? {
                            Node::File(_) => FileType::RegularFile,
                            Node::Folder(_) => FileType::Directory,
                        };
                        Some((name, number, kind))
                    })
                    .collect::<Vec<_>>(),
            )
        });
        let Some(listed) = listed else { return reply.error(Errno::ENOTDIR) };
        for (at, (name, number, kind)) in (1_u64..).zip(listed).skip_while(|(at, _)| *at <= offset) {
            if reply.add(INodeNo(number), at, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let plenty = 1 << 20;
        reply.statfs(plenty, plenty, plenty, plenty, plenty, BLOCK, 255, BLOCK);
    }
}

fn place(offset: u64) -> Result<usize, Errno> {
    usize::try_from(offset).map_err(|_| Errno::EINVAL)
}
