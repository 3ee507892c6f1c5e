//! What the mesh brings.
//!
//! Everybody between two nodes, and every member, can send a parcel in the name of another. So nothing is believed but what opens. The
//! opener of circuits offers a session and the owner answers; with the first parcel that opens under it the owner knows that the opener
//! is there now, and takes the session for that of the opener's present life. What was offered in the past and is said again gets no
//! further than the answer. A session outlasts the circuits that break on it.

use super::line::Broken;
use super::owner::Owner;
use super::sealed::Sealed;
use super::wire::{self, Form, Kind, SessionId};
use super::{Answers, Carrier, Circuits, News, name_refusals, pause};
use crate::command::Rights;
use crate::id::NodeId;
use crate::limits;
use crate::time::Instant;
use alloc::vec::Vec;

/// A session that was offered here and answered. Whether anybody is there is not known yet.
#[derive(Debug)]
pub(super) struct Answered {
    session: Sealed,
    /// The answer: said again when the offer is.
    parcel: Vec<u8>,
}

/// A sealed parcel: of which session, under which number, and what.
type Piece<'b> = (SessionId, u64, &'b [u8]);

impl SessionId {
    /// It can take the place of `known`: it is of another life of the opener, or a later one.
    fn can_follow(self, known: Option<SessionId>) -> bool {
        known.is_none_or(|known| known.instance != self.instance || known.number < self.number)
    }
}

