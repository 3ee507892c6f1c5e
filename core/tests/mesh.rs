//! The mesh, rule by rule, with a few nodes.

mod town;

use consort_core::directory::BackendKind;
use consort_core::sham::Sham;
use consort_core::*;
use town::{Town, id};

#[test]
fn two_nodes_that_admit_each_other_become_one_mesh() {
    let mut town = Town::new(2);
    town.agent(0, 1, "a-left");
    town.agent(1, 1, "b-right");
    town.pair(0, 1);
    let took = town.until(1_000, |town| town.agree(&[0, 1]) && town.reaches(0) == [1] && town.reaches(1) == [0]);
    assert!(took.is_some_and(|ms| ms <= 100), "{took:?}");
    assert_eq!(town.agents(0), ["a-left", "b-right"]);
    assert_eq!(town.agents(0), town.agents(1));
    assert_eq!(town.view(0).hues().len(), 2, "categories of all nodes have a colour");
    assert!(town.events(0).contains(&Event::NodeChanged(id(1))));
}

#[test]
fn who_is_admitted_by_one_is_admitted_by_all_and_links_to_all() {
    let mut town = Town::joined(4);
    for n in 0..4 {
        let others: Vec<usize> = (0..4).filter(|other| *other != n).collect();
        assert_eq!(town.members(n), [0, 1, 2, 3]);
        assert_eq!(town.reaches(n), others);
        assert!(town.view(n).nodes().filter(|node| !node.own).all(|node| node.hops == 1), "directly");
    }
    assert!(town.agree(&[0, 1, 2, 3]));
    town.agent(3, 9, "news");
    let took = town.until(1_000, |town| (0..4).all(|n| town.agents(n) == ["news"]));
    assert!(took.is_some_and(|ms| ms <= 40), "{took:?}");
}

#[test]
fn two_meshes_become_one_when_a_member_of_each_admits_the_other() {
    let mut town = Town::new(4);
    town.pair(0, 1);
    town.pair(2, 3);
    town.wait(3_000);
    assert_eq!((town.members(0), town.members(3)), (vec![0, 1], vec![2, 3]));
    town.pair(1, 2);
    town.wait(5_000);
    for n in 0..4 {
        assert_eq!(town.members(n), [0, 1, 2, 3]);
    }
    assert!(town.agree(&[0, 1, 2, 3]));
}

#[test]
fn a_stranger_that_nobody_admitted_learns_nothing() {
    let mut town = Town::new(2);
    town.agent(1, 1, "secret");
    town.admit(0, 1);
    town.wait(60_000);
    assert!(town.agents(0).is_empty() && town.reaches(0).is_empty());
    assert!(town.dials < 30, "it is not dialled all the time: {}", town.dials);
}

#[test]
fn a_removed_node_stays_removed_whoever_was_away() {
    let mut town = Town::joined(4);
    town.agent(3, 1, "on-three");
    town.wait(500);
    town.split(&[2], &[0, 1, 3]);
    town.remove(0, 3);
    town.wait(3_000);
    assert_eq!(town.members(0), [0, 1, 2]);
    let removed = |who: usize| town.view(1).was_removed(id(who));
    assert_eq!([2, 3, 9].map(removed), [false, true, false], "a member, a former one and a stranger");
    assert_eq!(town.agents(1), [""; 0]);
    assert_eq!(town.members(2), [0, 1, 2, 3], "it has not heard");
    assert!(!town.view(3).node(id(3)).expect("itself").member, "the removed node knows");
    town.heal();
    town.wait(60_000);
    for n in 0..3 {
        assert_eq!(town.members(n), [0, 1, 2]);
        assert!(!town.reaches(n).contains(&3));
    }
    let files = town.files(2);
    town.restart(2, 2, files);
    town.wait(40_000);
    assert_eq!(town.members(2), [0, 1, 2], "a restart brings nobody back");
    assert_eq!(town.agents(3), ["on-three"], "its own agents are its own");
}

#[test]
fn a_removed_node_comes_back_when_persons_say_so() {
    let mut town = Town::joined(3);
    town.agent(2, 1, "back");
    town.remove(0, 2);
    town.wait(5_000);
    assert_eq!(town.members(1), [0, 1]);
    town.pair(1, 2);
    town.wait(10_000);
    for n in 0..3 {
        assert_eq!(town.members(n), [0, 1, 2]);
        assert_eq!(town.agents(n), ["back"]);
    }
    assert!(town.agree(&[0, 1, 2]));
}

