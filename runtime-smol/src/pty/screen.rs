//! The grid and its modes: alacritty's `Term`, what it does not tell (scroll region, tab stops, charset in use, modes that
//! it does not know), and what it must not do (ask for the clipboard, keep without bound).

use super::answers::{Mailbox, News};
use super::emulator::Palette;
use super::paint::BLINK;
use super::rows::{GridSize, cut_wide_characters, mark_coloured_rows, new_term, settle_cursor};
use super::screens::SavedModes;
use crate::keyboard::Keyboard;
use alacritty_terminal::Term;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, KeyboardModes,
    KeyboardModesApplyBehavior, LineClearMode, Mode, ModifyOtherKeys, NamedMode, NamedPrivateMode, PrivateMode, Rgb,
    StandardCharset, TabulationClearMode,
};
use consort_core::Size;
use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes kept of a title.
const TITLE_BYTES: usize = 1 << 10;
/// Saved titles.
const TITLES: usize = 16;
/// Bytes of a link's target; a longer one is no link.
const LINK_BYTES: usize = 2 << 10;
/// Private modes that the grid does not know, remembered for viewers that may.
const EXTRA_MODES: usize = 32;
/// Pixels of one cell, for programs that ask.
const CELL: (u16, u16) = (8, 16);

/// The state that `Term` keeps to itself.
pub(super) struct Shadow {
    pub(super) scroll_region: Range<usize>,
    pub(super) charset: CharsetIndex,
    pub(super) tab_stops: Vec<bool>,
    pub(super) extra_modes: BTreeSet<u16>,
    pub(super) cursor_styled: bool,
    pub(super) title: Option<String>,
    titles: Vec<Option<String>>,
    /// What was saved with the cursors of both screens.
    pub(super) saved: [SavedModes; 2],
    pub(super) keyboard: Keyboard,
}

impl Shadow {
    fn new(size: Size) -> Self {
        Shadow {
            scroll_region: 0..usize::from(size.rows()),
            charset: CharsetIndex::G0,
            tab_stops: default_tab_stops(usize::from(size.cols())),
            extra_modes: BTreeSet::new(),
            cursor_styled: false,
            title: None,
            titles: Vec::new(),
            saved: [SavedModes::default(); 2],
            keyboard: Keyboard::default(),
        }
    }
}

/// Every eighth column.
pub(super) fn default_tab_stops(columns: usize) -> Vec<bool> {
    (0..columns).map(|column| column % 8 == 0).collect()
}

pub(super) struct Screen {
    pub(super) term: Term<Mailbox>,
    pub(super) shadow: Shadow,
    mailbox: Mailbox,
    pub(super) palette: Palette,
    history_cleared: bool,
    /// The grid has its fixed room for rows above the screen.
    pub(super) allotted: bool,
    /// Whether characters mean themselves: the charset in use is ASCII and nothing is shifted on insertion.
    pub(super) plain: bool,
}

impl Screen {
    /// How keys are reported on the screen that is shown.
    pub(super) fn keyboard(&mut self) -> &mut Keyboard {
        self.shadow.keyboard.show_alternate(self.term.mode().contains(TermMode::ALT_SCREEN));
        &mut self.shadow.keyboard
    }

    pub(super) fn new(size: Size, palette: Palette) -> Self {
        let mailbox = Mailbox::default();
        Screen {
            term: new_term(size, mailbox.clone()),
            shadow: Shadow::new(size),
            mailbox,
            palette,
            history_cleared: false,
            allotted: true,
            plain: true,
        }
    }

    pub(super) fn term(&self) -> &Term<Mailbox> {
        &self.term
    }

    pub(super) fn alternate(&self) -> bool {
        self.term.mode().contains(TermMode::ALT_SCREEN)
    }

    pub(super) fn size(&self) -> Size {
        let small = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Size::clamped(small(self.term.columns()), small(self.term.screen_lines()))
    }