impl Circuits {
    /// A parcel has come. `plain` is where it is opened; the news are about what is in it.
    pub(crate) fn arrived<'p>(
        &mut self,
        now: Instant,
        (from, body): (NodeId, &[u8]),
        plain: &'p mut Vec<u8>,
        carrier: &mut impl Carrier,
    ) -> Vec<News<'p>> {
        let mut news = Vec::new();
        let Some(rights) = carrier.rights_of(from) else { return news };
        let Ok((wire::Envelope { session, form }, held)) = wire::envelope(body) else { return news };
        match form {
            Form::Offer => self.offered(from, session, held, carrier),
            Form::Asks(number) => {
                if self.opens_at_owner(now, from, (session, number, held), plain, carrier, &mut news) {
                    self.asked(now, (from, rights), plain, carrier, &mut news);
                }
            }
            Form::Accept => {
                if let Some(opener) = self.openers.get_mut(&from) {
                    opener.accepted(session, held);
                    self.busy.insert(from);
                }
            }
            Form::Tells(number) => self.told(now, from, (session, number, held), plain, carrier, &mut news),
            Form::Reset => {
                if let Some(opener) = self.openers.get_mut(&from) {
                    opener.session_lost(now, session, |tries| pause(&mut self.random, tries));
                    self.busy.insert(from);
                }
            }
        }
        name_refusals(&mut news, from, carrier);
        news
    }

    // At the owner.

    fn offered(&mut self, from: NodeId, id: SessionId, offer: &[u8], carrier: &mut impl Carrier) {
        if !id.can_follow(self.owners.get(&from).map(|owner| owner.session.id)) {
            return;
        }
        let known = self.answered.get(&from).map(|answered| answered.session.id);
        if known != Some(id) {
            if !id.can_follow(known) {
                return;
            }
            let Some((session, words)) = self.seal.accept(from, &id.about(), offer) else { return };
            if known.is_none() && self.answered.len() >= limits::CIRCUITS {
                self.answered.pop_first();
            }
            let parcel = wire::parcel(id, Form::Accept, &words);
            self.answered.insert(from, Answered { session: Sealed::of_owner(id, session), parcel });
        }
        if let Some(answered) = self.answered.get(&from) {
            carrier.send(from, answered.parcel.clone());
        }
    }

    /// Whether a parcel opens under the session that its sender has here; the first that opens under one that was offered makes it that.
    fn opens_at_owner(
        &mut self,
        now: Instant,
        from: NodeId,
        (id, number, sealed): Piece<'_>,
        plain: &mut Vec<u8>,
        carrier: &mut impl Carrier,
        news: &mut Vec<News<'_>>,
    ) -> bool {
        let known = self.owners.get_mut(&from);
        let present = known.as_ref().map(|owner| owner.session.id);
        if let Some(owner) = known.filter(|owner| owner.session.id == id) {
            return owner.session.open(number, sealed, plain);
        }
        if let Some(answered) = self.answered.get_mut(&from).filter(|answered| answered.session.id == id) {
            return answered.session.open(number, sealed, plain) && self.meet(now, from, news);
        }
        // A straggler of one that was given up is nothing.
        if id.can_follow(present) {
            carrier.send(from, wire::parcel(id, Form::Reset, &[]));
        }
        false
    }

    /// The node that has offered a session is there, now: what another life of it had here is over.
    fn meet(&mut self, now: Instant, from: NodeId, news: &mut Vec<News<'_>>) -> bool {
        let Some(Answered { session, .. }) = self.answered.remove(&from) else { return false };
        let before = self.owners.remove(&from).map(|mut before| {
            before.down(now, news);
            before.answers
        });
        if self.owners.len() >= limits::CIRCUITS {
            return false;
        }
        let same_life = |answers: &Answers| answers.since().instance == session.id.instance;
        let answers = before.filter(same_life).unwrap_or_else(|| Answers::new(session.id));
        self.owners.insert(from, Owner::new(now, from, session, answers));
        true
    }

    fn asked<'p>(
        &mut self,
        now: Instant,
        (from, rights): (NodeId, Rights),
        said: &'p [u8],
        carrier: &mut impl Carrier,
        news: &mut Vec<News<'p>>,
    ) {
        let Some(owner) = self.owners.get_mut(&from) else { return };
        let over = wire::header(said).map_err(|_| Broken).and_then(|(header, messages)| {
            owner.begin(now, &header, rights, news);
            // A straggler of a circuit that was given up is nothing.
            if header.circuit != owner.circuit {
                return Ok(false);
            }
            owner.arrived(now, (&header, messages), news)
        });
        match over {
            Ok(false) => {}
            Ok(true) => {
                if let Some(last) = owner.farewell() {
                    carrier.send(from, last);
                }
                owner.down(now, news);
                self.forget_owner(from);
            }
            Err(Broken) => owner.down(now, news),
        }
        self.busy.insert(from);
    }

    // At the opener.

    fn told<'p>(
        &mut self,
        now: Instant,
        from: NodeId,
        (id, number, sealed): Piece<'_>,
        plain: &'p mut Vec<u8>,
        carrier: &impl Carrier,
        news: &mut Vec<News<'p>>,
    ) {
        let Some(opener) = self.openers.get_mut(&from).filter(|opener| opener.has_session(id)) else {
            return self.stray(now, from, carrier);
        };
        if !opener.opens(number, sealed, plain) {
            return;
        }
        let intact = match wire::header(plain) {
            Ok((header, _)) if !opener.is_on(header.circuit) => return self.stray(now, from, carrier),
            Ok((header, _)) if header.kind == Kind::Reset => Err(Broken),
            Ok((header, messages)) => opener.arrived(now, &header, messages, news),
            Err(wire::Garbled) => Err(Broken),
        };
        if intact.is_err() {
            opener.down(now, |tries| pause(&mut self.random, tries));
        }
        self.busy.insert(from);
    }

    /// The node has a circuit of this one that is not there (any more). The next one ends it; if nothing is wanted, one is opened to say
    /// just that: the node must not believe it of anybody else.
    fn stray(&mut self, now: Instant, from: NodeId, carrier: &impl Carrier) {
        let idle = self.openers.get_mut(&from).is_none_or(|opener| !opener.is_wanted() && opener.up().is_none());
        if idle
            && carrier.is_reachable(from)
            && let Some(opener) = self.open(now, from)
        {
            opener.say_bye();
        }
    }
}