#[test]
fn what_can_carry_agents_on_a_node_is_known_everywhere() {
    let mut town = Town::joined(3);
    let told = |town: &Town| {
        let row = town.view(0).node(id(2)).expect("a member");
        row.backends.iter().map(|backend| (backend.kind, backend.available, backend.detail.clone())).collect::<Vec<_>>()
    };
    assert!(told(&town).contains(&(BackendKind::Tmux, true, "tmux".into())));
    assert!(told(&town).iter().any(|(kind, available, _)| *kind == BackendKind::Pty && !available));
    town.tell(2, Input::Backend(BackendInput::Unavailable(BackendKind::Tmux, "no server".into())));
    town.wait(100);
    assert!(told(&town).contains(&(BackendKind::Tmux, false, "no server".into())));
}

#[test]
fn a_node_has_its_name_and_a_number_of_its_own_for_every_start() {
    let mut town = Town::new(1);
    assert_eq!(town.view(0).name(), "node-0");
    let first = town.view(0).instance();
    let files = town.files(0);
    town.restart(0, 2, files);
    assert_ne!(town.view(0).instance(), first);
}

#[test]
fn a_name_of_a_node_has_one_to_a_hundred_characters() {
    let node = |name: String| {
        let (config, identity) = (Config { name, start_unix_ms: None }, Identity { id: id(0), epoch: 1 });
        Node::new(config, identity, Restored::default(), Box::new(Sham::new(id(0), 1)), [1; 32], Instant::START)
    };
    assert!(node("é".repeat(100)).is_ok());
    for wrong in [0, 101] {
        assert_eq!(node("é".repeat(wrong)).err(), Some(ConfigError::Name));
    }
}

#[test]
fn rows_of_a_node_that_cannot_be_reached_stay() {
    let mut town = Town::joined(3);
    town.agent(2, 1, "far");
    town.wait(500);
    town.events(0);
    town.kill(2);
    let took = town.until(2_000, |town| town.reaches(0) == [1] && town.reaches(1) == [0]);
    assert!(took.is_some_and(|ms| ms <= 50), "{took:?}");
    assert_eq!(town.agents(0), ["far"]);
    let row = town.view(0).node(id(2)).expect("a member");
    assert!(!row.reachable && row.name == "node-2" && row.since > Instant::START);
    assert!(town.events(0).contains(&Event::NodeChanged(id(2))));
}

#[test]
fn a_link_that_falls_silent_is_dead_after_five_seconds() {
    let mut town = Town::joined(2);
    town.silence(0, 1);
    town.wait(3_000);
    assert_eq!(town.reaches(0), [1]);
    let took = town.until(4_000, |town| town.reaches(0).is_empty());
    assert!(took.is_some_and(|ms| ms <= 2_500), "{took:?}");
    town.heal();
    let took = town.until(40_000, |town| town.reaches(0) == [1] && town.reaches(1) == [0]);
    assert!(took.is_some(), "it is dialled again");
}

#[test]
fn an_idle_mesh_sends_heartbeats_and_nothing_else() {
    let mut town = Town::joined(4);
    town.wait(30_000);
    let (frames, bytes) = (town.frames, town.bytes);
    town.wait(20_000);
    assert_eq!(town.frames - frames, 12 * 10, "twelve ends, every two seconds");
    assert!((town.bytes - bytes) / 4 / 20 <= 60, "bytes per node and second");
}

#[test]
fn what_cannot_be_linked_is_reached_over_another() {
    let mut town = Town::joined(3);
    town.cut(0, 2);
    town.wait(200);
    assert_eq!(town.reaches(0), [1, 2]);
    let row = town.view(0).node(id(2)).expect("a member");
    assert_eq!((row.via, row.hops), (Some(id(1)), 2));
    town.agent(2, 1, "behind");
    let took = town.until(1_000, |town| town.agents(0) == ["behind"]);
    assert!(took.is_some_and(|ms| ms <= 60), "facts take the same way: {took:?}");
}

#[test]
fn a_mesh_that_was_split_heals_with_everything_that_happened() {
    let mut town = Town::joined(6);
    town.split(&[0, 1, 2], &[3, 4, 5]);
    town.agent(0, 1, "left");
    town.agent(5, 1, "right");
    town.wait(20_000);
    assert_eq!((town.reaches(0), town.agents(0)), (vec![1, 2], vec!["left".to_string()]));
    town.heal();
    let took = town.until(32_000, |town| (0..6).all(|n| town.agents(n) == ["left", "right"]));
    assert!(took.is_some(), "{took:?}");
    town.wait(35_000);
    assert!(town.agree(&[0, 1, 2, 3, 4, 5]));
}

#[test]
fn an_agent_that_ended_is_gone_everywhere() {
    let mut town = Town::joined(3);
    town.agent(1, 7, "short");
    town.wait(500);
    assert_eq!(town.agents(2), ["short"]);
    town.agent_ends(1, 7);
    town.wait(100);
    assert_eq!(town.agents(2), [""; 0]);
    let gone = Event::AgentRemoved(AgentAddress { node: id(1), agent: AgentId(7) });
    assert!(town.events(2).contains(&gone));
}