    /// Rows above the visible ones that the grid holds.
    pub(super) fn rows_above(&self) -> usize {
        self.term.grid().history_size()
    }

    pub(super) fn resize(&mut self, size: Size) {
        // Another width makes all rows anew, as many as there are.
        self.allotted &= size.cols() == self.size().cols();
        if size.cols() > self.size().cols() {
            mark_coloured_rows(self.term.grid_mut());
            self.on_primary(|screen| mark_coloured_rows(screen.term.grid_mut()));
        }
        self.term.resize(GridSize::of(size));
        settle_cursor(self.term.grid_mut());
        if self.alternate() {
            cut_wide_characters(self.term.grid_mut());
        }
        self.on_primary(|screen| settle_cursor(screen.term.grid_mut()));
        self.shadow.scroll_region = 0..usize::from(size.rows());
        let (had, columns) = (self.shadow.tab_stops.len(), usize::from(size.cols()));
        self.shadow.tab_stops.truncate(columns);
        self.shadow.tab_stops.extend((had..columns).map(|column| column % 8 == 0));
    }

    pub(super) fn take_history_cleared(&mut self) -> bool {
        std::mem::take(&mut self.history_cleared)
    }

    pub(super) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.mailbox.news())
    }

    fn tell_title(&mut self, title: Option<String>) {
        let told = title.clone().unwrap_or_default();
        self.shadow.title = title;
        self.mailbox.news().title = Some(told);
    }

    fn look_whether_plain(&mut self) {
        self.plain = self.term.grid().cursor.charsets[self.shadow.charset] == StandardCharset::Ascii
            && !self.term.mode().contains(TermMode::INSERT);
    }
}

macro_rules! passed_on {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[inline]
            fn $name(&mut self, $($argument: $kind),*) {
                Handler::$name(&mut self.term, $($argument),*);
            }
        )*
    };
}

impl Handler for Screen {
    passed_on! {
        goto(line: i32, column: usize);
        goto_line(line: i32);
        identify_terminal(intermediate: Option<char>);
        device_status(kind: usize);
        move_forward(columns: usize);
        move_backward(columns: usize);
        backspace();
        carriage_return();
        bell();
        substitute();
        scroll_up(rows: usize);
        scroll_down(rows: usize);
        report_mode(mode: Mode);
        report_private_mode(mode: PrivateMode);
        set_keypad_application_mode();
        unset_keypad_application_mode();
        set_color(index: usize, color: Rgb);
        reset_color(index: usize);
        text_area_size_chars();
    }

    #[inline]
    fn input(&mut self, character: char) {
        self.print_character(character);
    }

    fn dynamic_color_sequence(&mut self, prefix: String, index: usize, terminator: &str) {
        let Rgb { r, g, b } = self.color(index);
        self.mailbox.answer(&format!("\x1b]{prefix};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{terminator}"));
    }

    fn text_area_size_pixels(&mut self) {
        let size = self.size();
        let (width, height) = (size.cols() * CELL.0, size.rows() * CELL.1);
        self.mailbox.answer(&format!("\x1b[4;{height};{width}t"));
    }

    fn goto_col(&mut self, column: usize) {
        self.place_in_row(column);
    }

    fn move_up(&mut self, rows: usize) {
        self.move_rows(false, rows);
    }

    fn move_down(&mut self, rows: usize) {
        self.move_rows(true, rows);
    }

    fn move_up_and_cr(&mut self, rows: usize) {
        self.move_rows(false, rows);
        self.place_in_row(0);
    }

    fn move_down_and_cr(&mut self, rows: usize) {
        self.move_rows(true, rows);
        self.place_in_row(0);
    }

    fn put_tab(&mut self, count: u16) {
        self.tab_forward(usize::from(count));
    }

    fn move_forward_tabs(&mut self, count: u16) {
        self.tab_forward(usize::from(count));
    }

    fn move_backward_tabs(&mut self, count: u16) {
        self.tab_backward(usize::from(count));
    }

