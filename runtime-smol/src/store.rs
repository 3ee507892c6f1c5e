//! What survives a restart: one file per key, replaced as a whole or not at all, in a directory that one node at a time uses.
//!
//! ```text
//! STATE/lock            held by the running node; contains its process id
//! STATE/state/KEY       a value: magic, version, length, checksum, bytes
//! STATE/state/KEY.damaged-N   a file that could not be read, set aside, never touched again
//! STATE/secrets/NAME    32 random bytes
//! STATE/epoch           counts the starts of the node
//! ```

use async_channel::{Receiver, Sender};
use consort_core::{StoreFailure, StoreId, StoreOperation};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// First bytes of every file; the last of them is the version of the format.
const MAGIC: [u8; 8] = *b"CONSORT\x01";
/// Bytes before the value: magic, length and checksum, both little-endian.
const HEADER_BYTES: usize = MAGIC.len() + 4 + 4;
/// Bytes of a value. Core keeps notes of 256 KiB at most in one.
const VALUE_BYTES: usize = 16 << 20;
/// Bytes of a key.
const KEY_BYTES: usize = 100;
/// Ends the name of a file that is being written. A crash leaves at most one per key, which the next write replaces.
const TEMPORARY: &str = ".new";

/// Why a store cannot be opened or used. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another node uses the directory.
    #[error(
        "{directory} is in use by another consort{}: `consort open` shows its dashboard; for a second node choose \
         another --state-dir and --listen",
        holder(*.process)
    )]
    InUse {
        /// The state directory.
        directory: PathBuf,
        /// The process that holds it, if it says so.
        process: Option<u32>,
    },
    /// A file that must be right is not.
    #[error("{path} is damaged ({reason}): restore it from a backup, or move it away to start with a new one")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused.
    #[error("{doing} {path}: {cause}{}", advice(.cause))]
    Io {
        /// What was tried ("cannot write").
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// Not a name that a key can have.
    #[error("{0:?} is not a valid key")]
    Key(String),
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" (process {process})"))
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ": free some space; what was stored before is unchanged",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => ": check that this user may write there",
        _ => "",
    }
}

/// Everything that was stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys and values, ordered by key.
    pub entries: Vec<(String, Vec<u8>)>,
    /// What could not be read: one line each, with what was done about it.
    pub problems: Vec<String>,
}