#[test]
fn a_node_that_has_lost_its_state_speaks_for_itself_again() {
    let mut town = Town::joined(3);
    town.agent(1, 1, "old");
    town.wait(500);
    // Its count of starts is lost with the rest: it begins again below its former life.
    town.restart(1, 0, Default::default());
    town.agent(1, 2, "new");
    town.pair(1, 0);
    town.wait(10_000);
    for n in 0..3 {
        assert_eq!(town.agents(n), ["new"], "what its former life said is void");
        assert!(!town.view(n).node(id(1)).expect("a member").conflict);
    }
    town.agent(1, 3, "newer");
    town.wait(200);
    assert_eq!(town.agents(2), ["new", "newer"], "what it says from now on counts");
    assert!(town.agree(&[0, 1, 2]));
}

#[test]
fn a_node_that_starts_again_knows_its_mesh() {
    let mut town = Town::joined(3);
    let files = town.files(2);
    town.restart(2, 2, files);
    assert_eq!(town.members(2), [0, 1, 2]);
    assert_eq!(town.view(2).node(id(0)).expect("a member").name, "node-0");
    let took = town.until(5_000, |town| town.reaches(2) == [0, 1]);
    assert!(took.is_some(), "it dials by itself");
}

#[test]
fn a_node_that_slept_gives_its_links_a_chance() {
    let mut town = Town::joined(2);
    let before = town.frames;
    town.sleep(0, 4_500);
    town.wait(1_000);
    assert_eq!(town.reaches(0), [1]);
    assert!(town.frames > before);
}

#[test]
fn a_peer_that_sends_garbage_is_cut_off_with_an_event() {
    let mut town = Town::joined(2);
    town.events(0);
    town.inject(0, 1, &[2, 1, 99]);
    assert!(town.events(0).contains(&Event::LinkFault(id(1), PeerFault::Frame)));
    town.wait(5_000);
    assert_eq!(town.reaches(0), [1], "and may come back");
}

#[test]
fn nodes_that_dial_each_other_at_the_same_time_keep_one_link() {
    let mut town = Town::joined(5);
    for _ in 0..3 {
        town.split(&[0, 1, 2], &[3, 4]);
        town.wait(8_000);
        town.heal();
        town.wait(40_000);
        assert_eq!(town.links(), [4; 5]);
    }
}

#[test]
fn a_cloned_disk_is_a_conflict_that_people_see_and_no_endless_fight() {
    let mut town = Town::joined(3);
    town.agent(2, 1, "original");
    town.wait(1_000);
    let clone = town.clone_disk(2, 2);
    town.agent(clone, 2, "copy");
    town.wait(120_000);
    let seen = |town: &Town| (0..3).filter(|n| town.view(*n).node(id(2)).is_some_and(|node| node.conflict)).count();
    assert!(seen(&town) > 0, "somebody says so");
    assert!(town.view(clone).node(id(2)).expect("itself").conflict, "and so does the copy");
    town.wait(1_200_000);
    let frames = town.frames;
    town.wait(60_000);
    assert!((town.frames - frames) / 60 < 20, "{} frames in a minute", town.frames - frames);
}

#[test]
fn two_lives_at_two_ends_of_a_mesh_stop_contradicting_each_other() {
    let mut town = Town::joined(3);
    town.cut(1, 2);
    let clone = town.clone_disk(2, 1);
    town.cut(clone, 0);
    town.agent(clone, 2, "copy");
    town.wait(1_200_000);
    assert!(town.view(2).node(id(2)).is_some_and(|node| node.conflict), "it is flagged");
    let frames = town.frames;
    town.wait(60_000);
    assert!(town.frames - frames < 600, "{} frames in a minute", town.frames - frames);
}

#[test]
fn nothing_of_a_new_epoch_is_sent_before_it_is_stored() {
    let mut town = Town::joined(2);
    town.agent(1, 1, "old");
    town.wait(500);
    town.restart(1, 0, Default::default());
    town.pair(1, 0);
    town.set_full(1, true);
    town.agent(1, 2, "new");
    town.wait(20_000);
    assert_eq!(town.agents(0), ["old"], "its epoch could not be stored");
    town.set_full(1, false);
    town.wait(31_000);
    assert_eq!(town.agents(0), ["new"], "and is stored again later");
    assert!(town.agree(&[0, 1]));
}

#[test]
fn a_person_s_word_that_could_not_be_stored_changes_nothing() {
    let mut town = Town::joined(3);
    town.set_full(0, true);
    let refusal = town.command(0, Command::Remove(id(2))).expect_err("the disk is full");
    assert_eq!(refusal.code.into_name(), "not-stored");
    town.wait(1_000);
    assert_eq!((town.members(0), town.members(1)), (vec![0, 1, 2], vec![0, 1, 2]));
}

