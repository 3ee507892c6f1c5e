//! What a terminal says beside its screen: answers to the program's questions, the bell, the title.

use super::screen::Screen;
use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::vte::ansi::{NamedColor, Rgb};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of answers that wait for the program.
const ANSWER_BYTES: usize = 64 << 10;

/// What a stretch of output brought beside its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Answers to the program's questions, to be written to it.
    pub answers: Vec<u8>,
    /// It rang the bell.
    pub bell: bool,
    /// It changed the title to this.
    pub title: Option<String>,
}

/// Where `Term` puts its events. Only ever locked for a moment by the one thread that owns the screen.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<News>>);

impl Mailbox {
    pub(super) fn news(&self) -> MutexGuard<'_, News> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, text: &str) {
        let mut news = self.news();
        if news.answers.len() < ANSWER_BYTES {
            news.answers.extend_from_slice(text.as_bytes());
        }
    }
}

impl EventListener for Mailbox {
    fn send_event(&self, event: Event) {
        match event {
            Event::PtyWrite(text) => self.answer(&text),
            Event::Bell => self.news().bell = true,
            _ => {}
        }
    }
}

impl Screen {
    /// The colour that the program is told.
    pub(super) fn color(&self, index: usize) -> Rgb {
        if let Some(color) = self.term.colors()[index] {
            return color;
        }
        let (r, g, b) = match index {
            0..256 => indexed_color(index as u8),
            _ if index == NamedColor::Background as usize => self.palette.background,
            _ => self.palette.foreground,
        };
        Rgb { r, g, b }
    }
}

/// xterm's 256 colours.
fn indexed_color(index: u8) -> (u8, u8, u8) {
    const BASE: [(u8, u8, u8); 16] = [
        (0x00, 0x00, 0x00),
        (0xcd, 0x00, 0x00),
        (0x00, 0xcd, 0x00),
        (0xcd, 0xcd, 0x00),
        (0x00, 0x00, 0xee),
        (0xcd, 0x00, 0xcd),
        (0x00, 0xcd, 0xcd),
        (0xe5, 0xe5, 0xe5),
        (0x7f, 0x7f, 0x7f),
        (0xff, 0x00, 0x00),
        (0x00, 0xff, 0x00),
        (0xff, 0xff, 0x00),
        (0x5c, 0x5c, 0xff),
        (0xff, 0x00, 0xff),
        (0x00, 0xff, 0xff),
        (0xff, 0xff, 0xff),
    ];
    let step = |level: u8| if level == 0 { 0 } else { 55 + 40 * level };
    match index {
        0..16 => BASE[usize::from(index)],
        16..232 => {
            let cube = index - 16;
            (step(cube / 36), step(cube / 6 % 6), step(cube % 6))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}
