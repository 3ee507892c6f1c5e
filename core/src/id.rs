//! Identifiers: small values that name a node, an agent, a terminal, a viewer, and how they are written.

use crate::base32::{checked, decode, encode, read_checked};
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A text that is not an id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// The identity of a node: its public key. Names and addresses are only attributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 32]);

impl NodeId {
    /// The first seven characters: enough to tell machines apart on a screen, never enough to identify one.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = String::new();
        encode(&self.0, &mut text);
        text.truncate(7);
        text
    }

    /// The whole id for people: groups of seven characters, the last with check characters, so that a typing error is noticed. Read by
    /// `parse` like the plain spelling.
    #[must_use]
    pub fn checked(&self) -> String {
        checked(&self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        encode(&self.0, &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.short())
    }
}

impl FromStr for NodeId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let grouped = || read_checked(text)?.try_into().ok();
        decode(text).or_else(grouped).map(NodeId).ok_or(InvalidId)
    }
}

/// The identity of an agent: random (or, for a session found in tmux, derived from that session) and stable for its life.
/// Written as 13 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentId(pub u64);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        encode(&self.0.to_be_bytes(), &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentId({self})")
    }
}

impl FromStr for AgentId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        decode(text).map(|bytes| AgentId(u64::from_be_bytes(bytes))).ok_or(InvalidId)
    }
}

/// One terminal of an agent. For tmux `pane` is the number of the pane id (`%12` → 12); a PTY of our own has pane 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TerminalId {
    /// The agent that the terminal belongs to.
    pub agent: AgentId,
    /// The terminal's number within its backend.
    pub pane: u32,
}

/// An agent anywhere in the mesh: the node that it runs on, and its identity there. Cloned disks and found sessions may repeat an
/// [`AgentId`] on another node; the pair is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentAddress {
    /// The node that it runs on.
    pub node: NodeId,
    /// Its identity there.
    pub agent: AgentId,
}

impl AgentAddress {
    /// As it is written at the node `own`: the agent's id, and for another node's agent `@` and that node's id.
    #[must_use]
    pub fn written_at(self, own: NodeId) -> String {
        if self.node == own { alloc::format!("{}", self.agent) } else { alloc::format!("{}@{}", self.agent, self.node) }
    }

    /// Reads what [`written_at`](Self::written_at) gives.
    ///
    /// # Errors
    /// It is not the address of an agent.
    pub fn read_at(own: NodeId, text: &str) -> Result<Self, InvalidId> {
        let (agent, node) = text.split_once('@').map_or((text, None), |(agent, node)| (agent, Some(node)));
        Ok(AgentAddress { node: node.map_or(Ok(own), str::parse)?, agent: agent.parse()? })
    }
}

/// One life of a terminal's byte numbering. Offsets of different generations cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u64);

/// A connection of a viewer, numbered by the runtime and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewerId(pub u64);

/// Who a viewer is across its connections: random, chosen by the viewer (one per browser tab). Input is de-duplicated by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewerKey(pub [u8; 16]);

