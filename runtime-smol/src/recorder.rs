//! `--record DIR`: a file for each life of the node, and room for so many of them.
//!
//! Recordings are named after the time at which they began. Together they stay below a bound: the oldest go first. The recording of one
//! life is of use only from its beginning, so the one that reaches the bound alone ends, and says so.

use crate::audit::rfc3339;
use consort_core::seal::Seal;
use consort_recording::file::{self, Header};
use consort_recording::{Ending, Recorder, RecordingSeal, Tape};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

/// How the names of recordings end.
const SUFFIX: &str = ".recording";
/// Room that is kept for the end of a recording.
const END_BYTES: u64 = 64;

/// What is to be recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordOptions {
    /// The folder.
    pub directory: PathBuf,
    /// Bytes of all recordings in it together.
    pub limit_bytes: u64,
    /// Leave nothing out.
    pub all: bool,
}

/// A recording that goes on. It ends, whole, when this is dropped.
#[derive(Debug)]
pub struct Recording {
    tape: Tape,
    all: bool,
    thread: Option<JoinHandle<()>>,
}

impl Recording {
    /// Begins the recording of a life.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn begin(options: &RecordOptions, header: &Header) -> io::Result<Self> {
        let mut shelf = Shelf::open(options, header)?;
        let tape = Tape::default();
        let from = tape.clone();
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || shelf.work_off(&from))?;
        Ok(Recording { tape, all: options.all, thread: Some(thread) })
    }

    /// What tells it of inputs and outputs.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(self.tape.clone(), self.all)
    }

    /// A seal that tells it what it gives.
    #[must_use]
    pub fn seal(&self, seal: Box<dyn Seal>) -> Box<dyn Seal> {
        Box::new(RecordingSeal::new(seal, self.tape.clone(), self.all))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.tape.end(Ending::Stopped);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said why.
            let _ = thread.join();
        }
    }
}

/// The folder of recordings, with the one that is being written.
#[derive(Debug)]
struct Shelf {
    directory: PathBuf,
    limit: u64,
    path: PathBuf,
    /// Locked: what is being written is not removed, by whatever node.
    file: File,
    written: u64,
}

impl Shelf {
    fn open(options: &RecordOptions, header: &Header) -> io::Result<Self> {
        let directory = options.directory.clone();
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let (path, file) = new_file(&directory, header.began_unix_ms)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let mut shelf = Shelf { directory, limit: options.limit_bytes, path, file, written: 0 };
        if !shelf.add(&file::beginning(header))? {
            let _ = fs::remove_file(&shelf.path);
            let why =
                "the bound of recordings is below what the beginning of one takes: choose a larger --record-limit";
            return Err(io::Error::new(ErrorKind::StorageFull, why));
        }
        Ok(shelf)
    }

    fn work_off(&mut self, tape: &Tape) {
        let ending = loop {
            match tape.take().map(|records| self.add(&file::block(&records))) {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => break Ending::Full,
                Ok(Err(error)) => {
                    tape.end(Ending::Full);
                    return log::error!(
                        "{} cannot be written any more: {error}; the recording ends",
                        self.path.display()
                    );
                }
                Err(ending) => break ending,
            }
        };
        tape.end(ending);
        let path = self.path.display();
        match ending {
            Ending::Stopped => {}
            Ending::Full => log::warn!(
                "the recording {path} has reached the bound of all recordings and ends: --record-limit allows more"
            ),
            Ending::Overrun => log::warn!("the disk is too slow for the recording {path}: it ends"),
        }
        if let Err(error) = self.file.write_all(&file::end(ending)) {
            log::warn!("the end of the recording {path} cannot be written: {error}");
        }
    }

    /// Writes a piece, once there is room for it. False: there cannot be.
    fn add(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let after = self.written + bytes.len() as u64;
        if after + END_BYTES > self.limit {
            return Ok(false);
        }
        self.make_room(self.limit - after - END_BYTES)?;
        self.file.write_all(bytes)?;
        self.written = after;
        Ok(true)
    }

    /// Removes the oldest of the other recordings until so many bytes are enough for the rest.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            let recording = entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX));
            if recording && path != self.path && entry.file_type()?.is_file() {
                others.push((path, entry.metadata().map_or(0, |metadata| metadata.len())));
            }
        }
        others.sort();
        let mut left: u64 = others.iter().map(|(_, len)| len).sum();
        for (path, len) in others {
            if left <= bytes {
                break;
            }
            if is_at_rest(&path) && fs::remove_file(&path).is_ok() {
                left -= len;
            }
        }
        Ok(())
    }
}

