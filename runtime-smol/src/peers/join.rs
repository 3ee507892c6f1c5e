//! Joining another node: by its code, or by its address and a person there who admits this one.

use super::code::{Code, NoCode};
use super::network::with_port;
use super::{Asking, Peers, Task};
use crate::door::DEFAULT_PORT;
use crate::link::greet::{self, Answer, Conversation, Failure, Ticket, Wanted};
use crate::link::noise::Purpose;
use async_io::Timer;
use consort_core::error::RefusalCode;
use consort_core::limits::ADDRESSES;
use consort_core::{Address, NodeId, Refusal, Rights};
use consort_web::api::Joined;
use futures_lite::future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long joining may take before its sender is told that it has failed.
const PATIENCE: Duration = Duration::from_secs(9);
/// How long one address of a code has before the next one is tried beside it.
const NEXT: Duration = Duration::from_millis(250);
/// How long this node goes on asking another one to admit it.
const ASKING: Duration = Duration::from_secs(3_600);
/// Nodes that are asked at a time.
const ASKED: usize = 16;
/// Pauses between two questions: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Joins the node that a code or an address names. `rights` is what that node may do here.
pub(super) async fn join(peers: &Peers, target: &str, rights: Rights) -> Result<Joined, Refusal> {
    let target = target.trim();
    let joining = async {
        match Code::read(target) {
            Ok(code) => {
                peers.open_up().await;
                by_code(peers, &code, rights).await
            }
            Err(NoCode::Mistyped) => Err(refusal(
                RefusalCode::Invalid,
                "The code has a typing error, or a part of it is missing.",
                "Copy all of it.",
            )),
            Err(NoCode::Newer) => Err(refusal(
                RefusalCode::Invalid,
                "The code was made by a newer version of consort.",
                "Update this machine's.",
            )),
            Err(NoCode::Other) => {
                let address = with_port(target, DEFAULT_PORT).ok_or_else(|| {
                    let hint = "An address looks like laptop.local or 192.168.1.7:23000.";
                    refusal(RefusalCode::Invalid, "This is neither a code nor an address.", hint)
                })?;
                by_address(peers, address, rights).await.map_err(|refusal| perhaps_a_code(target, refusal))
            }
        }
    };
    let late = async {
        Timer::after(PATIENCE).await;
        Err(refusal(
            RefusalCode::Unreachable,
            "The other machine has not answered in time.",
            "Try again, or join from there.",
        ))
    };
    future::or(joining, late).await
}

async fn by_code(peers: &Peers, code: &Code, rights: Rights) -> Result<Joined, Refusal> {
    if code.beginning == peers.id.0[..code.beginning.len()] {
        return Err(refusal(RefusalCode::Invalid, "This code was made by this machine.", "Enter it on the other one."));
    }
    if code.addresses.is_empty() {
        return Err(refusal(RefusalCode::Unreachable, "The machine that made this code has no address.", OTHER_WAY));
    }
    let tries = code.addresses.iter().zip(0..).map(|(address, turn)| {
        let called = async move {
            Timer::after(NEXT * turn).await;
            call(peers, address, (Purpose::Pair, Some(code.ticket())), Wanted::Beginning(code.beginning)).await
        };
        Box::pin(called) as Pin<Box<dyn Future<Output = _>>>
    });
    match first_answer(tries.collect()).await {
        Ok((conversation, Answer::Welcome { card, view }, address)) => {
            let node = conversation.peer;
            let asked = Asking { address: address.0.clone(), name: card.name, rights };
            peers.note_version(node, &card.version);
            admitted(peers, node, &asked, card.addresses).await?;
            peers.note(node, "joined", &format!("{} at {}", asked.name, address.0));
            conversation.end().await;
            Ok(Joined { node, name: asked.name, rights: Some(rights_there(view)) })
        }
        Ok((_, Answer::Refused { message }, _)) => {
            Err(refusal(RefusalCode::Forbidden, message, "Make a new one there: consort invite"))
        }
        Ok((_, Answer::Waiting { .. } | Answer::Checked { .. }, _)) => Err(nonsense()),
        Err(failures) => Err(no_answer(&failures)),
    }
}

/// A word that no machine is called may be what was left of a code.
fn perhaps_a_code(target: &str, refusal: Refusal) -> Refusal {
    let word = target.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !word || refusal.code != RefusalCode::Unreachable {
        return refusal;
    }
    let hint = format!("If this is a code, a part of it is missing: copy all of it. {}", refusal.hint);
    Refusal { hint, ..refusal }
}

async fn by_address(peers: &Peers, address: Address, rights: Rights) -> Result<Joined, Refusal> {
    // A name with a typing error leads nowhere: then nothing here is opened for others.
    drop(peers.connect(&address).await.map_err(|why| no_answer(&[(address.clone(), why)]))?);
    peers.open_up().await;
    let called = call(peers, &address, (Purpose::Ask, None), Wanted::Anybody).await;
    match called {
        Ok((conversation, Answer::Welcome { card, view }, _)) => {
            let node = conversation.peer;
            let asked = Asking { address: address.0, name: card.name, rights };
            peers.note_version(node, &card.version);
            admitted(peers, node, &asked, card.addresses).await?;
            peers.note(node, "joined", &format!("{} at {}", asked.name, asked.address));
            Ok(Joined { node, name: asked.name, rights: Some(rights_there(view)) })
        }
        Ok((conversation, Answer::Waiting { card }, _)) => {
            let (node, name) = (conversation.peer, card.name);
            let asked = Asking { address: address.0, name: name.clone(), rights };
            {
                let mut asking = peers.asking_now();
                if asking.len() >= ASKED && !asking.contains_key(&node) {
                    return Err(refusal(RefusalCode::TooMany, "This machine asks too many others already.", ""));
                }
                if asking.insert(node, asked).is_none() {
                    let _ = peers.tasks.try_send(Task::Ask(node));
                }
            }
            peers.note(node, "asks", &name);
            Ok(Joined { node, name, rights: None })
        }
        Ok((_, Answer::Refused { message }, _)) => Err(refusal(RefusalCode::Forbidden, message, "")),
        Ok((_, Answer::Checked { .. }, _)) => Err(nonsense()),
        Err(failed) => Err(no_answer(&[failed])),
    }
}

