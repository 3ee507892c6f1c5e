//! What a node that calls is told: a member gets its link, who knows a code is admitted, who asks waits for a person.

use super::Peers;
use super::requests::Asked;
use crate::link::carry;
use crate::link::greet::{self, Answer, Caller, Card, Failure};
use crate::link::knocks::Knocks;
use crate::link::noise::{Broken, Purpose};
use crate::link::socket::{self, NodeSocket, Silence};
use consort_core::{NodeId, Refusal, Rights, View};
use consort_web::lines::Line;
use futures_lite::future;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Serves a connection to [`LINK_PATH`](crate::link::LINK_PATH) until it ends.
pub(crate) async fn answer(peers: &Peers, knocks: &Knocks, socket: NodeSocket) {
    let (Some(here), Some(there)) = (socket.get_ref().local(), socket.get_ref().peer()) else { return };
    let knock = knocks.enter(there.ip());
    let served = async {
        let secret = |number| peers.invites().secret(number, Instant::now());
        let heard = greet::hear(&peers.myself.key, socket, secret).await;
        match heard {
            Ok(caller) => Some(caller),
            Err(failure) => {
                refuse(peers, there, &failure);
                None
            }
        }
    };
    // Who has not said who it is makes room for others.
    let Some(caller) = or_nothing(served, knock.is_sent_away()).await else { return };
    match caller.purpose {
        Purpose::Link if is_member(peers, caller.conversation.peer).await => {
            drop(knock);
            link(peers, there, caller, peers.card()).await;
        }
        // Core knows best whether somebody is about to become a member; until then it is a stranger here.
        Purpose::Link => {
            let card = if accepted_by(peers, caller.conversation.peer).await { peers.card() } else { Card::default() };
            future::or(link(peers, there, caller, card), knock.is_sent_away()).await;
        }
        Purpose::Pair => tell(caller, |caller| async { by_code(peers, there, caller).await }).await,
        Purpose::Check => tell(caller, |caller| async move { super::check::answer(peers, caller.node).await }).await,
        Purpose::Ask => tell(caller, |caller| async { by_address(peers, (here.ip(), there), caller).await }).await,
    }
}

async fn or_nothing<T>(work: impl Future<Output = Option<T>>, end: impl Future<Output = ()>) -> Option<T> {
    future::or(work, async {
        end.await;
        None
    })
    .await
}

fn refuse(peers: &Peers, there: SocketAddr, failure: &Failure) {
    let why = match failure {
        // Whoever only looks whether somebody is here has done no wrong.
        Failure::Silence(Silence::Ended) => return log::debug!("{there} has ended the connection"),
        Failure::Broken(Broken::Message) => "it does not know the code, or is not who it says".to_string(),
        other => other.to_string(),
    };
    peers.note_refusal(there, why);
}

async fn is_member(peers: &Peers, node: NodeId) -> bool {
    peers.handle.read(move |view, _| view.node(node).is_some_and(|node| node.member)).await == Some(true)
}

/// A node that was asked to admit this one calls: it has. Whether it was, and is a member now.
async fn accepted_by(peers: &Peers, node: NodeId) -> bool {
    let asked = peers.asking_now().get(&node).cloned();
    let Some(asked) = asked else { return false };
    let accepted = super::join::admitted(peers, node, &asked, Vec::new()).await.is_ok();
    if accepted {
        peers.asking_now().remove(&node);
    }
    accepted
}

async fn link(peers: &Peers, there: SocketAddr, caller: Caller, card: Card) {
    let Caller { mut conversation, card: theirs, .. } = caller;
    if conversation.tell(&Answer::Welcome { card, view: false }).await.is_err() {
        return;
    }
    conversation.socket = socket::admitted(conversation.socket).await;
    let line = Line {
        peer: conversation.peer,
        address: there.to_string(),
        dialled: false,
        version: theirs.version,
        latency: None,
    };
    carry(conversation, None, line, &peers.handle, &peers.lines).await;
}

async fn tell<F: Future<Output = Answer>>(mut caller: Caller, decide: impl FnOnce(Visitor) -> F) {
    let visitor =
        Visitor { node: caller.conversation.peer, card: std::mem::take(&mut caller.card), invite: caller.invite };
    let answer = decide(visitor).await;
    if caller.conversation.tell(&answer).await.is_ok() {
        caller.conversation.end().await;
    }
}

/// Somebody who wants to become a member.
struct Visitor {
    node: NodeId,
    card: Card,
    invite: Option<[u8; 4]>,
}

async fn by_code(peers: &Peers, there: SocketAddr, visitor: Visitor) -> Answer {
    let redeemed = visitor.invite.and_then(|number| peers.invites().redeem(number, visitor.node, Instant::now()));
    let Some(rights) = redeemed else {
        peers.note_refusal(there, "the code was used already".into());
        return Answer::Refused { message: "This code was used already, by another machine.".into() };
    };
    welcome(peers, there, visitor, rights, "paired").await
}

async fn by_address(peers: &Peers, (here, there): (IpAddr, SocketAddr), visitor: Visitor) -> Answer {
    let node = visitor.node;
    let member = move |view: View<'_>| view.node(node).filter(|node| node.member).map(|node| node.rights);
    if let Some(rights) = peers.handle.read(move |view, _| member(view)).await.flatten() {
        return Answer::Welcome { card: peers.card(), view: rights == Rights::View };
    }
    let trusted = peers.myself.trusted.iter().find(|trusted| trusted.covers(here, there.ip()));
    // Removed stays removed: an address alone does not bring anybody back.
    let removed = peers.handle.read(move |view, _| view.was_removed(node)).await != Some(false);
    if let Some(trusted) = trusted.filter(|_| !removed) {
        return welcome(peers, there, visitor, Rights::Operate, &format!("trusted network {trusted}")).await;
    }
    let name = visitor.card.name.clone();
    let asked = peers.requests().ask(node, visitor.card, there.ip(), Instant::now());
    match asked {
        Asked::Refused => return Answer::Refused { message: "Somebody there has refused this machine.".into() },
        Asked::Full => return Answer::Refused { message: "Too many machines wait to be admitted there.".into() },
        Asked::Listed => {
            log::info!("{name} ({}) at {} asks to join: consort admit {}", node.short(), there.ip(), node.short());
            peers.note(node, "asked", &format!("{name} at {}", there.ip()));
        }
        Asked::Again => {}
    }
    // Who waits learns whom it waits for, and nothing more.
    Answer::Waiting { card: Card { name: peers.myself.name.clone(), ..Card::default() } }
}

async fn welcome(peers: &Peers, there: SocketAddr, visitor: Visitor, rights: Rights, how: &str) -> Answer {
    let Visitor { node, card, .. } = visitor;
    match peers.take_in(node, card.addresses, rights).await {
        Ok(_) => {
            peers.note_version(node, &card.version);
            peers.requests().forget(node);
            peers.note(node, how, &format!("{} at {}", card.name, there.ip()));
            Answer::Welcome { card: peers.card(), view: rights == Rights::View }
        }
        Err(Refusal { message, .. }) => Answer::Refused { message },
    }
}