#[test]
fn rights_change_everywhere_and_a_node_can_leave_by_itself() {
    let mut town = Town::joined(3);
    let command = Command::Admit { node: id(2), addresses: Vec::new(), rights: Rights::View };
    town.command(0, command).expect("admitted");
    town.wait(200);
    assert!((0..3).all(|n| town.view(n).node(id(2)).is_some_and(|node| node.rights == Rights::View)));
    town.remove(1, 1);
    town.wait(200);
    assert_eq!((town.members(0), town.members(2)), (vec![0, 2], vec![0, 2]));
    assert!(town.reaches(1).is_empty());
}

#[test]
fn a_member_that_may_only_look_changes_nothing_of_the_mesh_but_that_it_leaves() {
    let mut town = Town::joined(3);
    let admit = |node, rights| Command::Admit { node: id(node), addresses: Vec::new(), rights };
    town.command(0, admit(2, Rights::View)).expect("admitted");
    town.wait(1_000);
    for command in [admit(1, Rights::View), admit(9, Rights::View), Command::Remove(id(1))] {
        let refusal = town.command(2, command).expect_err("it may not");
        assert_eq!(refusal.code.into_name(), "forbidden");
    }
    town.command(2, admit(1, Rights::Operate)).expect("that changes nothing");
    town.wait(1_000);
    assert_eq!(town.reaches(2), [0, 1]);
    town.command(2, Command::Remove(id(2))).expect("it leaves");
    town.wait(1_000);
    assert_eq!(town.reaches(0), [1]);
}

#[test]
fn who_is_admitted_to_look_may_only_look_whatever_it_says_of_itself() {
    for (host, guest) in [(0, 1), (1, 0)] {
        let mut town = Town::new(2);
        let looks = Command::Admit { node: id(guest), addresses: Vec::new(), rights: Rights::View };
        town.command(host, looks).expect("admitted");
        town.admit(guest, host);
        town.wait(1_500);
        assert_eq!(town.reaches(host), [guest]);
        for n in [host, guest] {
            assert_eq!(town.view(n).node(id(guest)).map(|node| node.rights), Some(Rights::View), "at {n}");
            assert_eq!(town.view(n).node(id(host)).map(|node| node.rights), Some(Rights::Operate), "at {n}");
        }
    }
}

#[test]
fn a_change_of_network_ends_the_pauses_between_dials() {
    let mut town = Town::joined(2);
    town.cut(0, 1);
    town.wait(120_000);
    town.heal();
    town.tell(0, Input::Network(vec![Address("10.0.0.0:23000".into())]));
    let took = town.until(1_000, |town| town.reaches(0) == [1]);
    assert!(took.is_some_and(|ms| ms <= 20), "{took:?}");
}

#[test]
fn a_good_link_ends_the_pauses_between_dials() {
    let mut town = Town::joined(2);
    town.cut(0, 1);
    town.wait(120_000);
    town.heal();
    assert!(town.until(35_000, |town| town.reaches(0) == [1]).is_some());
    town.wait(5_000);
    town.cut(0, 1);
    town.heal();
    let took = town.until(10_000, |town| town.reaches(0) == [1]);
    assert!(took.is_some_and(|ms| ms <= 1_050), "{took:?}");
}

#[test]
fn in_a_full_mesh_a_fact_takes_one_message_to_each_other_node() {
    let mut town = Town::joined(6);
    town.wait(5_000);
    let before = town.of_facts;
    town.agent(0, 1, "news");
    town.wait(100);
    assert!((0..6).all(|n| town.agents(n) == ["news"]));
    assert_eq!(town.of_facts - before, 5);
}

#[test]
fn a_node_is_admitted_with_as_many_addresses_as_the_limit_says_and_none_that_is_no_address() {
    let mut town = Town::new(1);
    let mut told = |addresses: Vec<String>| {
        let addresses = addresses.into_iter().map(Address).collect();
        let command = Command::Admit { node: id(7), addresses, rights: Rights::Operate };
        town.command(0, command).map_err(|refusal| refusal.code.into_name()).err()
    };
    let longest = "x".repeat(limits::ADDRESS_BYTES);
    assert_eq!(told(vec![longest.clone(); limits::ADDRESSES]), None);
    assert_eq!(told(vec![longest; limits::ADDRESSES + 1]), Some("invalid".into()));
    assert_eq!(told(vec!["x".repeat(limits::ADDRESS_BYTES + 1)]), Some("invalid".into()));
    assert_eq!(told(vec![String::new()]), Some("invalid".into()));
}
