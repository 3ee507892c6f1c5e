//! Size has one holder: a lease says whose size counts.

mod desk;

use consort_core::input::Take;
use consort_core::output::Holder;
use consort_core::{
    AgentId, Observation, Output, Size, TerminalInput, TerminalOutput, ViewerId, ViewerInput, ViewerOutput,
};
use desk::*;

const A: AgentId = AgentId(10);

fn size(cols: u16) -> Size {
    Size::clamped(cols, 40)
}

fn two_viewers() -> (Desk, ViewerId, ViewerId) {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let (first, second) = (desk.connect(1), desk.connect(2));
    desk.attach(first, A, None);
    desk.attach(second, A, None);
    (desk, first, second)
}

fn take(desk: &mut Desk, viewer: ViewerId, cols: u16, take: Take) -> Vec<Output> {
    desk.viewer(viewer, ViewerInput::Resize { stream: S, size: size(cols), take })
}

/// Who a viewer was told to hold the size, last.
fn told(said: &[Output], viewer: ViewerId) -> Option<Holder> {
    let holder = |frame: ViewerOutput| match frame {
        ViewerOutput::Size { holder, .. } | ViewerOutput::Attached { holder, .. } => Some(holder),
        _ => None,
    };
    frames_of(said, viewer).into_iter().filter_map(holder).last()
}

#[test]
fn who_only_looks_changes_no_size() {
    let (mut desk, first, _) = two_viewers();
    assert_eq!(orders(&take(&mut desk, first, 200, Take::Never)), []);
}

#[test]
fn a_free_lease_is_taken_by_the_first_who_wants_it_and_all_are_told() {
    let (mut desk, first, second) = two_viewers();
    let said = take(&mut desk, first, 100, Take::IfFree);
    assert_eq!(orders(&said), [TerminalOutput::Resize(size(100))]);
    assert_eq!((told(&said, first), told(&said, second)), (Some(Holder::You), Some(Holder::Other)));
    let said = take(&mut desk, second, 50, Take::IfFree);
    assert_eq!(orders(&said), [], "it is not free any more");
}

#[test]
fn a_person_can_take_the_size_from_another() {
    let (mut desk, first, second) = two_viewers();
    take(&mut desk, first, 100, Take::IfFree);
    let said = take(&mut desk, second, 50, Take::Always);
    assert_eq!(orders(&said), [TerminalOutput::Resize(size(50))]);
    assert_eq!((told(&said, first), told(&said, second)), (Some(Holder::Other), Some(Holder::You)));
    assert_eq!(orders(&take(&mut desk, first, 120, Take::Never)), [], "only the holder's size counts");
    assert_eq!(orders(&take(&mut desk, second, 60, Take::Never)), [TerminalOutput::Resize(size(60))]);
}

#[test]
fn the_lease_is_given_back_when_its_holder_goes() {
    let (mut desk, first, second) = two_viewers();
    take(&mut desk, first, 100, Take::IfFree);
    let said = desk.viewer(first, ViewerInput::Closed);
    assert_eq!(orders(&said), [TerminalOutput::ReleaseSize]);
    assert_eq!(told(&said, second), Some(Holder::Nobody));
    take(&mut desk, second, 100, Take::IfFree);
    let said = desk.viewer(second, ViewerInput::Release(S));
    assert_eq!(orders(&said), [TerminalOutput::ReleaseSize]);
    assert_eq!(told(&said, second), Some(Holder::Nobody));
}

#[test]
fn a_terminal_that_somebody_else_shows_is_theirs_unless_a_person_takes_it() {
    let (mut desk, first, _) = two_viewers();
    let said = desk.seen(Observation { shown_elsewhere: true, ..session(A, "a") });
    assert_eq!(told(&said, first), Some(Holder::Other));
    assert_eq!(orders(&take(&mut desk, first, 100, Take::IfFree)), []);
    let said = take(&mut desk, first, 100, Take::Always);
    assert_eq!(told(&said, first), Some(Holder::You));
    let said = desk.seen(session(A, "a"));
    assert_eq!(told(&said, first), Some(Holder::You), "the lease stays");
}

#[test]
fn taking_the_size_sets_it_even_if_it_seems_to_be_right() {
    let (mut desk, first, second) = two_viewers();
    let right = Size::DEFAULT;
    let always = ViewerInput::Resize { stream: S, size: right, take: Take::Always };
    assert_eq!(orders(&desk.viewer(first, always.clone())), [TerminalOutput::Resize(right)]);
    assert_eq!(orders(&desk.viewer(first, always.clone())), [], "once");
    desk.terminal(A, TerminalInput::Resized(size(90)));
    let said = desk.viewer(first, always.clone());
    assert!(orders(&said).contains(&TerminalOutput::Resize(right)), "somebody else had changed it");
    desk.viewer(first, ViewerInput::Release(S));
    let said = desk.viewer(second, always);
    assert!(orders(&said).contains(&TerminalOutput::Resize(right)), "giving it back may have changed it");
}
