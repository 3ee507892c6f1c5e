//! Goes through vttest's menus and records what each item prints, screen by screen.

use crate::session::{Menu, Session};

/// Screens of one item at most: one with more waits for something else than Return.
const SCREENS: usize = 40;
/// Menus below menus.
const DEPTH: usize = 6;
/// What the menu of a newer terminal calls that of an older one.
const REPEATED: [&str; 4] =
    ["Test VT220 features", "Test VT320 features", "Test VT420 features", "Test VT520 features"];

/// An item of a menu.
pub(crate) struct Item {
    /// The numbers that lead to it.
    pub(crate) path: String,
    /// What the menu calls it.
    pub(crate) name: String,
    pub(crate) recorded: Recorded,
}

pub(crate) enum Recorded {
    /// What a terminal gets from vttest's start, without the items before; and how much of it the screens are, each when vttest
    /// waits for a person.
    Screens(Vec<u8>, Vec<usize>),
    /// It does not go on by Return.
    Stuck,
}

/// All items that are no menus themselves.
pub(crate) fn walk(mut wanted: impl FnMut(&str) -> bool) -> Vec<Item> {
    let mut session = Session::start();
    let start = session.printed.clone();
    let menu = session.menu().expect("vttest begins with a menu");
    let mut walk = Walk { start, items: Vec::new() };
    walk.menu(&mut session, &[], &menu, &mut wanted);
    walk.items
}

struct Walk {
    /// What vttest prints before anybody chooses.
    start: Vec<u8>,
    items: Vec<Item>,
}

impl Walk {
    /// Chooses each item of the menu that is shown.
    fn menu(&mut self, session: &mut Session, path: &[usize], menu: &Menu, wanted: &mut dyn FnMut(&str) -> bool) {
        for (at, name) in menu.items.iter().enumerate() {
            let path = [path, &[at + 1]].concat();
            let shown = path.iter().map(usize::to_string).collect::<Vec<_>>().join(".");
            // vttest lacks a test of what has no name; a menu of an older terminal below one of a newer one is a repetition.
            let repeated = path.len() > 2 && REPEATED.contains(&name.as_str());
            if !wanted(&shown) || name.is_empty() || repeated {
                continue;
            }
            eprintln!("{shown} {name}");
            let recorded = self.item(session, &path, menu, wanted);
            if matches!(recorded, Some(Recorded::Stuck)) {
                *session = restarted(&path[..path.len() - 1]);
            }
            self.items.extend(recorded.map(|recorded| Item { path: shown, name: name.clone(), recorded }));
        }
    }

    /// What the last number of the path leads to; nothing if that is a setting, or a menu, whose items are taken instead.
    fn item(
        &mut self,
        session: &mut Session,
        path: &[usize],
        menu: &Menu,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Option<Recorded> {
        let from = session.printed.len();
        let mut bytes = self.start.clone();
        let mut screens = Vec::new();
        if !session.types(&format!("{}\r", path[path.len() - 1])) {
            return Some(Recorded::Stuck);
        }
        while screens.len() < SCREENS {
            match session.menu() {
                // Some items say in the menu itself what was chosen.
                Some(shown) if shown.title == menu.title => {
                    bytes.extend_from_slice(&session.printed[from..]);
                    // Without a screen of its own it is a setting.
                    return (!screens.is_empty()).then_some(Recorded::Screens(bytes, screens));
                }
                Some(below) if screens.is_empty() && path.len() < DEPTH => {
                    self.menu(session, path, &below, wanted);
                    return (!session.types("0\r")).then_some(Recorded::Stuck);
                }
                _ => screens.push(self.start.len() + session.printed.len() - from),
            }
            if !session.types("\r") {
                return Some(Recorded::Stuck);
            }
        }
        Some(Recorded::Stuck)
    }
}

/// Another vttest, at the menu of this path.
fn restarted(path: &[usize]) -> Session {
    let mut session = Session::start();
    for number in path {
        assert!(session.types(&format!("{number}\r")), "the menu comes again");
    }
    session
}
