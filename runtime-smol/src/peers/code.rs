//! The pairing code: whom to reach, where, and a secret, in characters that a person can copy.
//!
//! ```text
//! u8 version, 5 bytes of the node's id, 12 bytes of secret, then addresses:
//!   4, IPv4 address, u16 port │ 6, IPv6 address, u16 port │ 8 + n, n bytes of text
//! ```
//! written in base 32 with check characters, so that a typing error is noticed before anything is dialled.

use crate::link::greet::Ticket;
use consort_core::{Address, NodeId, base32};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};

/// First byte of every code.
const VERSION: u8 = 1;
/// Bytes of the node's id in a code: enough that nobody makes a key that fits.
const PREFIX_BYTES: usize = 5;
/// Bytes of the secret: 96 bits.
const SECRET_BYTES: usize = 12;
/// Addresses in a code: more would only make it longer.
pub(super) const CODE_ADDRESSES: usize = 3;
/// Bytes of an address that is a name.
const NAME_BYTES: usize = 100;
/// What comes before the bytes of a name.
const NAMED: u8 = 8;
/// The shortest code in characters, without hyphens.
const SHORTEST_CHARS: usize = 32;

/// What a code says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// How the id of the node begins that made it.
    pub(crate) beginning: [u8; PREFIX_BYTES],
    secret: [u8; SECRET_BYTES],
    /// Where that node can be dialled.
    pub(crate) addresses: Vec<Address>,
}

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoCode {
    /// It does not look like one.
    Other,
    /// It looks like one with a typing error, or cut off.
    Mistyped,
    /// A newer version made it.
    Newer,
}

impl Code {
    /// A code for a node, with a secret that was drawn for it alone. Addresses that do not fit are left out.
    pub(crate) fn new(node: NodeId, secret: [u8; SECRET_BYTES], addresses: &[Address]) -> Self {
        let mut beginning = [0; PREFIX_BYTES];
        beginning.copy_from_slice(&node.0[..PREFIX_BYTES]);
        // Long ones only if there are not enough short ones.
        let (long, mut chosen): (Vec<Address>, Vec<Address>) = addresses
            .iter()
            .filter(|address| address.0.len() <= NAME_BYTES)
            .cloned()
            .partition(|Address(address)| address.starts_with('['));
        let enough = chosen.len().clamp(2, CODE_ADDRESSES);
        chosen.extend(long);
        chosen.truncate(enough);
        Code { beginning, secret, addresses: chosen }
    }

    /// As people copy it.
    pub(crate) fn written(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.beginning);
        bytes.extend(self.secret);
        for Address(address) in &self.addresses {
            match address.parse::<SocketAddr>() {
                Ok(address) => {
                    match address.ip() {
                        IpAddr::V4(ip) => {
                            bytes.push(4);
                            bytes.extend(ip.octets());
                        }
                        IpAddr::V6(ip) => {
                            bytes.push(6);
                            bytes.extend(ip.octets());
                        }
                    }
                    bytes.extend(address.port().to_be_bytes());
                }
                Err(_) => {
                    // At most NAME_BYTES.
                    bytes.push(NAMED + address.len() as u8);
                    bytes.extend(address.as_bytes());
                }
            }
        }
        base32::checked(&bytes)
    }

    /// Reads a code.
    pub(crate) fn read(text: &str) -> Result<Self, NoCode> {
        let Some(bytes) = base32::read_checked(text) else {
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b' '));
            let long = text.bytes().filter(u8::is_ascii_alphanumeric).count() >= SHORTEST_CHARS;
            return Err(if plain && long { NoCode::Mistyped } else { NoCode::Other });
        };
        let (&version, rest) = bytes.split_first().ok_or(NoCode::Other)?;
        let parts = rest
            .split_first_chunk()
            .and_then(|(beginning, rest)| rest.split_first_chunk().map(|(secret, rest)| (*beginning, *secret, rest)));
        match (version, parts) {
            (VERSION, Some((beginning, secret, rest))) => {
                let addresses = read_addresses(rest).ok_or(NoCode::Mistyped)?;
                Ok(Code { beginning, secret, addresses })
            }
            (0 | VERSION, _) | (_, None) => Err(NoCode::Other),
            (_, Some(_)) => Err(NoCode::Newer),
        }
    }

    /// What both ends make of the secret: the number that the invite is found by, and the key.
    pub(crate) fn ticket(&self) -> Ticket {
        let derived = |label: &[u8]| -> [u8; 32] {
            Sha256::new()
                .chain_update(b"consort pairing code 1 ")
                .chain_update(label)
                .chain_update(self.secret)
                .finalize()
                .into()
        };
        let number = derived(b"number");
        Ticket { number: [number[0], number[1], number[2], number[3]], secret: derived(b"key") }
    }
}