    #[inline]
    fn linefeed(&mut self) {
        self.forget_wrap();
        Handler::linefeed(&mut self.term);
    }

    #[inline]
    fn newline(&mut self) {
        self.forget_wrap();
        Handler::newline(&mut self.term);
    }

    fn reverse_index(&mut self) {
        self.forget_wrap();
        Handler::reverse_index(&mut self.term);
    }

    fn insert_blank(&mut self, count: usize) {
        self.insert_blanks(count);
    }

    fn delete_chars(&mut self, count: usize) {
        self.delete_characters(count);
    }

    fn erase_chars(&mut self, count: usize) {
        self.erase_characters(count);
    }

    fn insert_blank_lines(&mut self, rows: usize) {
        self.forget_wrap();
        Handler::insert_blank_lines(&mut self.term, rows);
    }

    fn delete_lines(&mut self, rows: usize) {
        self.delete_rows(rows);
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        match mode {
            LineClearMode::Right => self.erase_right(),
            LineClearMode::Left => self.erase_left(),
            LineClearMode::All => {
                let row = self.term.grid().cursor.point.line.0;
                self.erase_row(usize::try_from(row).unwrap_or(0));
            }
        }
    }

    fn decaln(&mut self) {
        self.align();
    }

    fn terminal_attribute(&mut self, attribute: Attr) {
        // SGR 21 is a double underline for all but the parser.
        let attribute = if attribute == Attr::CancelBold { Attr::DoubleUnderline } else { attribute };
        let flags = &mut self.term.grid_mut().cursor.template.flags;
        match attribute {
            Attr::BlinkSlow | Attr::BlinkFast => flags.insert(BLINK),
            Attr::CancelBlink => flags.remove(BLINK),
            _ => Handler::terminal_attribute(&mut self.term, attribute),
        }
    }

    fn save_cursor_position(&mut self) {
        self.save_cursor();
    }

    fn restore_cursor_position(&mut self) {
        self.restore_cursor();
    }

    fn set_title(&mut self, title: Option<String>) {
        self.tell_title(title.map(|mut title| {
            let end = (0..=TITLE_BYTES.min(title.len())).rev().find(|at| title.is_char_boundary(*at));
            title.truncate(end.unwrap_or(0));
            title.retain(|character| !character.is_control());
            title
        }));
    }

    fn push_title(&mut self) {
        if self.shadow.titles.len() < TITLES {
            self.shadow.titles.push(self.shadow.title.clone());
        }
    }

    fn pop_title(&mut self) {
        if let Some(title) = self.shadow.titles.pop() {
            self.tell_title(title);
        }
    }

    fn report_keyboard_mode(&mut self) {
        let flags = self.keyboard().flags();
        self.mailbox.answer(&format!("\x1b[?{flags}u"));
    }

    fn push_keyboard_mode(&mut self, mode: KeyboardModes) {
        self.keyboard().push(mode.bits());
    }

    fn pop_keyboard_modes(&mut self, count: u16) {
        self.keyboard().pop(count);
    }

    fn set_keyboard_mode(&mut self, mode: KeyboardModes, behavior: KeyboardModesApplyBehavior) {
        let how = match behavior {
            KeyboardModesApplyBehavior::Replace => 1,
            KeyboardModesApplyBehavior::Union => 2,
            KeyboardModesApplyBehavior::Difference => 3,
        };
        self.keyboard().set(mode.bits(), how);
    }

    fn set_modify_other_keys(&mut self, mode: ModifyOtherKeys) {
        let level = match mode {
            ModifyOtherKeys::Reset => 0,
            ModifyOtherKeys::EnableExceptWellDefined => 1,
            ModifyOtherKeys::EnableAll => 2,
        };
        self.keyboard().modify_other_keys(level);
    }

    fn report_modify_other_keys(&mut self) {
        let level = self.keyboard().modified().unwrap_or(0);
        self.mailbox.answer(&format!("\x1b[>4;{level}m"));
    }