/// Asks again and again, until there is an answer or an hour has passed.
pub(super) async fn keep_asking(peers: &Peers, node: NodeId) {
    let until = Instant::now() + ASKING;
    let mut pause = PAUSES.0;
    while Instant::now() < until {
        Timer::after(pause).await;
        pause = (pause * 5 / 4).min(PAUSES.1);
        // Gone when the other side has called in the meantime.
        let Some(asking) = peers.asking_now().get(&node).cloned() else { return };
        let address = Address(asking.address.clone());
        match call(peers, &address, (Purpose::Ask, None), Wanted::Node(node)).await {
            Ok((_, Answer::Welcome { card, .. }, _)) => match admitted(peers, node, &asking, card.addresses).await {
                Ok(()) => {
                    peers.note_version(node, &card.version);
                    peers.note(node, "joined", &format!("{} at {}", asking.name, asking.address));
                    break;
                }
                Err(refusal) => log::warn!("{} has admitted this node, but: {refusal}", asking.name),
            },
            Ok((_, Answer::Refused { message }, _)) => {
                log::warn!("{} does not admit this node: {message}", asking.name);
                break;
            }
            Ok((_, Answer::Waiting { .. } | Answer::Checked { .. }, _)) => {}
            Err((address, why)) => log::debug!("{} at {}: {why}", asking.name, address.0),
        }
    }
    peers.asking_now().remove(&node);
}

/// The other node has admitted this one: this one admits it, with the address that has worked first.
pub(super) async fn admitted(
    peers: &Peers,
    node: NodeId,
    asked: &Asking,
    addresses: Vec<Address>,
) -> Result<(), Refusal> {
    let mut all = vec![Address(asked.address.clone())];
    all.extend(addresses.into_iter().filter(|address| address.0 != asked.address));
    all.truncate(ADDRESSES);
    peers.take_in(node, all, asked.rights).await.map(drop)
}

/// What this node may do there.
fn rights_there(view: bool) -> Rights {
    if view { Rights::View } else { Rights::Operate }
}

type Called = Result<(Conversation, Answer, Address), (Address, String)>;

async fn call(
    peers: &Peers,
    address: &Address,
    (purpose, ticket): (Purpose, Option<Ticket>),
    wanted: Wanted,
) -> Called {
    let failed = |why: String| (address.clone(), why);
    let socket = peers.connect(address).await.map_err(failed)?;
    match greet::call(&peers.myself.key, socket, (purpose, ticket), wanted, &peers.card()).await {
        Ok((conversation, answer)) => Ok((conversation, answer, address.clone())),
        Err(Failure::Silence(_)) if purpose == Purpose::Pair => {
            Err(failed("it does not know this code, or not any more".into()))
        }
        Err(failure) => Err(failed(failure.to_string())),
    }
}

/// The first that succeeds; if none does, why each did not.
async fn first_answer(
    mut tries: Vec<Pin<Box<dyn Future<Output = Called> + '_>>>,
) -> Result<(Conversation, Answer, Address), Vec<(Address, String)>> {
    let mut failures = Vec::new();
    poll_fn(|context| {
        let mut at = 0;
        while at < tries.len() {
            match tries[at].as_mut().poll(context) {
                Poll::Ready(Ok(answer)) => return Poll::Ready(Ok(answer)),
                Poll::Ready(Err(failure)) => {
                    failures.push(failure);
                    drop(tries.remove(at));
                }
                Poll::Pending => at += 1,
            }
        }
        if tries.is_empty() { Poll::Ready(Err(std::mem::take(&mut failures))) } else { Poll::Pending }
    })
    .await
}

const OTHER_WAY: &str = "Try the other way round: consort invite here, and consort join there.";

fn no_answer(failures: &[(Address, String)]) -> Refusal {
    let each: Vec<String> = failures.iter().map(|(address, why)| format!("{}: {why}", address.0)).collect();
    refusal(RefusalCode::Unreachable, format!("The other machine was not reached ({}).", each.join("; ")), OTHER_WAY)
}

fn nonsense() -> Refusal {
    refusal(
        RefusalCode::Unreachable,
        "The other machine answers something else than was asked.",
        "Compare the versions.",
    )
}

fn refusal(code: RefusalCode, message: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_leads_nowhere_may_be_what_was_left_of_a_code() {
        let hint = |target| perhaps_a_code(target, no_answer(&[(Address("x:1".into()), "unknown".into())])).hint;
        assert!(hint("05zwadr-typo").contains("a part of it is missing"));
        for host in ["laptop.local", "10.0.0.9:23000"] {
            assert_eq!(hint(host), OTHER_WAY);
        }
    }
}