/// A state directory, locked while this value lives.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    values: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens the directory, creating it (mode 0700) if needed, and locks it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another node has it; [`StoreError::Io`] if it cannot be created or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let values = root.join("state");
        for directory in [root, &values, &root.join("secrets")] {
            private_directory(directory)?;
        }
        let lock = lock(root)?;
        Ok(Store { root: root.to_owned(), values, _lock: lock })
    }

    /// Whether no node uses this directory now.
    #[must_use]
    pub fn is_free(root: &Path) -> bool {
        let Ok(file) = File::open(root.join("lock")) else { return true };
        flock(&file, FlockOperation::NonBlockingLockShared).is_ok()
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads everything. A file that is torn, foreign or of a newer version is set aside and reported, never taken for empty.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the directory cannot be read at all.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let failed = |cause| StoreError::Io { doing: "cannot read", path: self.values.clone(), cause };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.values).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        let mut loaded = Loaded::default();
        for name in names {
            let Some(key) = name.to_str().filter(|name| is_key(name)) else {
                self.clean_up(&name);
                continue;
            };
            match read_value(&self.values.join(key)) {
                Ok(value) => loaded.entries.push((key.to_owned(), value)),
                Err(reason) => loaded.problems.push(self.set_aside(key, &reason)),
            }
        }
        Ok(loaded)
    }

    /// Removes what a crash has left half written. Files set aside, and those of others, stay.
    fn clean_up(&self, name: &std::ffi::OsStr) {
        let temporary = name.to_str().and_then(|name| name.strip_suffix(TEMPORARY)).is_some_and(is_key);
        if temporary {
            // It is in nobody's way.
            let _ = fs::remove_file(self.values.join(name));
        }
    }

    /// Moves a file that cannot be read away from where it would be overwritten; says so in one line.
    #[must_use]
    pub fn set_aside(&self, key: &str, reason: &str) -> String {
        let from = self.values.join(key);
        let free =
            (1..1_000).map(|number| self.values.join(format!("{key}.damaged-{number}"))).find(|path| !path.exists());
        let moved = match &free {
            Some(to) => rename_without_replacing(&from, to),
            None => Err(ErrorKind::AlreadyExists.into()),
        };
        match (moved, free) {
            (Ok(()), Some(to)) => {
                format!(
                    "{} {reason}; it was kept as {} and is not used: restore it from a backup if you need it",
                    from.display(),
                    to.display()
                )
            }
            (moved, _) => {
                let cause = moved.err().map_or_else(String::new, |cause| format!(" ({cause})"));
                format!("{} {reason} and could not be set aside{cause}: move it away yourself", from.display())
            }
        }
    }

    /// Keeps these bytes under this key. When it returns, they are on the disk; if it fails, what was there before still is.
    ///
    /// # Errors
    /// [`StoreError::Key`], or [`StoreError::Io`] (a full disk, a read-only file system).
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_unsynced(key, bytes)?;
        self.sync()
    }

    /// Forgets a key. Forgetting what is not there succeeds.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.remove_unsynced(key)?;
        self.sync()
    }

    /// The bytes are on the disk, the file's name is perhaps not.
    fn put_unsynced(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        if bytes.len() > VALUE_BYTES {
            let cause = io::Error::new(ErrorKind::FileTooLarge, "the value is larger than 16 MiB");
            return Err(StoreError::Io { doing: "cannot write", path: self.values.join(key), cause });
        }
        replace(&self.values.join(key), &encode(bytes))
    }

    fn remove_unsynced(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        let path = self.values.join(key);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                Err(StoreError::Io { doing: "cannot remove", path, cause })
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        sync_directory(&self.values)
    }

    /// A secret of 32 bytes: the stored one, or a new random one, stored (mode 0600) before it is returned.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file has not 32 bytes (it is never replaced: an identity would be lost), [`StoreError::Io`].
    pub fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        check_key(name)?;
        let folder = self.root.join("secrets");
        let path = folder.join(name);
        match read_bounded(&path, 33) {
            Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| StoreError::Damaged {
                path,
                reason: format!(
                    "it has {} bytes instead of 32",
                    if bytes.len() > 32 { "more".into() } else { bytes.len().to_string() }
                ),
            }),
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(|cause| StoreError::Io {
                    doing: "no randomness for",
                    path: path.clone(),
                    cause: io::Error::other(cause.to_string()),
                })?;
                replace(&path, &secret)?;
                sync_directory(&folder)?;
                Ok(secret)
            }
            Err(cause) => Err(StoreError::Io { doing: "cannot read", path, cause }),
        }
    }

    /// The number of this start of the node: larger than that of every start before, and stored before it is returned.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the counter cannot be read, [`StoreError::Io`].
    pub fn next_epoch(&self) -> Result<u64, StoreError> {
        let path = self.root.join("epoch");
        let damaged = |reason: String| StoreError::Damaged { path: path.clone(), reason };
        let last = if path.exists() {
            let bytes = read_value(&path).map_err(damaged)?;
            u64::from_le_bytes(bytes.try_into().map_err(|_| damaged("it has another length".into()))?)
        } else {
            0
        };
        let next = last + 1;
        replace(&path, &encode(&next.to_le_bytes()))?;
        sync_directory(&self.root)?;
        Ok(next)
    }
}

/// Which operation, and whether it is on the disk now: what `Input::Stored` is made of.
pub type StoreAnswer = (StoreId, Result<(), StoreFailure>);

/// Writes for the driver, in order, on a thread of its own. Dropping it finishes what was submitted.
#[derive(Debug)]
pub struct StoreWorker {
    work: Option<Sender<(StoreId, StoreOperation)>>,
    thread: Option<JoinHandle<()>>,
}

impl StoreWorker {
    /// Starts the thread. The receiver gets the answer to each operation, in order, once it is on the disk.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(store: Store) -> io::Result<(Self, Receiver<StoreAnswer>)> {
        let (work, queue) = async_channel::unbounded();
        let (answers, answered) = async_channel::unbounded();
        let thread = thread::Builder::new().name("store".into()).spawn(move || work_off(&store, &queue, &answers))?;
        Ok((StoreWorker { work: Some(work), thread: Some(thread) }, answered))
    }

    /// Hands an operation over. Does not wait: core bounds what is under way.
    pub fn submit(&self, id: StoreId, operation: StoreOperation) {
        if let Some(work) = &self.work {
            // The thread takes work until the sender is gone.
            let _ = work.try_send((id, operation));
        }
    }
}

