//! How output looks on the other side: a person's terminal (width, colour, UTF-8) or a pipe.

use std::io::IsTerminal as _;

/// What the reader of an output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Colours are wanted.
    pub(crate) colour: bool,
    /// Symbols beyond ASCII can be shown.
    pub(crate) unicode: bool,
    /// Columns of the terminal; `None` when it is not one.
    pub(crate) width: Option<usize>,
    /// Rows of the terminal; `None` when it is not one.
    pub(crate) height: Option<usize>,
}

/// A rendition of text; the numbers are those of SGR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    /// Of standard output.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let (columns, rows) = rustix::termios::tcgetwinsize(&stdout)
            .map_or((0, 0), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        Style {
            colour: terminal && colour_wanted(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())),
            unicode: locale_is_utf8(|name| std::env::var(name).ok()),
            width: terminal.then_some(if columns == 0 { 80 } else { columns }),
            height: terminal.then_some(if rows == 0 { 24 } else { rows }),
        }
    }

    /// `text`, painted.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        let sgr = match paint {
            Paint::Plain => return text.into(),
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Cyan => "36",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.into() }
    }
}

fn colour_wanted(set: impl Fn(&str) -> bool) -> bool {
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether the locale in the environment is a UTF-8 one; the first variable that is set and not empty decides.
pub(crate) fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let Some(locale) = names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty()) else {
        // macOS terminals are UTF-8 also without a locale.
        return cfg!(target_os = "macos");
    };
    let locale = locale.to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8") || locale.contains("utf-8@") || locale.contains("utf8@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let locale = |all: &str, lang: &str| {
            locale_is_utf8(|name| match name {
                "LC_ALL" => Some(all.to_string()),
                "LANG" => Some(lang.to_string()),
                _ => None,
            })
        };
        assert!(locale("", "de_DE.UTF-8"));
        assert!(locale("C.utf8", "C"));
        assert!(!locale("C", "de_DE.UTF-8"));
        assert!(!locale("POSIX", ""));
    }

    #[test]
    fn without_colour_text_is_left_alone() {
        let plain = Style { colour: false, unicode: true, width: None, height: None };
        assert_eq!(plain.paint(Paint::Red, "x"), "x");
        let coloured = Style { colour: true, ..plain };
        assert_eq!(coloured.paint(Paint::Red, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(coloured.paint(Paint::Red, ""), "");
    }
}
