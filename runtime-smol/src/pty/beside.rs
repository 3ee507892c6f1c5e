//! The emulator of one terminal: on the terminal's own thread, or, while the program prints at full speed, on one beside it, so
//! that the next output is read while this one is parsed.

use super::emulator::Emulator;
use async_channel::{Receiver, Sender};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

/// Output that is worth waking another thread.
const MUCH_BYTES: usize = 16 << 10;
/// Stack of the thread, in bytes.
const STACK: usize = 256 << 10;

/// An emulator and what it has to parse.
type Load = (Box<Emulator>, Vec<u8>);

pub(super) struct Beside {
    /// `None` while it works on the other thread.
    here: Option<Box<Emulator>>,
    helper: Option<Helper>,
    /// The buffer that came back with it.
    spare: Vec<u8>,
}

struct Helper {
    to: Sender<Load>,
    from: Receiver<Load>,
    thread: JoinHandle<()>,
}

impl Helper {
    fn start() -> Option<Self> {
        let (to, loads) = async_channel::bounded::<Load>(1);
        let (done, from) = async_channel::bounded(1);
        let work = move || {
            while let Ok((mut emulator, output)) = loads.recv_blocking() {
                emulator.feed(&output);
                if done.send_blocking((emulator, output)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("pty emulator".into()).stack_size(STACK).spawn(work).ok()?;
        Some(Helper { to, from, thread })
    }
}

impl Beside {
    pub(super) fn new(emulator: Emulator) -> Self {
        Beside { here: Some(Box::new(emulator)), helper: None, spare: Vec::new() }
    }

    /// Whether it works on the other thread. What it has to say comes to light with [`get`](Self::get).
    pub(super) fn is_away(&self) -> bool {
        self.here.is_none()
    }

    /// The emulator after all output; waits for it.
    pub(super) fn get(&mut self) -> &mut Emulator {
        let back = match self.here.take() {
            Some(emulator) => emulator,
            None => self.fetch(),
        };
        self.here.insert(back)
    }

    fn fetch(&mut self) -> Box<Emulator> {
        let fetched = self.helper.as_ref().and_then(|helper| helper.from.recv_blocking().ok());
        match (fetched, self.helper.take()) {
            (Some((emulator, spare)), helper) => {
                (self.helper, self.spare) = (helper, spare);
                emulator
            }
            // A fault there is a fault here.
            (None, Some(helper)) => match helper.thread.join() {
                Err(fault) => resume_unwind(fault),
                Ok(()) => panic!("the emulator's thread has ended"),
            },
            (None, None) => panic!("the emulator is nowhere"),
        }
    }

    /// Parses output: here if it is little, else on the other thread. Returns a buffer for the next.
    pub(super) fn feed(&mut self, output: Vec<u8>) -> Vec<u8> {
        if output.len() < MUCH_BYTES {
            self.get().feed(&output);
            return output;
        }
        let emulator = match self.here.take() {
            Some(emulator) => emulator,
            None => self.fetch(),
        };
        self.helper = self.helper.take().or_else(Helper::start);
        let Some(helper) = &self.helper else {
            // No thread is to be had: here, then.
            self.here.insert(emulator).feed(&output);
            return output;
        };
        match helper.to.try_send((emulator, output)) {
            Ok(()) => std::mem::take(&mut self.spare),
            Err(error) => {
                let (emulator, output) = error.into_inner();
                self.here.insert(emulator).feed(&output);
                output
            }
        }
    }

    /// Nothing has been printed for a while: gives back memory and the thread.
    pub(super) fn rest(&mut self) {
        self.get().rest();
        (self.helper, self.spare) = (None, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::super::emulator::Palette;
    use super::*;
    use consort_core::Size;

    #[test]
    fn much_and_little_output_is_parsed_in_order() {
        let palette = Palette::default();
        let mut beside = Beside::new(Emulator::new(Size::DEFAULT, palette));
        let mut alone = Emulator::new(Size::DEFAULT, palette);
        for round in 0..50 {
            let lines = if round % 3 == 0 { 10 } else { 3_000 };
            let output: Vec<u8> = (0..lines).flat_map(|line| format!("{round} {line}\r\n").into_bytes()).collect();
            alone.feed(&output);
            beside.feed(output);
        }
        assert!(beside.get().snapshot(10_000) == alone.snapshot(10_000));
        beside.rest();
        assert!(!beside.is_away());
    }
}
