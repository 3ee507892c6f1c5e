//! Has requests answered: pages by the HTTP threads, everything else here. A look is never behind an act: nothing that is under
//! way, and nobody who waits, holds what it needs.

use super::head::{self, Request};
use super::pages::{self, Pages};
use super::workers::ReadClock;
use async_io::Timer;
use consort_web::api::{Api, Lane};
use consort_web::{Head, Response, Via};
use futures_lite::FutureExt;
use futures_lite::future::{or, yield_now};
use smol::LocalExecutor;
use smol::lock::Semaphore;
use std::io::{self, ErrorKind};
use std::panic::AssertUnwindSafe;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for its turn and its answer together. Commands take at most 50 seconds: a program may still be starting.
const EXCHANGE: Duration = Duration::from_secs(60);

/// Looks that are under way at once: each is work for the thread that also carries every key, every echo and the other requests,
/// which get their turn between two looks.
const LOOKS: usize = 1;

/// Acts that are under way at once; more wait for their turn.
const ACTS: usize = 64;

/// Who answers requests.
pub(super) struct Exchange {
    api: Arc<Api>,
    clock: ReadClock,
    pages: Pages,
    looks: Semaphore,
    acts: Arc<Semaphore>,
    /// Carries acts to their end. Weak: what runs in it holds the exchange.
    executor: Weak<LocalExecutor<'static>>,
}

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// Of an HTTP thread.
    Page(pages::Answer),
    /// Made here.
    Own(Response),
}

impl Exchange {
    pub(super) fn new(api: Arc<Api>, clock: ReadClock, pages: Pages, executor: Weak<LocalExecutor<'static>>) -> Self {
        let (looks, acts) = (Semaphore::new(LOOKS), Arc::new(Semaphore::new(ACTS)));
        Exchange { api, clock, pages, looks, acts, executor }
    }

    /// Has a request answered; `bytes` is its head as it came.
    ///
    /// # Errors
    /// `TimedOut` if there was no turn or the answer took too long; others if the threads or the node are gone.
    pub(super) async fn answer(
        &self,
        request: &Request<'_>,
        bytes: &[u8],
        body: &[u8],
        lane: Lane,
    ) -> io::Result<Answer> {
        let own = async || answered(&self.api, &request.head, body, &self.clock).await;
        let answer = async {
            match lane {
                Lane::Page => self.pages.answer(request, body).await.map(Answer::Page),
                Lane::Quick | Lane::Wait | Lane::Events => Ok(Answer::Own(own().await)),
                Lane::Look => {
                    let _turn = self.looks.acquire().await;
                    // Whoever else has something to do goes first: one client's many looks do not keep others from coming in.
                    yield_now().await;
                    Ok(Answer::Own(own().await))
                }
                Lane::Act => self.act(bytes.to_vec(), request.head.via, body).await.map(Answer::Own),
            }
        };
        if lane == Lane::Wait {
            return Ok(Answer::Own(own().await));
        }
        let deadline = async {
            Timer::after(EXCHANGE).await;
            Err(io::Error::new(ErrorKind::TimedOut, "the node is too busy"))
        };
        or(answer, deadline).await
    }

    /// Does something, to its end even if the client goes: whoever repeats the request must find what became of it.
    async fn act(&self, bytes: Vec<u8>, via: Via, body: &[u8]) -> io::Result<Response> {
        let turn = self.acts.acquire_arc().await;
        let gone = || io::Error::from(ErrorKind::BrokenPipe);
        let executor = self.executor.upgrade().ok_or_else(gone)?;
        let (api, clock) = (Arc::clone(&self.api), Arc::clone(&self.clock));
        let (sender, receiver) = async_channel::bounded(1);
        let body = body.to_vec();
        let act = async move {
            // It was read before: a head is the same each time.
            if let Ok(request) = head::parse(&bytes, via) {
                let _ = sender.try_send(answered(&api, &request.head, &body, &clock).await);
            }
            drop(turn);
        };
        executor.spawn(act).detach();
        receiver.recv().await.map_err(|_| gone())
    }
}

/// The API's answer. A bug in one must not end the node: the client gets a 500.
async fn answered(api: &Api, head: &Head<'_>, body: &[u8], clock: &ReadClock) -> Response {
    AssertUnwindSafe(api.answer(head, body, clock())).catch_unwind().await.unwrap_or_else(|_| {
        log::error!("the answer to a request panicked: {} {}", head.method, head.path());
        Response::empty(500)
    })
}
