//! Values without what is secret in them, for recordings: as long as before, and such that a node does exactly the same with them.

use crate::directory;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

pub use crate::directory::Undecodable;

/// What stands for a byte that was left out. ASCII, so that texts stay texts.
pub const FILLER: u8 = b'*';

/// Leaves out a text. Zero bytes stay: what holds one is refused.
pub fn text(text: &mut String) {
    if text.bytes().all(|byte| byte == FILLER) {
        return;
    }
    *text = text.bytes().map(|byte| if byte == 0 { '\0' } else { char::from(FILLER) }).collect();
}

/// An entry of the store, without notes and the values of environment variables.
///
/// # Errors
/// It is none that [`Restored::add`](crate::Restored::add) takes.
pub fn stored(key: &str, bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
    if crate::mesh::Restored::owns(key) || directory::owns_ages(key) {
        return Ok(bytes.to_owned());
    }
    if directory::owns_queue(key) {
        return directory::redacted_queue(key, bytes);
    }
    directory::redacted_record(key, bytes)
}