impl Drop for StoreWorker {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said why.
            let _ = thread.join();
        }
    }
}

/// What waits together is made durable together: one sync of the directory for all of it.
fn work_off(store: &Store, queue: &Receiver<(StoreId, StoreOperation)>, answers: &Sender<StoreAnswer>) {
    while let Ok(first) = queue.recv_blocking() {
        let mut done = Vec::new();
        for (id, operation) in std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok()).take(255)) {
            let result = match operation {
                StoreOperation::Put { key, bytes } => store.put_unsynced(&key, &bytes),
                StoreOperation::Remove { key } => store.remove_unsynced(&key),
            };
            done.push((id, result.map_err(|error| error.to_string())));
        }
        let synced = store.sync().map_err(|error| error.to_string());
        for (id, result) in done {
            let answer = result.and_then(|()| synced.clone()).map_err(StoreFailure);
            // Without a driver nobody wants to know.
            let _ = answers.try_send((id, answer));
        }
    }
}

/// Lower-case letters, digits, `-` and `_`: safe as a file name everywhere, and never like a temporary or damaged file's.
fn is_key(name: &str) -> bool {
    (1..=KEY_BYTES).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

fn check_key(key: &str) -> Result<(), StoreError> {
    if is_key(key) { Ok(()) } else { Err(StoreError::Key(key.into())) }
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEADER_BYTES + bytes.len());
    file.extend_from_slice(&MAGIC);
    // Bounded by VALUE_BYTES.
    file.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    file.extend_from_slice(bytes);
    file
}

/// The value in a file, or what is wrong with it, as the rest of a sentence that begins with its name.
fn read_value(path: &Path) -> Result<Vec<u8>, String> {
    let file =
        read_bounded(path, HEADER_BYTES + VALUE_BYTES + 1).map_err(|cause| format!("cannot be read ({cause})"))?;
    decode(&file)
}

fn decode(file: &[u8]) -> Result<Vec<u8>, String> {
    let (name, version) = (&MAGIC[..MAGIC.len() - 1], MAGIC[MAGIC.len() - 1]);
    if file.len() < HEADER_BYTES {
        return Err("is torn (it ends too early)".into());
    }
    if !file.starts_with(name) {
        return Err("is not a file of consort".into());
    }
    if file[name.len()] != version {
        return Err(format!(
            "was written by another version of consort (format {}, this one knows {version})",
            file[name.len()]
        ));
    }
    let number = |at: usize| u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
    let value = &file[HEADER_BYTES..];
    if value.len() != number(MAGIC.len()) as usize {
        return Err("is torn (it has another length than it says)".into());
    }
    if crc32fast::hash(value) != number(MAGIC.len() + 4) {
        return Err("is damaged (its checksum is wrong)".into());
    }
    Ok(value.to_vec())
}

/// At most `limit` bytes of a file.
fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file as a whole: the new bytes are on the disk before the name leads to them. The name is durable once the
/// directory is synced.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|cause| {
        // Half a file is of no use and takes space that may be short.
        let _ = fs::remove_file(&temporary);
        StoreError::Io { doing: "cannot write", path: path.to_owned(), cause }
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|cause| StoreError::Io { doing: "cannot write", path: path.to_owned(), cause })
}

/// A second name for the file, then the first one away: nothing is ever overwritten.
fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

fn private_directory(path: &Path) -> Result<(), StoreError> {
    let failed = |cause| StoreError::Io { doing: "cannot create", path: path.to_owned(), cause };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Takes the lock and leaves our process id in it. The system frees it however we end.
fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let failed = |cause: io::Error| StoreError::Io { doing: "cannot lock", path: path.clone(), cause };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let mut file =
        File::from(rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600)).map_err(|error| failed(error.into()))?);
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // Who holds it is only shown.
            let _ = file.take(16).read_to_string(&mut text);
            return Err(StoreError::InUse { directory: root.to_owned(), process: text.trim().parse().ok() });
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(file)
}
