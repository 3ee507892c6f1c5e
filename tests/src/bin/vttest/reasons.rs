//! What differs and stays so, with the reason, by item; and what the table says about itself.

pub(crate) const INTRODUCTION: &str = "\
# vttest

`make vttest` drives vttest (of the distribution) through its menus, with our own emulator as its terminal, and shows what it printed on \
a terminal of our own (PTY), on a pane of tmux VERSION and in the page's emulator. Each screen at which vttest waits is one at which a \
viewer joins: *page = PTY* and *page = tmux* say that live bytes until there, a snapshot there, and both one screen later show what \
the terminal shows, cell by cell with colours and history. *tmux = PTY* compares the two terminals' text and cursor with each other: where they \
differ, one of them does not do what a VT does, and the page follows the one it shows. A row of dashes is an item that asks for a keyboard or a \
mouse, or else does not go on by Return. What terminals answer to questions is what our emulator answers. esctest is neither in the distribution \
nor on PyPI.
";

const WIDE: &str = "a screen of 132 columns, which none of them has: tmux erases its screen where a program asks for it, our terminals \
                    and xterm.js ignore it, as xterm does unless it is allowed";
const RELATIVE: &str = "tmux knows no CHT, HPR and VPR";

/// Why tmux and our own terminals show different things, by item.
const REASONS: [(&str, &str); 15] = [
    ("1", WIDE),
    ("2", "tmux puts the cursor at the top of the screen where origin mode is set with margins at its bottom"),
    ("3", "the underscore of line drawing is a blank on a VT and on our terminals; tmux keeps it"),
    ("7", "none of them has a VT52 mode; what is printed for it is read in different ways"),
    ("9.6", WIDE),
    ("11.1.2.4", "none of them protects cells"),
    ("11.4.2.10", RELATIVE),
    ("11.4.2.11", RELATIVE),
    ("11.4.2.15", RELATIVE),
    ("11.4.6.1", WIDE),
    ("11.5.4", RELATIVE),
    ("11.5.5", RELATIVE),
    ("11.5.9", RELATIVE),
    ("11.6.6.1", WIDE),
    ("11.6.6.2", "as item 2"),
];

/// See [`REASONS`].
pub(crate) fn of(path: &str) -> Option<&'static str> {
    REASONS.iter().find(|(item, _)| *item == path).map(|(_, reason)| *reason)
}
