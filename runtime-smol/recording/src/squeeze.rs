//! Runs of filler take no room: pairs of a piece that is kept (its length, its bytes) and a run that is not (its length), until a run of
//! none. Lengths are varints, as in postcard.

use consort_core::redact::FILLER;

/// Filler is looked for in steps of this many bytes; runs that hold no whole step stay.
const STEP: usize = 32;
const FULL: [u8; STEP] = [FILLER; STEP];

/// Appends bytes without their runs of filler.
pub(crate) fn squeeze(mut bytes: &[u8], to: &mut Vec<u8>) {
    loop {
        let run = next_run(bytes);
        let (from, count) = run.unwrap_or((bytes.len(), 0));
        put(from, to);
        to.extend_from_slice(&bytes[..from]);
        put(count, to);
        if count == 0 {
            return;
        }
        bytes = &bytes[from + count..];
    }
}

/// Where the first run that is found begins, and its length.
fn next_run(bytes: &[u8]) -> Option<(usize, usize)> {
    let (steps, _) = bytes.as_chunks::<STEP>();
    let found = steps.iter().position(|step| *step == FULL)? * STEP;
    let before = bytes[..found].iter().rev().take_while(|byte| **byte == FILLER).count();
    let whole = steps[found / STEP..].iter().take_while(|step| **step == FULL).count() * STEP;
    let after = bytes[found + whole..].iter().take_while(|byte| **byte == FILLER).count();
    Some((found - before, before + whole + after))
}

/// Appends what was squeezed, and moves `from` behind it. `None`: it cannot be read, or would be longer than `most`.
pub(crate) fn expand(from: &mut &[u8], most: usize, to: &mut Vec<u8>) -> Option<()> {
    loop {
        let count = take(from)?;
        let (piece, rest) = from.split_at_checked(count)?;
        *from = rest;
        to.extend_from_slice(piece);
        let run = take(from)?;
        if run > most || to.len() + run > most {
            return None;
        }
        if run == 0 {
            return Some(());
        }
        to.resize(to.len() + run, FILLER);
    }
}

fn put(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn take(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expanded(mut bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        let mut to = Vec::new();
        expand(&mut bytes, most, &mut to).filter(|()| bytes.is_empty()).map(|()| to)
    }

    proptest! {
        #[test]
        fn what_is_squeezed_is_expanded(pieces in prop::collection::vec((any::<Vec<u8>>(), 0_usize..300), 0..6)) {
            let bytes: Vec<u8> = pieces.into_iter().flat_map(|(piece, run)| [piece, vec![FILLER; run]].concat()).collect();
            let mut squeezed = Vec::new();
            squeeze(&bytes, &mut squeezed);
            prop_assert!(squeezed.len() <= bytes.len() + 4);
            prop_assert_eq!(expanded(&squeezed, bytes.len()), Some(bytes));
        }

        #[test]
        fn any_bytes_are_expanded_or_refused(bytes in any::<Vec<u8>>()) {
            prop_assert!(expanded(&bytes, 1_000).is_none_or(|expanded| expanded.len() <= 1_000 + bytes.len()));
        }
    }

    #[test]
    fn a_run_takes_no_room_and_a_stated_length_none_either() {
        let mut squeezed = Vec::new();
        squeeze(&[&b"ab"[..], &[FILLER; 60_000], b"c"].concat(), &mut squeezed);
        assert_eq!(squeezed.len(), 1 + 2 + 3 + 1 + 1 + 1);
        assert_eq!(expanded(&squeezed, 1_000), None);
    }
}