/// The secret stays out of logs.
impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn read_addresses(mut rest: &[u8]) -> Option<Vec<Address>> {
    let mut addresses = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        if addresses.len() == CODE_ADDRESSES {
            return None;
        }
        let address = match kind {
            4 => {
                let (ip, after) = after.split_first_chunk::<4>()?;
                with_port(IpAddr::from(*ip), after, &mut rest)?
            }
            6 => {
                let (ip, after) = after.split_first_chunk::<16>()?;
                with_port(IpAddr::from(*ip), after, &mut rest)?
            }
            _ => {
                let length = usize::from(kind.checked_sub(NAMED)?);
                let (name, after) = after.split_at_checked(length)?;
                rest = after;
                std::str::from_utf8(name).ok()?.to_owned()
            }
        };
        addresses.push(Address(address));
    }
    Some(addresses)
}

fn with_port<'a>(ip: IpAddr, bytes: &'a [u8], rest: &mut &'a [u8]) -> Option<String> {
    let (port, after) = bytes.split_first_chunk()?;
    *rest = after;
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(addresses: &[&str]) -> Code {
        let addresses: Vec<_> = addresses.iter().map(|address| Address((*address).to_owned())).collect();
        Code::new(NodeId([9; 32]), [7; SECRET_BYTES], &addresses)
    }

    #[test]
    fn a_code_says_what_was_put_into_it() {
        let code = code(&["laptop.local:1", "[fd00::1]:23000"]);
        assert_eq!(Code::read(&code.written()), Ok(code.clone()));
        assert_eq!(Code::read(&code.written().to_uppercase().replace('-', "")), Ok(code));
    }

    #[test]
    fn with_one_address_it_is_short_enough_to_be_typed() {
        let text = code(&["192.168.1.7:23000"]).written();
        assert!(text.len() <= 56, "{text}");
    }

    #[test]
    fn the_best_addresses_are_in_it_and_long_ones_only_if_there_are_few() {
        let chosen =
            |addresses: &[&str]| code(addresses).addresses.into_iter().map(|address| address.0).collect::<Vec<_>>();
        assert_eq!(chosen(&["[fd00::1]:1", "10.0.0.1:1", "10.0.0.2:1"]), ["10.0.0.1:1", "10.0.0.2:1"]);
        assert_eq!(chosen(&["[fd00::1]:1", "10.0.0.1:1"]), ["10.0.0.1:1", "[fd00::1]:1"]);
        assert_eq!(chosen(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"]).len(), CODE_ADDRESSES);
        assert!(chosen(&[]).is_empty());
    }

    #[test]
    fn a_typing_error_is_told_from_an_address() {
        let text = code(&["192.168.1.7:23000"]).written();
        let mut wrong = text.clone().into_bytes();
        wrong[3] = if wrong[3] == b'a' { b'b' } else { b'a' };
        assert_eq!(Code::read(std::str::from_utf8(&wrong).unwrap()), Err(NoCode::Mistyped));
        assert_eq!(Code::read(&text[..40]), Err(NoCode::Mistyped));
        for address in ["laptop", "192.168.1.7:23000", "[::1]:5", "a-long-name-of-a-machine-in-a-company.example.org"] {
            assert_eq!(Code::read(address), Err(NoCode::Other), "{address}");
        }
    }

    #[test]
    fn codes_with_different_secrets_have_nothing_in_common() {
        let (one, two) = (code(&[]).ticket(), Code::new(NodeId([9; 32]), [8; SECRET_BYTES], &[]).ticket());
        assert!(one.number != two.number && one.secret != two.secret && one.secret[..4] != one.number);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail_otherwise_than_by_saying_so(text in "\\PC*", bytes: Vec<u8>) {
            let _ = Code::read(&text);
            let _ = Code::read(&base32::checked(&bytes));
        }
    }
}