impl fmt::Debug for ViewerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewerKey({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A terminal stream of one viewer, numbered by the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u32);

/// A command of a person or program, numbered by the runtime below 2⁶³; its [`Reply`](crate::Reply) carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

impl CommandId {
    /// The first number that core gives to commands of other nodes.
    pub(crate) const OF_OTHERS: u64 = 1 << 63;
}

/// Work that core asked a backend to do, numbered by core; the runtime answers each exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub u64);

/// A connection to another node, numbered by the runtime and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(pub u64);

/// An attempt to connect to another node, numbered by core; the runtime answers each exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialId(pub u64);

/// A change of stored state, numbered by core; the runtime answers each exactly once, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StoreId(pub u64);

/// The size of a terminal in character cells: 2 to 1 000 columns, 1 to 1 000 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u16, u16)")]
pub struct Size {
    cols: u16,
    rows: u16,
}

impl Size {
    /// What a terminal has when nobody said otherwise.
    pub const DEFAULT: Size = Size { cols: 80, rows: 24 };

    /// A size within the bounds: numbers outside are moved to the nearest bound, so that no viewer can shrink a terminal
    /// to nothing or make it allocate without limit.
    #[must_use]
    pub fn clamped(cols: u16, rows: u16) -> Self {
        Size { cols: cols.clamp(2, 1_000), rows: rows.clamp(1, 1_000) }
    }

    /// Columns, 2 to 1 000.
    #[must_use]
    pub fn cols(self) -> u16 {
        self.cols
    }

    /// Rows, 1 to 1 000.
    #[must_use]
    pub fn rows(self) -> u16 {
        self.rows
    }
}

/// What another node says is clamped like everything else.
impl From<(u16, u16)> for Size {
    fn from((cols, rows): (u16, u16)) -> Self {
        Size::clamped(cols, rows)
    }
}

impl Default for Size {
    fn default() -> Self {
        Size::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn any_single_wrong_or_swapped_character_of_a_node_id_is_noticed() {
        let bytes = core::array::from_fn(|at| (at * 37 + 11) as u8);
        let right = NodeId(bytes).checked().into_bytes();
        let read = |text: &[u8]| core::str::from_utf8(text).unwrap().parse::<NodeId>();
        for at in (0..right.len()).filter(|at| right[*at] != b'-') {
            for letter in b"0123456789abcdefghjkmnpqrstvwxyz".iter().filter(|letter| **letter != right[at]) {
                let mut wrong = right.clone();
                wrong[at] = *letter;
                assert_eq!(read(&wrong), Err(InvalidId));
            }
            for other in (at + 1..right.len()).filter(|other| right[*other] != b'-' && right[*other] != right[at]) {
                let mut swapped = right.clone();
                swapped.swap(at, other);
                assert_eq!(read(&swapped), Err(InvalidId));
            }
        }
    }

    proptest! {
        #[test]
        fn every_size_is_between_two_by_one_and_a_thousand_by_a_thousand_also_one_that_a_peer_says(
            cols in prop_oneof![0u16..4, 998u16..1_003, any::<u16>()],
            rows in prop_oneof![0u16..3, 998u16..1_003, any::<u16>()],
        ) {
            let size = Size::clamped(cols, rows);
            let (wide, high) = (2..=1_000, 1..=1_000);
            prop_assert!(wide.contains(&size.cols()) && high.contains(&size.rows()));
            prop_assert!(!wide.contains(&cols) || size.cols() == cols, "what is within them stays");
            prop_assert!(!high.contains(&rows) || size.rows() == rows);
            let said = postcard::to_allocvec(&(cols, rows)).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Size>(&said), Ok(size));
        }

        #[test]
        fn every_agent_id_has_one_spelling_of_thirteen_characters(number: u64) {
            let text = AgentId(number).to_string();
            prop_assert_eq!(text.len(), 13);
            prop_assert_eq!(text.parse(), Ok(AgentId(number)));
        }

        #[test]
        fn every_node_id_has_one_spelling_of_fifty_two_characters(bytes: [u8; 32]) {
            let text = NodeId(bytes).to_string();
            prop_assert_eq!(text.len(), 52);
            prop_assert_eq!(text.parse(), Ok(NodeId(bytes)));
            prop_assert_eq!(&NodeId(bytes).short(), &text[..7]);
        }

        #[test]
        fn a_node_id_with_check_characters_is_eight_groups_of_seven(bytes: [u8; 32]) {
            let text = NodeId(bytes).checked();
            prop_assert!(text.split('-').all(|group| group.len() == 7) && text.split('-').count() == 8);
            prop_assert_eq!(text.parse(), Ok(NodeId(bytes)));
            prop_assert_eq!(text.to_uppercase().replace('-', " ").parse(), Ok(NodeId(bytes)));
        }

        #[test]
        fn an_agents_address_is_read_as_it_was_written(own: [u8; 32], node: [u8; 32], agent: u64) {
            for node in [own, node] {
                let address = AgentAddress { node: NodeId(node), agent: AgentId(agent) };
                prop_assert_eq!(AgentAddress::read_at(NodeId(own), &address.written_at(NodeId(own))), Ok(address));
            }
        }

        #[test]
        fn no_text_makes_the_parsers_fail_otherwise_than_by_saying_so(text in "\\PC*") {
            if let Ok(id) = text.parse::<AgentId>() {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
            let _ = text.parse::<NodeId>();
        }
    }
}
