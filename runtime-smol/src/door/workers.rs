//! tiny_http on a private socket: its threads serve the files of the dashboard and let browsers in. None of that waits for the node.
//!
//! Only whole requests come here, over a few connections that the door opened itself: no client can reach a thread.

use consort_web::{Api, Clock, Head, Headers, Response, Via};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Threads that answer requests for pages, and so the number of those that are answered at once.
pub(super) const WORKERS: usize = 2;

/// Says on the private socket where a request came in. The door writes it; what a client sent by this name went no further.
pub(super) const VIA_HEADER: &str = "consort-via";

/// Reads the time of a request.
pub(super) type ReadClock = Arc<dyn Fn() -> Clock + Send + Sync>;

/// The running threads. Dropping it stops them, each when its present request is answered.
pub(super) struct Workers {
    server: Arc<tiny_http::Server>,
    stopping: Arc<AtomicBool>,
    path: PathBuf,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Workers {
    /// Starts the threads behind a socket in `folder`, which must be closed to other users.
    pub(super) fn start(folder: &Path, api: &Arc<Api>, clock: &ReadClock) -> io::Result<Self> {
        let path = unused_path(folder)?;
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        let server = Arc::new(tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?);
        let workers = Workers { server, stopping: Arc::default(), path };
        for number in 0..WORKERS {
            let (server, api, clock) = (Arc::clone(&workers.server), Arc::clone(api), Arc::clone(clock));
            let stopping = Arc::clone(&workers.stopping);
            thread::Builder::new().name(format!("http-{number}")).stack_size(1 << 20).spawn(move || {
                while !stopping.load(Ordering::Acquire) {
                    match server.recv() {
                        Ok(request) => serve(request, &api, &clock),
                        Err(error) if stopping.load(Ordering::Acquire) => log::trace!("an HTTP thread ends: {error}"),
                        Err(error) => {
                            log::warn!("the HTTP threads take no new connections: {error}");
                            thread::sleep(Duration::from_millis(100));
                        }
                    }
                }
            })?;
        }
        Ok(workers)
    }

    /// The private socket.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        for _ in 0..WORKERS {
            self.server.unblock();
        }
    }
}

/// What the names of this process's sockets begin with.
pub(super) fn own_sockets() -> String {
    format!("http-{}-", std::process::id())
}

/// A name that was not used before: tiny_http removes its socket by name, and late, when the next one may be there. What killed
/// nodes have left behind is removed.
fn unused_path(folder: &Path) -> io::Result<PathBuf> {
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let ours = own_sockets();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("http") && !name.starts_with(&ours) {
            super::listen::remove_if_there(&entry.path())?;
        }
    }
    let path = folder.join(format!("{ours}{}.sock", STARTS.fetch_add(1, Ordering::Relaxed)));
    super::listen::remove_if_there(&path)?;
    Ok(path)
}

fn serve(mut request: tiny_http::Request, api: &Api, clock: &ReadClock) {
    // A bug in one answer must not take a thread away from all others: the client gets a 500.
    let answer = catch_unwind(AssertUnwindSafe(|| answer(&mut request, api, clock()))).unwrap_or_else(|_| {
        log::error!("the answer to a request panicked: {} {}", request.method(), request.url());
        Ok(Response::empty(500))
    });
    let sent = answer.and_then(|response| request.respond(to_tiny_http(response)));
    if let Err(error) = sent {
        log::debug!("an answer did not reach the door: {error}");
    }
}

fn answer(request: &mut tiny_http::Request, api: &Api, clock: Clock) -> io::Result<Response> {
    let mut body = Vec::new();
    request.as_reader().read_to_end(&mut body)?;
    let via =
        request.headers().iter().find(|header| header.field.equiv(VIA_HEADER)).map(|header| header.value.as_str());
    let via = match via {
        Some("control") => Via::ControlSocket,
        _ => Via::Tcp,
    };
    let fields = request.headers().iter();
    let headers = Headers::collect(fields.map(|header| (header.field.as_str().as_str(), header.value.as_bytes())));
    Ok(match headers {
        Ok(headers) => {
            let head = Head { via, method: request.method().as_str(), target: request.url(), headers };
            futures_lite::future::block_on(api.answer(&head, &body, clock))
        }
        Err(fault) => consort_web::http::Problem::from(fault).into(),
    })
}

fn to_tiny_http(response: Response) -> tiny_http::Response<io::Cursor<std::borrow::Cow<'static, [u8]>>> {
    let headers = [("Server", "consort".into())].into_iter().chain(response.headers);
    let headers =
        headers.filter_map(|(name, value)| tiny_http::Header::from_bytes(name, value.as_bytes()).ok()).collect();
    let length = response.body.len();
    let body = io::Cursor::new(response.body);
    // Never in chunks: the door counts on a length.
    tiny_http::Response::new(tiny_http::StatusCode(response.status), headers, body, Some(length), None)
        .with_chunked_threshold(usize::MAX)
}
