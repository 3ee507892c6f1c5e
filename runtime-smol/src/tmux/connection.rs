//! One control-mode connection to a tmux server: directly by its socket, or through a `tmux -C` process.

use super::imsg::{self, Identity, Layout, Life, News};
use async_io::Async;
use futures_lite::future;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

/// How connections to a server are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By its socket, without a process: costs tmux a few kilobytes and us a few hundred bytes.
    Direct(Layout),
    /// By a `tmux -C` process, for servers that do not understand us otherwise.
    Process,
}

impl Transport {
    /// What to try, in order, for a server of this version.
    #[must_use]
    pub fn candidates(version: (u32, u32), direct: bool) -> Vec<Transport> {
        let (first, second) =
            if version >= (3, 6) { (Layout::Long, Layout::Short) } else { (Layout::Short, Layout::Long) };
        if direct {
            vec![Transport::Direct(first), Transport::Direct(second), Transport::Process]
        } else {
            vec![Transport::Process]
        }
    }
}

/// Where a server is and how to speak to it.
#[derive(Clone, Debug)]
pub struct Address {
    /// The tmux program.
    pub program: PathBuf,
    /// The server's socket.
    pub socket: PathBuf,
    /// How.
    pub transport: Transport,
}

/// Bytes read at once, and at most this many times before others get a turn.
const READ_BYTES: usize = 64 << 10;
const READS_AT_ONCE: usize = 16;

/// A control-mode connection. Dropping it detaches the client.
#[derive(Debug)]
pub struct ControlConnection {
    shared: Rc<Shared>,
    /// Bytes that the socket did not take at once.
    unsent: VecDeque<u8>,
    _process: Option<Process>,
}

#[derive(Debug)]
struct Shared {
    stream: Async<UnixStream>,
    life: Option<(Async<UnixStream>, Layout)>,
    /// Wakes the task that waits for room to write.
    flush: async_channel::Sender<()>,
    flushed: async_channel::Receiver<()>,
}

/// The part of a connection that waits: run it beside everything else, for as long as the connection lives.
#[derive(Debug)]
pub struct Pump(Rc<Shared>);

/// What happens on a connection; called by its [`Pump`], never while another call runs.
pub trait Handler {
    /// tmux wrote these bytes.
    fn received(&self, bytes: &[u8]);
    /// There is room to write: call [`ControlConnection::flush`].
    fn writable(&self);
}

impl ControlConnection {
    /// Connects and runs `command` (an `attach-session`). Never starts a server.
    ///
    /// # Errors
    /// No server, or none that accepts a connection now.
    pub fn open(address: &Address, name: &str, command: &[&str]) -> io::Result<(Self, Pump)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (life, process) = match address.transport {
            Transport::Direct(layout) => {
                let identity = Identity { name, pid: std::process::id() };
                let life = imsg::attach(&address.socket, layout, identity, &theirs, command)?;
                (Some((Async::new(life)?, layout)), None)
            }
            Transport::Process => (None, Some(Process::start(address, theirs, command)?)),
        };
        let (flush, flushed) = async_channel::bounded(1);
        let shared = Rc::new(Shared { stream: Async::new(ours)?, life, flush, flushed });
        let pump = Pump(Rc::clone(&shared));
        Ok((ControlConnection { shared, unsent: VecDeque::new(), _process: process }, pump))
    }

    /// The process id of the helper process, if there is one.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self._process.as_ref().map(|process| process.0.as_ref().map_or(0, Child::id))
    }

    /// Sends a line of commands: at once if the socket takes it, else as soon as it does.
    pub fn send(&mut self, line: &[u8]) {
        if self.unsent.is_empty() {
            let written = write_some(&self.shared.stream, line);
            self.unsent.extend(&line[written..]);
        } else {
            self.unsent.extend(line);
        }
        if !self.unsent.is_empty() {
            let _ = self.shared.flush.try_send(());
        }
    }

    /// Bytes that wait for room.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Sends what waits for room.
    pub fn flush(&mut self) {
        let written = write_some(&self.shared.stream, self.unsent.make_contiguous());
        self.unsent.drain(..written);
        self.unsent.shrink_to(64 << 10);
        if !self.unsent.is_empty() {
            let _ = self.shared.flush.try_send(());
        }
    }
}

