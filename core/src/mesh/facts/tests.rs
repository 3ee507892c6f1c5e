use super::*;
use crate::directory::signal::{Asked, Choice, Question};
use proptest::prelude::*;

pub(crate) fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

pub(crate) fn membership() -> Value {
    Value::Membership { by: node(0), rights: Rights::Operate }
}

pub(crate) fn fact(length: u64, counter: u64, value: Value) -> Fact {
    Fact { version: Version(length, counter), value }
}

fn any_fact() -> impl Strategy<Value = (Key, Fact)> {
    let named = |name: String| NodeFact { name, ..NodeFact::default() };
    let kinds = (0u8..3, 0u64..3, 0u8..5, "[ab]{0,1}").prop_map(move |(n, a, kind, name)| match kind {
        0 => (Key::Member(node(n)), Value::Membership { by: node(a as u8), rights: Rights::Operate }),
        1 => (Key::Node(node(n)), Value::Node(Box::new(named(name)))),
        2 => (Key::Links(node(n)), Value::Links(alloc::vec![NodeRef(a)])),
        _ => (Key::Agent(node(n), AgentId(a)), Value::Tombstone),
    });
    (kinds, 0u64..3, 0u64..3).prop_map(|((key, value), a, b)| (key, fact(a, b, value)))
}

pub(crate) fn facts(list: &[(Key, Fact)]) -> Facts {
    let mut facts = Facts::default();
    for (key, fact) in list {
        facts.merge(*key, fact.clone());
    }
    facts
}

fn merged(a: &Facts, b: &Facts) -> Facts {
    let mut all = a.clone();
    all.merge_all(b);
    all
}

pub(crate) fn some() -> impl Strategy<Value = Vec<(Key, Fact)>> {
    prop::collection::vec(any_fact(), 0..24)
}

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in some(), b in some(), c in some()) {
        let (a, b, c) = (facts(&a), facts(&b), facts(&c));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &a), a);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter((list, shuffled) in some().prop_flat_map(|list| {
        let copy = list.clone();
        (Just(list), Just(copy).prop_shuffle())
    })) {
        prop_assert_eq!(facts(&list), facts(&shuffled));
    }

    #[test]
    fn taking_what_is_news_is_taking_everything(a in some(), b in some()) {
        let (a, b) = (facts(&a), facts(&b));
        let delta: Vec<_> = b.iter().filter(|(key, fact)| a.is_news(key, fact)).map(|(k, f)| (*k, f.clone())).collect();
        let mut by_delta = a.clone();
        for (key, fact) in delta {
            by_delta.merge(key, fact);
        }
        prop_assert_eq!(by_delta, merged(&a, &b));
    }

    #[test]
    fn a_version_never_goes_back(list in some(), more in any_fact()) {
        let before = facts(&list);
        let mut after = before.clone();
        after.merge(more.0, more.1);
        for (key, fact) in before.iter() {
            let void = after.is_void(key, fact.version);
            prop_assert!(void || after.get(key).is_some_and(|now| now.version >= fact.version));
        }
    }

    #[test]
    fn hash_and_size_are_those_of_the_facts(list in some()) {
        let facts = facts(&list);
        prop_assert_eq!(facts.check(), Ok(()));
        let again = self::facts(&facts.iter().map(|(k, f)| (*k, f.clone())).collect::<Vec<_>>());
        prop_assert_eq!(again.hash(), facts.hash());
    }
}

#[test]
fn a_removed_member_stays_removed_until_it_is_admitted_again() {
    let at = |length| (Key::Member(node(1)), fact(length, 0, membership()));
    let mut known = facts(&[at(1), at(2)]);
    assert!(!known.is_member(node(1)));
    let (key, stale) = at(1);
    assert!(!known.merge(key, stale), "gossip brings nobody back");
    let (key, admitted) = at(3);
    known.merge(key, admitted);
    assert!(known.is_member(node(1)));
}