    fn set_cursor_style(&mut self, style: Option<CursorStyle>) {
        self.shadow.cursor_styled = style.is_some();
        Handler::set_cursor_style(&mut self.term, style);
    }

    fn set_cursor_shape(&mut self, shape: CursorShape) {
        self.shadow.cursor_styled = true;
        Handler::set_cursor_shape(&mut self.term, shape);
    }

    fn set_horizontal_tabstop(&mut self) {
        let column = self.term.grid().cursor.point.column.0;
        self.shadow.tab_stops[column] = true;
        Handler::set_horizontal_tabstop(&mut self.term);
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        match mode {
            TabulationClearMode::Current => self.shadow.tab_stops[self.term.grid().cursor.point.column.0] = false,
            TabulationClearMode::All => self.shadow.tab_stops.fill(false),
        }
        Handler::clear_tabs(&mut self.term, mode);
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        if matches!(mode, ClearMode::Saved) && !self.alternate() {
            self.history_cleared = true;
        }
        match mode {
            ClearMode::Above => self.erase_above(),
            ClearMode::Below => self.erase_below(),
            ClearMode::All => self.erase_screen(),
            ClearMode::Saved => Handler::clear_screen(&mut self.term, mode),
        }
    }

    fn reset_state(&mut self) {
        Handler::reset_state(&mut self.term);
        self.shadow = Shadow::new(self.size());
        self.history_cleared = true;
        self.look_whether_plain();
        self.tell_title(None);
    }

    fn set_mode(&mut self, mode: Mode) {
        // What a new line is, is a matter of the filter (see `dialect`).
        if mode != Mode::Named(NamedMode::LineFeedNewLine) {
            Handler::set_mode(&mut self.term, mode);
        }
        self.look_whether_plain();
    }

    fn unset_mode(&mut self, mode: Mode) {
        Handler::unset_mode(&mut self.term, mode);
        self.look_whether_plain();
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Unknown(47 | 1047) => self.enter_alternate(false),
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => self.enter_alternate(true),
            PrivateMode::Unknown(number) => {
                if self.shadow.extra_modes.len() < EXTRA_MODES {
                    self.shadow.extra_modes.insert(number);
                }
            }
            // A terminal that does not change its width for this mode ignores it.
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Named(named) => {
                self.shadow.cursor_styled |= named == NamedPrivateMode::BlinkingCursor;
                Handler::set_private_mode(&mut self.term, mode);
            }
        }
        self.look_whether_plain();
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Unknown(47 | 1047) => self.leave_alternate(false),
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => self.leave_alternate(true),
            PrivateMode::Unknown(number) => {
                self.shadow.extra_modes.remove(&number);
            }
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Named(named) => {
                self.shadow.cursor_styled |= named == NamedPrivateMode::BlinkingCursor;
                Handler::unset_private_mode(&mut self.term, mode);
                if named == NamedPrivateMode::Origin {
                    Handler::goto(&mut self.term, 0, 0);
                }
            }
        }
        self.look_whether_plain();
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.term.screen_lines();
        let end = bottom.unwrap_or(rows).min(rows);
        if top >= end {
            return;
        }
        self.shadow.scroll_region = top - 1..end;
        Handler::set_scrolling_region(&mut self.term, top, bottom);
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.shadow.charset = index;
        Handler::set_active_charset(&mut self.term, index);
        self.look_whether_plain();
    }

    fn configure_charset(&mut self, index: CharsetIndex, charset: StandardCharset) {
        Handler::configure_charset(&mut self.term, index, charset);
        self.look_whether_plain();
    }

    fn set_hyperlink(&mut self, link: Option<Hyperlink>) {
        let sound = |text: &str| text.len() <= LINK_BYTES && !text.chars().any(char::is_control);
        let link = link.filter(|link| sound(&link.uri) && link.id.as_deref().is_none_or(sound));
        Handler::set_hyperlink(&mut self.term, link);
    }
}
