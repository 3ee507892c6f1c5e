//! Differential fuzzing of terminals: the same program on a real tmux pane or on a PTY's emulator, and in the emulator of the
//! page, live and after a snapshot. What is shown must be the same, cell by cell.

pub mod capture;
pub mod emulator;
pub mod explained;
pub mod generate;
pub mod grid;
pub mod program;
pub mod pty;
pub mod shrink;
pub mod tmux;

pub use emulator::{Emulator, Step};
pub use generate::case;
pub use grid::{Cell, Grid, Part, Pen};
pub use program::{Case, Op};

/// What a case showed that it should not.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Where: which way to the screen differs from the terminal's own.
    pub stage: Stage,
    /// In what.
    pub part: Part,
    /// The first difference of this part, in words.
    pub what: String,
    /// The screens; none if the emulator failed.
    pub grids: Option<Box<Grids>>,
}

/// What a difference is between, and what it comes from.
#[derive(Clone, Debug)]
pub struct Grids {
    /// The terminal's own screen.
    pub own: Grid,
    /// The one that is shown.
    pub shown: Grid,
    /// What live bytes had shown each time when a snapshot was taken that this stage goes through. They also say where cells begin,
    /// of which a tmux tells nothing.
    pub replaced: Vec<Grid>,
}

/// A way to the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The page's emulator failed.
    Failed,
    /// Live bytes from the beginning to the cut.
    LiveToCut,
    /// A snapshot at the cut.
    SnapshotAtCut,
    /// Live bytes to the end.
    Live,
    /// A snapshot at the cut, then live bytes to the end.
    LiveAfterSnapshot,
    /// A snapshot at the end, which replaces what was shown.
    SnapshotAtEnd,
}

/// What the terminal that is the authority gave for one case.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The terminal's own screen at the cut and at the end.
    pub at_cut: Grid,
    /// See [`at_cut`](Self::at_cut).
    pub at_end: Grid,
    /// What a viewer was sent until the cut, and from there on.
    pub before: Vec<Step>,
    /// See [`before`](Self::before).
    pub after: Vec<Step>,
    /// The snapshots at the cut and at the end.
    pub snapshot_at_cut: Step,
    /// See [`snapshot_at_cut`](Self::snapshot_at_cut).
    pub snapshot_at_end: Step,
    /// Live bytes were doubtful, so that viewers got a snapshot instead of some of them.
    pub repaired: bool,
}

/// What the authority's screen is compared for.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Where cells begin and end is known; otherwise only the characters of a row in their order, gaps as spaces.
    pub columns: bool,
    /// The background of cells without text at the end of a row is known.
    pub trailing_background: bool,
    /// Attributes that the authority has, see [`Pen::attributes`].
    pub attributes: &'static str,
}

impl Compared {
    /// What `capture-pane` says.
    pub const TMUX: Compared = Compared { columns: false, trailing_background: false, attributes: "bdiukvhso" };
    /// What the emulator beside a PTY knows: all but overlined text, of which its parser takes no notice.
    pub const PTY: Compared = Compared { columns: true, trailing_background: true, attributes: "bdiukvhs" };
    /// What both say in the same way, apart from the background at the end of rows.
    pub const BETWEEN: Compared = Compared { columns: false, trailing_background: false, attributes: "bdiukvhs" };
}

/// Shows what was recorded in the page's emulator; all differences, of each stage and part the first.
pub fn compare(emulator: &mut Emulator, recorded: &Recorded, compared: Compared) -> Vec<Difference> {
    let mut whole = Vec::new();
    let before = watch(&recorded.before, &mut whole);
    whole.push(Step::Look);
    let after = watch(&recorded.after, &mut whole);
    whole.extend([Step::Look, recorded.snapshot_at_end.clone(), Step::Look]);
    let mut reloaded = vec![recorded.snapshot_at_cut.clone(), Step::Look];
    reloaded.extend(recorded.after.iter().cloned());
    reloaded.push(Step::Look);
    let (live, reloaded) = match (emulator.show(&whole), emulator.show(&reloaded)) {
        (Ok(live), Ok(reloaded)) => (live, reloaded),
        (Err(what), _) | (_, Err(what)) => {
            return vec![Difference { stage: Stage::Failed, part: Part::Screen, what, grids: None }];
        }
    };
    let (before, rest) = live.split_at(before);
    let [cut, rest @ ..] = rest else { unreachable!("a look at the cut") };
    let (after, rest) = rest.split_at(after);
    let [end, replaced_at_end] = rest else { unreachable!("two looks at the end") };
    let (cuts, ends) = (std::slice::from_ref(cut), std::slice::from_ref(end));
    let looks = [
        (Stage::LiveToCut, cut, &recorded.at_cut, [before, &[], &[], &[]]),
        (Stage::SnapshotAtCut, &reloaded[0], &recorded.at_cut, [before, cuts, &[], &[]]),
        (Stage::Live, end, &recorded.at_end, [before, &[], after, &[]]),
        (Stage::LiveAfterSnapshot, &reloaded[1], &recorded.at_end, [before, cuts, after, &[]]),
        (Stage::SnapshotAtEnd, replaced_at_end, &recorded.at_end, [before, &[], after, ends]),
    ];
    let of_look = |(stage, shown, own, replaced): (Stage, &Grid, &Grid, [&[Grid]; 4])| {
        let grids = || Some(Box::new(Grids { own: own.clone(), shown: shown.clone(), replaced: replaced.concat() }));
        let all = own.differences(shown, compared);
        all.into_iter().map(|(part, what)| Difference { stage, part, what, grids: grids() }).collect::<Vec<_>>()
    };
    looks.into_iter().flat_map(of_look).collect()
}

/// Looks at what is shown before each snapshot; how often.
fn watch(steps: &[Step], out: &mut Vec<Step>) -> usize {
    let mut looks = 0;
    for step in steps {
        if matches!(step, Step::Replace(..)) {
            out.push(Step::Look);
            looks += 1;
        }
        out.push(step.clone());
    }
    looks
}
