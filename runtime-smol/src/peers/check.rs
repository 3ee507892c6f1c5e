//! Whether two members can dial each other: this node tries all addresses of another one, and asks it to try this one's.

use super::Peers;
use crate::link::greet::{self, Answer, Tried, Wanted};
use crate::link::noise::Purpose;
use crate::serve::unix_ms;
use async_io::Timer;
use consort_core::error::RefusalCode;
use consort_core::{Address, NodeId, Refusal};
use consort_web::api::{Checked, Dialled};
use futures_lite::future;
use smol::LocalExecutor;
use std::time::Duration;

/// What a node is told that is no member here.
pub(crate) const NO_MEMBER: &str = "It does not take this node for a member of its mesh.";
/// Addresses that are tried.
const TRIED: usize = 6;
/// How long the asked node may try.
const BACK_TIME: Duration = Duration::from_secs(3);
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(9);

/// Dials a member at all its addresses, and has it dial this node.
pub(super) async fn check(peers: &Peers, node: NodeId) -> Result<Checked, Refusal> {
    let Some(addresses) = addresses_of(peers, node).await else {
        let message = format!("{} is not a member of this mesh.", node.short());
        return Err(Refusal { code: RefusalCode::NotFound, message, hint: "See who is: consort peers".into() });
    };
    let answers = all(addresses.into_iter().map(|address| async move {
        let late = async {
            Timer::after(PATIENCE).await;
            Err("no answer in time".to_string())
        };
        let answer = future::or(ask(peers, node, &address), late).await;
        (address, answer)
    }))
    .await;
    let back = answers.iter().find_map(|(_, answer)| answer.as_ref().ok().cloned());
    let clock_ms = back.as_ref().map(|(_, ahead_ms)| *ahead_ms);
    let there = answers.into_iter().map(|(address, answer)| Dialled { address: address.0, failure: answer.err() });
    let back = back.map(|(tried, _)| {
        tried.into_iter().map(|one| Dialled { address: one.address.0, failure: one.failure }).collect()
    });
    Ok(Checked { there: there.collect(), back, clock_ms })
}

/// What became of dialling back, and how far the node's clock is ahead of this one's, in milliseconds.
async fn ask(peers: &Peers, node: NodeId, address: &Address) -> Result<(Vec<Tried>, i64), String> {
    let socket = peers.connect(address).await?;
    let called =
        greet::call(&peers.myself.key, socket, (Purpose::Check, None), Wanted::Node(node), &peers.card()).await;
    match called.map_err(|failure| failure.to_string())? {
        (_, Answer::Checked { tried, unix_ms: theirs }) => Ok((tried, theirs.cast_signed() - unix_ms().cast_signed())),
        (_, Answer::Refused { message }) => Err(message),
        (_, Answer::Welcome { .. } | Answer::Waiting { .. }) => Err("it answers something else than was asked".into()),
    }
}

/// What a member that asks is told: which of its addresses lead to something. Only those that are known of it here are tried.
pub(super) async fn answer(peers: &Peers, node: NodeId) -> Answer {
    let Some(addresses) = addresses_of(peers, node).await else {
        return Answer::Refused { message: NO_MEMBER.into() };
    };
    let tried = all(addresses.into_iter().map(|address| async move {
        let late = async {
            Timer::after(BACK_TIME).await;
            Err("no answer in time".to_string())
        };
        let failure = future::or(async { peers.connect(&address).await }, late).await.err();
        Tried { address, failure }
    }));
    Answer::Checked { tried: tried.await, unix_ms: unix_ms() }
}

/// The addresses of a member; `None` if it is none.
async fn addresses_of(peers: &Peers, node: NodeId) -> Option<Vec<Address>> {
    let look = move |view: consort_core::View<'_>| {
        let member = view.node(node).filter(|found| found.member && !found.own)?;
        Some(member.addresses.iter().take(TRIED).cloned().collect())
    };
    peers.handle.read(move |view, _| look(view)).await?
}

/// All results, in order, of work that is done at the same time.
async fn all<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = work.map(|one| executor.spawn(one)).collect();
    let collected = async {
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await);
        }
        results
    };
    executor.run(collected).await
}