/// Writes what fits. Errors are left to the reader, which sees the end of the connection.
fn write_some(stream: &Async<UnixStream>, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match stream.get_ref().write(&bytes[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return bytes.len(),
        }
    }
    written
}

impl Pump {
    /// Moves bytes until the connection ends, and says why if tmux said so.
    pub async fn run(self, handler: &impl Handler) -> Ending {
        let Pump(shared) = self;
        let read = async {
            loop {
                if shared.stream.readable().await.is_err() || !drain(&shared.stream, handler, READS_AT_ONCE) {
                    return Ending::Closed;
                }
                future::yield_now().await;
            }
        };
        let flush = async {
            while shared.flushed.recv().await.is_ok() && shared.stream.writable().await.is_ok() {
                handler.writable();
            }
            Ending::Closed
        };
        let ending = future::or(future::or(read, flush), life(&shared)).await;
        // What tmux wrote before it ended the client still counts.
        drain(&shared.stream, handler, usize::MAX);
        ending
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// tmux closed it or is gone.
    Closed,
    /// The same, after it had answered in control mode.
    Understood,
    /// Somebody, or a hook of the user's, detached us.
    Detached,
    /// tmux did not understand us.
    OtherVersion,
}

thread_local! {
    /// One buffer for all connections: reading and parsing never wait in between.
    static BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ_BYTES]);
}

/// Reads what is there. False: the connection has ended.
fn drain(stream: &Async<UnixStream>, handler: &impl Handler, mut reads: usize) -> bool {
    BUFFER.with_borrow_mut(|buffer| {
        while reads > 0 {
            reads -= 1;
            match stream.get_ref().read(buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    handler.received(&buffer[..count]);
                    // That was all for now. At the end it is not believed: everything counts.
                    if count < buffer.len() && reads < READS_AT_ONCE {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    })
}

/// Waits for the server's word that the client is to end.
async fn life(shared: &Shared) -> Ending {
    let Some((socket, layout)) = &shared.life else { return future::pending().await };
    let (mut reader, mut buffer) = (Life::new(*layout), [0; 512]);
    loop {
        // Waits first: it has nothing to say but once, and is asked at every turn of the connection.
        if socket.readable().await.is_err() {
            return Ending::Closed;
        }
        let count = match socket.get_ref().read(&mut buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            Ok(0) | Err(_) => return Ending::Closed,
            Ok(count) => count,
        };
        let mut ending = None;
        reader.feed(&buffer[..count], |news| match news {
            News::Ready => {}
            News::OtherVersion => ending = ending.or(Some(Ending::OtherVersion)),
            News::Detached => ending = ending.or(Some(Ending::Detached)),
            News::End => ending = ending.or(Some(Ending::Closed)),
        });
        if let Some(ending) = ending {
            return ending;
        }
    }
}

/// A `tmux -C` process, ended and reaped when dropped.
#[derive(Debug)]
struct Process(Option<Child>);

impl Process {
    fn start(address: &Address, terminal: UnixStream, command: &[&str]) -> io::Result<Self> {
        let output = terminal.try_clone()?;
        let child = Command::new(&address.program)
            .args(["-N", "-u", "-C", "-S"])
            .arg(&address.socket)
            .args(command)
            .env_remove("TMUX")
            .env_remove("TMUX_PANE")
            .current_dir(Path::new("/"))
            .process_group(0)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(terminal)))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(output)))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Process(Some(child)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        let _ = child.kill();
        // Killed, so this returns at once: but not on the driver's thread.
        std::thread::spawn(move || child.wait());
    }
}