/// Whether nobody writes a recording.
fn is_at_rest(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// A file that is named after a time, or shortly after it.
fn new_file(directory: &Path, unix_ms: u64) -> io::Result<(PathBuf, File)> {
    let mut at = UNIX_EPOCH + Duration::from_millis(unix_ms);
    loop {
        // Without colons, which some tools take for something else.
        let path = directory.join(rfc3339(at).replace(':', "-") + SUFFIX);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => at += Duration::from_millis(1),
            result => return result.map(|file| (path, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::{Input, NodeId};
    use consort_recording::{Reader, Record};
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn header(began_unix_ms: u64) -> Header {
        Header {
            version: "0.1.0".into(),
            began_unix_ms,
            all: false,
            name: "a".into(),
            id: NodeId([1; 32]),
            epoch: 1,
            seed: [0; 32],
            now_ms: 0,
            restored: Vec::new(),
        }
    }

    fn options(folder: &TempDir, limit_bytes: u64) -> RecordOptions {
        RecordOptions { directory: folder.path().join("r"), limit_bytes, all: false }
    }

    /// All recordings, by their names.
    fn files(options: &RecordOptions) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&options.directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// A recording of so many inputs, one by one on the disk.
    fn record(options: &RecordOptions, began: u64, inputs: u64) {
        let mut shelf = Shelf::open(options, &header(began)).unwrap();
        for at in 0..inputs {
            let tape = Tape::default();
            tape.append(&Record::Input(at, Input::Wake));
            tape.end(Ending::Stopped);
            assert!(shelf.add(&file::block(&tape.take().unwrap())).unwrap());
        }
    }

    fn steps(path: &Path) -> (usize, Result<Ending, usize>) {
        let file = fs::read(path).unwrap();
        let mut reader = Reader::new(&file).unwrap();
        let count = std::iter::from_fn(|| reader.step()).count();
        (count, reader.ending())
    }

    #[test]
    fn a_recording_is_for_its_user_alone_and_ends_whole() {
        let folder = TempDir::new().unwrap();
        let options = options(&folder, 1 << 20);
        let recording = Recording::begin(&options, &header(1_767_225_599_007)).unwrap();
        recording.recorder().input(consort_core::Instant::START, &Input::Wake, false);
        drop(recording);
        let files = files(&options);
        assert_eq!(files, [options.directory.join("2025-12-31T23-59-59.007Z.recording")]);
        assert_eq!(steps(&files[0]), (1, Ok(Ending::Stopped)));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files[0]), mode(&options.directory)), (0o600, 0o700));
    }

    #[test]
    fn two_nodes_that_begin_at_once_have_a_file_each() {
        let folder = TempDir::new().unwrap();
        let options = options(&folder, 1 << 20);
        let both = [1, 1].map(|began| Recording::begin(&options, &header(began)).unwrap());
        assert_eq!(files(&options).len(), both.len());
    }

    #[test]
    fn the_oldest_recordings_make_room_and_nothing_else_does() {
        let folder = TempDir::new().unwrap();
        let options = options(&folder, 2_500);
        for began in 1..=3 {
            record(&options, began, 50);
        }
        fs::write(options.directory.join("0"), vec![0; 10_000]).unwrap();
        let lengths: Vec<u64> = files(&options).iter().map(|path| fs::metadata(path).unwrap().len()).collect();
        assert!(lengths[1] * 3 < 2_500, "{lengths:?}");
        record(&options, 4, 80);
        let left: Vec<usize> = files(&options)[1..].iter().map(|path| steps(path).0).collect();
        assert_eq!(left, [50, 80], "{:?}", files(&options));
        let total: u64 = files(&options)[1..].iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(total <= 2_500);
    }

    #[test]
    fn what_is_being_written_makes_no_room() {
        let folder = TempDir::new().unwrap();
        let options = options(&folder, 2_000);
        let _present = Recording::begin(&options, &header(1)).unwrap();
        record(&options, 2, 80);
        assert_eq!(files(&options).len(), 2);
    }

    #[test]
    fn a_life_that_reaches_the_bound_alone_ends_its_recording_and_says_so() {
        let folder = TempDir::new().unwrap();
        let options = options(&folder, 1_000);
        let recording = Recording::begin(&options, &header(1)).unwrap();
        let mut recorder = recording.recorder();
        while recording.tape.is_running() {
            recorder.input(consort_core::Instant::START, &Input::Wake, false);
        }
        drop(recording);
        let path = &files(&options)[0];
        assert!(fs::metadata(path).unwrap().len() <= 1_000);
        assert_eq!(steps(path).1, Ok(Ending::Full));
    }

    #[test]
    fn a_bound_without_room_for_a_beginning_is_refused() {
        let folder = TempDir::new().unwrap();
        let error = Recording::begin(&options(&folder, 100), &header(1)).unwrap_err();
        assert!(error.to_string().contains("--record-limit"), "{error}");
    }
}