#[test]
fn a_new_epoch_of_a_node_ends_what_it_said_before() {
    let agent = |a, epoch| (Key::Agent(node(1), AgentId(a)), fact(epoch, 9, Value::Tombstone));
    let mut known = facts(&[agent(1, 4), agent(2, 5)]);
    let void = known.take(Key::Node(node(1)), fact(5, 1, Value::Node(Box::default())));
    assert_eq!(void, alloc::vec![agent(1, 4).0]);
    let (key, late) = agent(1, 4);
    assert!(!known.merge(key, late), "it is void wherever it comes from");
    assert!(known.get(&agent(2, 5).0).is_some());
}

#[test]
fn the_fact_of_an_agent_is_shortened_to_its_bound() {
    let long = |n| "ä".repeat(n);
    let info = TerminalInfo {
        pane: 1,
        title: long(256),
        command: long(256),
        shell: false,
        window: long(256),
        active: true,
        size: crate::id::Size::DEFAULT,
        corner: (0, 0),
        index: 0,
        exit_code: None,
        activity: 0,
        bell: false,
    };
    let choice = Choice { key: long(16), label: long(120) };
    let question = Question {
        text: long(480),
        detail: long(600),
        choices: alloc::vec![choice; limits::CHOICES],
        ..Question::default()
    };
    let asked = Asked { id: 1, pane: 1, question };
    let agent = AgentFact {
        name: long(100),
        backend: BackendKind::Tmux,
        managed: true,
        origin: Origin::Created,
        running: true,
        desired: Desired::Running,
        autostart: true,
        state: StateKind::Idle,
        source: Source::Output,
        why: long(300),
        program: Some(long(8_000)),
        args: alloc::vec![long(8_000); 256],
        directory: long(8_000),
        notes_revision: 1,
        tags: alloc::vec![long(40); 32],
        created_unix_ms: 1,
        terminals: alloc::vec![info; 256],
        more: AgentFact::more_of(Some(&asked), 0),
    };
    let short = agent.clone().shortened();
    let (key, value) = (Key::Agent(node(1), AgentId(1)), Value::Agent(Box::new(short.clone())));
    assert!(encoded(&(key, fact(u64::MAX, u64::MAX, value))).len() <= limits::FACT_BYTES);
    assert!(!short.terminals.is_empty());
    assert_eq!(agent.asked().as_ref(), Some(&asked));
    let mut small = AgentFact { args: Vec::new(), terminals: Vec::new(), program: None, ..agent };
    small.directory.clear();
    assert_eq!(small.clone().shortened(), small, "what fits is not touched");
}

#[test]
fn the_hash_of_bytes_is_the_same_in_every_version() {
    let bytes: Vec<u8> = (0..20).collect();
    let hashes = [0, 1, 8, 9, 20].map(|len| hash_of(&bytes[..len]));
    let known = [
        7_506_974_337_553_516_905,
        5_592_981_911_286_830_942,
        1_566_039_123_555_941_748,
        3_867_934_782_112_842_543,
        15_143_575_412_861_551_486,
    ];
    assert_eq!(hashes, known);
}

#[test]
fn each_fact_is_counted_with_its_bytes_and_known_by_its_hash() {
    let (key, told) = (Key::Member(node(1)), fact(1, 0, membership()));
    let (none, one) = (Facts::default(), facts(&[(key, told.clone())]));
    assert_eq!((none.is_empty(), none.bytes(), none.hash_of(&key)), (true, 0, None));
    assert!(
        !one.is_empty()
            && one.bytes() >= 32
            && Some(one.bytes()) == one.get(&key).map(|fact| encoded(&(key, fact)).len())
    );
    assert_eq!(one.hash_of(&key), Some(one.hash()), "of one fact it is that of all");
    assert!(!one.is_news(&key, &told), "what is known is no news");
}

#[test]
fn a_membership_was_said_first_by_who_admitted_or_removed_and_everything_else_by_its_node() {
    let said = [
        (Key::Member(node(1)), fact(1, 0, Value::Membership { by: node(2), rights: Rights::Operate })),
        (Key::Links(node(1)), fact(1, 1, Value::Links(Vec::new()))),
    ];
    let facts = facts(&said);
    assert_eq!((facts.len(), facts.origin(&said[0].0), facts.origin(&said[1].0)), (2, Some(node(2)), Some(node(1))));
    assert_eq!(facts.origin(&Key::Member(node(3))), None, "nobody has");
}
