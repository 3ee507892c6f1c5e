//! Machines that find each other: real nodes, real links, on the loopback interface of one machine.

use consort_tests::{TestNode, wait_for, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// What is shown at once, with room for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

fn pair() -> (TestNode, TestNode) {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    laptop.join(&desk);
    (desk, laptop)
}

#[test]
fn two_commands_pair_two_machines_and_each_shows_the_other_and_its_agents() {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let (code, invited, _) = desk.cli(&["invite"]);
    assert_eq!(code, 0);
    let words: Vec<&str> = invited.split_whitespace().collect();
    assert_eq!(words[..2], ["consort", "join"], "one line to run elsewhere: {invited}");
    let begun = Instant::now();
    let (code, joined, errors) = laptop.cli(&words[1..]);
    assert_eq!(code, 0, "{errors}");
    assert!(joined.starts_with("Joined desk ("), "{joined}");
    wait_until("both lists", || desk.reaches("laptop") && laptop.reaches("desk"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let id = laptop.create_script("far-agent", "exec cat");
    let begun = Instant::now();
    let seen = desk.agent_named("far-agent");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(seen["id"].as_str().unwrap().starts_with(&format!("{id}@")), "{seen}");
    let (_, listed, _) = desk.cli(&["ls"]);
    assert!(listed.contains("far-agent"), "{listed}");
    let (_, peers, _) = desk.cli(&["peers"]);
    assert!(peers.lines().any(|line| line.starts_with("laptop\t") && line.contains("\treachable\t")), "{peers}");
    let latency = wait_for("a measured latency", || desk.peers()["laptop"]["latency_ms"].as_f64());
    assert!(latency < 1_000.0);
}

#[test]
fn a_new_machine_has_its_version_at_once_and_its_invite_is_used() {
    for _ in 0..3 {
        let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
        let invite = desk.http("POST", "/api/invite", Some(&json!({}))).1;
        assert_eq!(laptop.cli(&["join", invite["code"].as_str().unwrap()]).0, 0);
        wait_until("both lists", || desk.reaches("laptop") && laptop.reaches("desk"));
        let version = |node: &TestNode, name: &str| node.peers()[name]["version"].clone();
        let own = json!(env!("CARGO_PKG_VERSION"));
        assert_eq!((version(&desk, "laptop"), version(&laptop, "desk")), (own.clone(), own));
        let peers = desk.get("/api/peers");
        let used = json!([{"number": invite["number"], "node": desk.peers()["laptop"]["id"]}]);
        assert_eq!((&peers["used"], &peers["invites"]), (&used, &json!(0)));
    }
}

#[test]
fn a_code_works_once_and_a_typing_error_is_noticed_before_anything_is_dialled() {
    let (desk, laptop, other) = (TestNode::named("desk"), TestNode::named("laptop"), TestNode::named("other"));
    let code = desk.invite();
    assert_eq!(laptop.cli(&["join", &code]).0, 0);
    let (exit, _, error) = other.cli(&["join", &code]);
    assert_eq!(exit, 1);
    assert!(error.contains("used already, by another machine"), "{error}");
    wait_until("the first one's name is known", || desk.peers().contains_key("laptop"));
    assert_eq!(desk.peers().len(), 1);
    assert_eq!(laptop.cli(&["join", &code]).0, 0, "the one that has used it may come again");
    let mut mistyped = code.into_bytes();
    mistyped[2] = if mistyped[2] == b'a' { b'b' } else { b'a' };
    let (exit, _, error) = other.cli(&["join", std::str::from_utf8(&mistyped).unwrap()]);
    assert!(exit == 1 && error.contains("typing error"), "{error}");
}

#[test]
fn whoever_joins_one_machine_joins_them_all() {
    let (desk, laptop) = pair();
    let server = TestNode::named("server");
    server.join(&laptop);
    let all = [(&desk, ["laptop", "server"]), (&laptop, ["desk", "server"]), (&server, ["desk", "laptop"])];
    wait_until("three lists of three machines", || {
        all.iter().all(|(node, others)| others.iter().all(|name| node.reaches(name)))
    });
}

#[test]
fn a_killed_machine_is_shown_unreachable_with_its_agents_and_comes_back_by_itself() {
    let (desk, mut laptop) = pair();
    laptop.create_script("far-agent", "exec cat");
    desk.agent_named("far-agent");
    laptop.kill();
    let begun = Instant::now();
    wait_until("it is shown unreachable", || !desk.reaches("laptop"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(desk.agent_named("far-agent")["name"], "far-agent", "its agents stay in the list");
    laptop.run_named("laptop", &[]);
    wait_until("it is back", || desk.reaches("laptop") && laptop.reaches("desk"));
}

#[test]
fn a_removed_machine_is_cut_off_at_once_and_stays_removed() {
    let (desk, mut laptop) = pair();
    let (exit, _, error) = desk.cli(&["remove", "laptop"]);
    assert!(exit == 2 && error.contains("--yes"), "a script has to mean it: {error}");
    let begun = Instant::now();
    assert_eq!(desk.cli(&["remove", "laptop", "--yes"]).0, 0);
    wait_until("the link is cut", || !laptop.reaches("desk"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(desk.peers().is_empty());
    laptop.kill();
    laptop.run_named("laptop", &[]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(desk.peers().is_empty() && !laptop.reaches("desk"), "removed stays removed");
    laptop.join(&desk);
}

#[test]
fn without_a_code_a_person_on_the_other_side_decides() {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let (exit, said, error) = laptop.cli(&["join", &format!("127.0.0.1:{}", desk.port())]);
    assert_eq!(exit, 0, "{error}");
    let advice = said.lines().find(|line| line.trim().starts_with("consort admit ")).expect("what to do there");
    let (_, peers, _) = desk.cli(&["peers"]);
    assert!(peers.contains("laptop\t") && peers.contains("\tasks\t"), "{peers}");
    assert!(desk.peers().is_empty(), "asking makes nobody a member");
    let words: Vec<&str> = advice.split_whitespace().skip(1).collect();
    assert_eq!(desk.cli(&words).0, 0);
    wait_until("both lists", || desk.reaches("laptop") && laptop.reaches("desk"));
    assert_eq!(desk.get("/api/peers")["requests"], json!([]));
    assert_eq!(desk.peers()["laptop"]["version"], json!(env!("CARGO_PKG_VERSION")), "it says who it is at once");
    wait_until("nobody asks any more", || laptop.get("/api/peers")["asking"] == json!([]));
    let (exit, _, error) = desk.cli(&["admit", "nobody"]);
    assert!(exit == 1 && error.contains("There is no machine nobody"), "{error}");
}

#[test]
fn on_a_trusted_network_an_address_is_enough_but_not_for_who_was_removed() {
    let (mut desk, laptop) = (TestNode::prepared(), TestNode::named("laptop"));
    desk.run_named("desk", &["--trust-network", "127.0.0.0/8"]);
    let address = format!("127.0.0.1:{}", desk.port());
    let (exit, said, error) = laptop.cli(&["join", &address]);
    assert!(exit == 0 && said.starts_with("Joined desk"), "{said}{error}");
    wait_until("both lists", || desk.reaches("laptop") && laptop.reaches("desk"));
    assert_eq!(desk.cli(&["remove", "laptop", "--yes"]).0, 0);
    wait_until("the link is cut", || !laptop.reaches("desk"));
    let (_, said, _) = laptop.cli(&["join", &address]);
    assert!(said.contains("was asked"), "{said}");
    assert!(desk.peers().is_empty());
}

#[test]
fn a_machine_that_leaves_is_gone_from_all_lists() {
    let (desk, laptop) = pair();
    assert_eq!(laptop.cli(&["leave", "--yes"]).0, 0);
    wait_until("it is gone", || desk.peers().is_empty());
    assert!(!laptop.reaches("desk"));
}

#[test]
fn a_machine_that_has_left_shows_its_own_agents_only_and_may_join_others() {
    let (desk, mut laptop) = pair();
    desk.create_script("far", "sleep 600");
    laptop.create_script("near", "sleep 600");
    wait_until("the agents of both", || laptop.cli(&["ls"]).1.contains("far"));
    assert_eq!(laptop.cli(&["leave", "--yes"]).0, 0);
    let own = |laptop: &TestNode| {
        let (_, agents, _) = laptop.cli(&["ls"]);
        agents.contains("near") && !agents.contains("far") && laptop.peers().is_empty()
    };
    assert!(own(&laptop));
    assert!(laptop.cli(&["leave", "--yes"]).2.contains("belongs to no mesh"));
    laptop.kill();
    laptop.run_named("laptop", &[]);
    assert!(own(&laptop), "also after a restart");
    let shed = TestNode::named("shed");
    laptop.join(&shed);
    assert!(laptop.peers().len() == 1 && shed.peers().len() == 1, "nobody of the former mesh comes along");
}

#[test]
fn a_machine_that_was_removed_forgets_the_others_with_leave() {
    let (desk, laptop) = pair();
    desk.create_script("far", "sleep 600");
    wait_until("the far agent", || laptop.cli(&["ls"]).1.contains("far"));
    assert_eq!(desk.cli(&["remove", "laptop", "--yes"]).0, 0);
    wait_until("it knows", || laptop.cli(&["peers"]).1.contains("\tremoved\t"));
    let (_, report, _) = laptop.cli(&["doctor"]);
    assert!(report.contains("forget the others with: consort leave") && !report.contains("desk"), "{report}");
    let (exit, _, error) = laptop.cli(&["leave", "--yes"]);
    assert_eq!(exit, 0, "{error}");
    assert!(!laptop.cli(&["ls"]).1.contains("far") && laptop.peers().is_empty());
    laptop.join(&desk);
}

#[test]
fn a_code_of_a_machine_that_is_not_there_gives_one_for_the_other_way() {
    let (mut desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let code = desk.invite();
    desk.kill();
    let (exit, _, error) = laptop.cli(&["join", &code]);
    assert_eq!(exit, 1);
    let other = error.lines().find(|line| line.trim().starts_with("consort join ")).expect("another way");
    desk.run_named("desk", &[]);
    let words: Vec<&str> = other.split_whitespace().skip(1).collect();
    let (exit, _, error) = desk.cli(&words);
    assert_eq!(exit, 0, "{error}");
    wait_until("both lists", || desk.reaches("laptop") && laptop.reaches("desk"));
}

#[test]
fn a_host_that_is_not_reached_opens_nothing_and_makes_no_code() {
    let laptop = TestNode::named("laptop");
    let (exit, _, error) = laptop.cli(&["join", "127.0.0.1:1"]);
    assert!(exit == 1 && error.contains("was not reached") && !error.contains("  consort join"), "{error}");
    let peers = laptop.get("/api/peers");
    assert_eq!((&peers["invites"], &peers["listening"]), (&json!(0), &json!([])));
}

#[test]
fn a_terminal_of_another_machine_shows_what_tmux_has_there() {
    let (desk, laptop) = pair();
    laptop.create_script("far", "seq 1 20000; printf '\\033[31mred\\033[0m 日本 🎉 end'; sleep 1000");
    let id = desk.agent_named("far")["id"].as_str().unwrap().to_string();
    let mut viewer = desk.viewer();
    viewer.open(1, &id, None, "never");
    wait_until("all is printed", || laptop.capture("far").last().is_some_and(|line| line.ends_with("end")));
    wait_until("it is shown", || {
        viewer.read();
        let (mut ours, theirs) = (viewer.streams[&1].screen.lines(), laptop.capture("far"));
        ours.drain(..ours.len().saturating_sub(theirs.len()));
        ours == theirs
    });
}

#[test]
fn what_is_typed_at_one_machine_arrives_at_another_once_and_in_order() {
    let (desk, laptop) = pair();
    let file = laptop.folder().join("typed");
    let script = "stty raw -echo; echo ready; exec cat > \"$0\"";
    let far = json!({ "name": "far", "program": "sh", "args": ["-c", script, file.to_str()] });
    laptop.create(&far);
    let id = desk.agent_named("far")["id"].as_str().unwrap().to_string();
    let mut viewer = desk.viewer();
    viewer.open(1, &id, Some((100, 30)), "always");
    viewer.wait("it is ready", |viewer| viewer.streams[&1].screen.lines().iter().any(|line| line.contains("ready")));
    let mut expected = Vec::new();
    for number in 0..500 {
        let text = format!("{number};");
        viewer.type_bytes(1, text.as_bytes());
        expected.extend(text.into_bytes());
        if number % 100 == 50 {
            viewer.reconnect();
        }
    }
    viewer.wait("all is acknowledged", |viewer| viewer.streams[&1].all_acked());
    wait_until("all is in the file", || std::fs::read(&file).is_ok_and(|typed| typed.len() >= expected.len()));
    assert!(std::fs::read(&file).unwrap() == expected, "each key once, in order");
}

#[test]
fn commands_work_on_the_agents_of_every_machine() {
    let (desk, laptop) = pair();
    laptop.create_script("far", "exec cat");
    desk.agent_named("far");
    assert_eq!(desk.cli(&["send", "far", "hello from the desk"]).0, 0);
    wait_until("it is on its screen", || desk.cli(&["screen", "far"]).1.contains("hello from the desk"));
    // A paste that tries to end its brackets and run something, by each door.
    let hostile = "first\x1b[201~\x03; touch /nowhere\r\nsecond";
    let id = desk.agent_named("far")["id"].as_str().expect("an id").to_string();
    let (status, body) = desk.http("POST", &format!("/api/agents/{id}/input"), Some(&json!({ "text": hostile })));
    assert_eq!(status, 200, "{body}");
    assert_eq!(desk.cli(&["send", "far", hostile]).0, 0);
    wait_until("what both have pasted", || {
        let (_, screen, _) = laptop.cli(&["screen", "far"]);
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        lines.contains(&"secondfirst[201~; touch /nowhere") && lines.ends_with(&["second"])
    });
    assert_eq!(desk.cli(&["send", "far", "--queue", "from the queue there"]).0, 0);
    wait_until("it is typed there", || laptop.cli(&["screen", "far"]).1.contains("from the queue there"));
    assert_eq!(desk.cli(&["rename", "far", "farther"]).0, 0);
    laptop.agent_named("farther");
    assert_eq!(desk.cli(&["stop", "farther"]).0, 0);
    assert_eq!(laptop.agent_named("farther")["running"], false);
    assert_eq!(desk.cli(&["rm", "farther", "--yes"]).0, 0);
    wait_until("it is gone", || laptop.agents().is_empty() && desk.agents().is_empty());
}

#[test]
fn every_verb_takes_the_machine_with_an_at_sign_or_as_a_flag() {
    let (desk, laptop) = pair();
    desk.create_script("twin", "exec cat");
    let (code, id, error) = desk.cli(&["new", "twin@laptop", "--yes", "--", "cat"]);
    assert_eq!(code, 0, "{error}");
    let here = laptop.id();
    let own = || laptop.agents().into_iter().filter(|agent| agent["node"] == here.as_str()).collect::<Vec<_>>();
    let twin = &own()[0];
    assert_eq!(id.trim(), format!("{}@{here}", twin["id"].as_str().unwrap()));
    assert_eq!(twin["directory"], laptop.folder().to_str().unwrap(), "the home there");
    let (code, _, error) = desk.cli(&["send", "twin", "which?"]);
    assert_eq!(code, 1);
    assert!(error.contains("Say on which machine:") && error.contains("  twin@desk  "), "{error}");
    assert_eq!(desk.cli(&["send", "twin@laptop", "over there"]).0, 0);
    assert_eq!(desk.cli(&["send", "twin", "over here", "--node", "desk"]).0, 0);
    let shows = |agent: &str, text: &str| desk.cli(&["screen", agent]).1.contains(text);
    wait_until("each has its own", || shows("twin@laptop", "over there") && shows("twin@desk", "over here"));
    assert!(!shows("twin@laptop", "over here"));
    assert_eq!(desk.cli(&["notes", "twin@laptop", "of the laptop"]).0, 0);
    assert_eq!(desk.cli(&["notes", "twin", "--node", "laptop"]).1, "of the laptop\n");
    assert_eq!(desk.cli(&["restart", "twin@laptop"]).0, 0);
    assert_eq!(desk.cli(&["stop", "twin@laptop"]).0, 0);
    assert_eq!(desk.cli(&["start", "--node", "laptop", "twin"]).0, 0);
    assert_eq!(desk.cli(&["rename", "twin@laptop", "other"]).0, 0);
    assert_eq!(desk.cli(&["rm", "other@laptop", "--yes"]).0, 0);
    assert!(own().is_empty());
    assert_eq!(desk.agent_named("twin")["running"], true, "the one here was never touched");
    let (code, _, error) = desk.cli(&["new", "x@laptop", "--dir", "src"]);
    assert!(code == 2 && error.contains("relative to a directory of this machine"), "{error}");
    let (code, _, error) = desk.cli(&["new", "x", "--node", "nowhere"]);
    assert!(code == 1 && error.contains("There is no machine nowhere."), "{error}");
}

#[test]
fn the_piped_list_says_of_each_agent_on_which_machine_it_is_and_whether_that_is_there() {
    let (desk, mut laptop) = pair();
    desk.create_script("near", "exec cat");
    laptop.create_script("far", "exec cat");
    desk.agent_named("far");
    let columns = |args: &[&str]| {
        let rows = desk.cli(args).1;
        let row = |line: &str| line.split('\t').map(str::to_string).collect::<Vec<_>>();
        rows.lines().map(row).map(|row| [row[0].clone(), row[6].clone(), row[7].clone()]).collect::<Vec<_>>()
    };
    let far = |state: &str| ["far", "laptop", state].map(str::to_string);
    let near = ["near", "desk", "here"].map(str::to_string);
    wait_until("it is reachable", || columns(&["ls"]) == [far("reachable"), near.clone()]);
    laptop.kill();
    wait_until("it is not", || columns(&["ls"]) == [far("unreachable"), near.clone()]);
    assert_eq!(columns(&["ls", "--node", "laptop"]), [far("unreachable")]);
    let agents: Value = serde_json::from_str(&desk.cli(&["ls", "--json"]).1).expect("JSON");
    let of = |name: &str| agents.as_array().unwrap().iter().find(|agent| agent["name"] == name).unwrap().clone();
    assert_eq!((&of("far")["machine"], &of("far")["reachable"]), (&json!("laptop"), &json!(false)));
    assert!(of("far")["since_ms"].is_u64() && of("far")["node"].is_string());
    assert_eq!((&of("near")["machine"], &of("near")["reachable"]), (&json!("desk"), &json!(true)));
    let (code, _, error) = desk.cli(&["stop", "far@laptop"]);
    assert!(code == 1 && error.contains("laptop: it cannot be reached."), "{error}");
}

#[test]
fn a_machine_that_may_only_look_cannot_touch_anything() {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let (_, invited, _) = desk.cli(&["invite", "--rights", "view"]);
    assert_eq!(laptop.cli(&invited.split_whitespace().skip(1).collect::<Vec<_>>()).0, 0);
    desk.create_script("precious", "echo seen; exec cat");
    laptop.agent_named("precious");
    wait_until("it is seen", || laptop.cli(&["screen", "precious"]).1.contains("seen"));
    let (exit, _, error) = laptop.cli(&["send", "precious", "rm -rf"]);
    assert_eq!(exit, 1, "{error}");
    assert!(!desk.cli(&["screen", "precious"]).1.contains("rm -rf"));
    assert_eq!(laptop.cli(&["rm", "precious", "--yes"]).0, 1);
    assert_eq!(desk.agents().len(), 1);
}

#[test]
fn an_agent_is_created_on_another_machine_in_a_directory_that_is_listed_there() {
    let (desk, laptop) = pair();
    std::fs::create_dir_all(laptop.folder().join("src/zoom")).unwrap();
    let there = desk.peers()["laptop"]["id"].as_str().unwrap().to_string();
    let listing = desk.get(&format!("/api/directories?path=~%2Fsrc&node={there}"));
    assert_eq!(listing["entries"][0]["name"], "zoom", "{listing}");
    assert_eq!(listing["home"], laptop.folder().to_str().unwrap(), "the other one's home");
    let directory = listing["entries"][0]["path"].clone();
    let id = desk.create(&json!({ "name": "far-made", "node": there, "directory": directory, "program": "cat" }));
    assert!(id.ends_with(&format!("@{there}")), "{id}");
    assert_eq!(laptop.agent_named("far-made")["directory"], directory);
    assert_eq!(laptop.tmux(&["display", "-p", "-t", "far-made", "#{pane_current_path}"]).trim(), directory);
    let stranger = format!("{}a", "a".repeat(51));
    let (status, refused) = desk.http("POST", "/api/agents", Some(&json!({ "name": "x", "node": stranger })));
    assert_eq!((status, refused["error"]["code"].as_str()), (404, Some("not-found")), "{refused}");
}

#[test]
fn what_cannot_be_asked_of_a_machine_that_is_away_is_refused_at_once_by_its_name() {
    let (desk, mut laptop) = pair();
    let there = desk.peers()["laptop"]["id"].as_str().unwrap().to_string();
    laptop.kill();
    wait_until("it is shown unreachable", || !desk.reaches("laptop"));
    let (status, refused) = desk.http("POST", "/api/agents", Some(&json!({ "name": "x", "node": there })));
    assert_eq!((status, &refused["error"]["message"]), (504, &"laptop: it cannot be reached.".into()));
    assert_eq!(desk.http("GET", &format!("/api/directories?node={there}"), None).0, 504);
}

#[test]
fn what_another_machine_does_is_in_the_log_of_the_machine_where_it_happens() {
    let (desk, laptop) = pair();
    let id = desk.id();
    let there = desk.peers()["laptop"]["id"].as_str().unwrap().to_string();
    let agent = desk.create(&json!({ "name": "far", "node": there, "program": "cat" }));
    let mut viewer = desk.viewer();
    viewer.attach(1, &agent, None, "never");
    viewer.type_bytes(1, b"hello");
    viewer.wait("it is written", |viewer| viewer.streams[&1].all_acked());
    assert_eq!(desk.cli(&["stop", "far"]).0, 0);
    assert_eq!(desk.http("POST", &format!("/api/agents/{agent}/stop"), None).0, 409);
    let by_desk = |event: &str, what: &str| {
        laptop.audit_log().into_iter().find(|entry| {
            entry["event"] == event
                && entry["by"] == id.as_str()
                && entry["what"].as_str().unwrap_or("").starts_with(what)
        })
    };
    for (event, what) in [("agent", "create"), ("attach", ""), ("typed", ""), ("agent", "stop"), ("refused", "stop ")] {
        let entry = wait_for("an entry", || by_desk(event, what));
        assert_eq!(entry["via"], "direct", "{entry}");
        assert_eq!(entry["who"], format!("node {}", &id[..7]), "{entry}");
    }
}

#[test]
fn what_is_refused_to_a_machine_that_may_only_look_is_in_the_log_too() {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let (_, invited, _) = desk.cli(&["invite", "--rights", "view"]);
    assert_eq!(laptop.cli(&invited.split_whitespace().skip(1).collect::<Vec<_>>()).0, 0);
    desk.create_script("precious", "exec cat");
    let agent = laptop.agent_named("precious")["id"].as_str().unwrap().to_string();
    let node = desk.id();
    assert_eq!(laptop.http("GET", &format!("/api/directories?node={node}"), None).0, 403);
    assert_eq!(laptop.http("POST", "/api/agents", Some(&json!({ "name": "x", "node": node }))).0, 403);
    let mut viewer = laptop.viewer();
    viewer.attach(1, &agent, None, "never");
    viewer.type_bytes(1, b"rm -rf");
    for what in ["list directory", "create x", "type "] {
        let entry = wait_for(what, || {
            let refused = desk.audit_log().into_iter().filter(|entry| entry["event"] == "refused");
            refused.into_iter().find(|entry| entry["what"].as_str().unwrap_or("").starts_with(what))
        });
        assert_eq!(entry["by"], laptop.id(), "{entry}");
    }
}

#[test]
fn everything_about_membership_is_in_the_audit_logs() {
    let (desk, laptop) = pair();
    let whats = |node: &TestNode, whats: &[&str]| {
        let log = node.audit_log();
        whats.iter().all(|what| log.iter().any(|entry| entry["what"] == *what))
    };
    wait_until("the inviting side's entries", || whats(&desk, &["invite", "paired", "admit to operate"]));
    wait_until("the joining side's entries", || whats(&laptop, &["joined", "admit to operate"]));
}

#[test]
fn two_machines_are_checked_both_ways_with_their_clocks() {
    let (desk, laptop) = pair();
    let id = desk.peers()["laptop"]["id"].as_str().expect("an id").to_string();
    let (status, checked) = desk.http("POST", &format!("/api/peers/{id}/check"), None);
    assert_eq!(status, 200, "{checked}");
    let dialled =
        |ways: &serde_json::Value| ways.as_array().is_some_and(|ways| ways.iter().any(|way| way["failure"].is_null()));
    assert!(dialled(&checked["there"]) && dialled(&checked["back"]), "{checked}");
    let ahead = checked["clock_ms"].as_i64().expect("it was asked");
    assert!(ahead.abs() < 10_000, "of one machine: {checked}");
    let (_, report, _) = desk.cli(&["doctor"]);
    assert!(report.contains("laptop") && !report.contains("clock"), "{report}");
    assert!(laptop.peers().contains_key("desk"));
}

/// What `consort events` prints.
struct Listening {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listening {
    fn to(node: &TestNode, more: &[&str]) -> Self {
        let mut command = node.client();
        command.args(["events", "--json"]).args(more).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Listening { child, lines }
    }

    /// The next event of this type that is about an agent.
    fn next(&mut self, kind: &str, name: &str) -> Value {
        self.lines
            .by_ref()
            .map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"))
            .find(|event| event["type"] == kind && event["name"] == name)
            .expect("more events")
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn events_of_all_machines_are_told_as_they_happen_and_none_is_missed_in_between() {
    let (desk, laptop) = pair();
    let first = laptop.create_script("first", "sleep 1000");
    wait_until("it is known", || desk.cli(&["ls"]).1.contains("first"));
    let mut listening = Listening::to(&desk, &["--since", "none"]);
    let added = listening.next("agent-added", "first");
    assert_eq!(added["machine"], "laptop");
    drop(listening);
    assert_eq!(laptop.http("POST", &format!("/api/agents/{first}/stop"), None).0, 200);
    laptop.create_script("second", "sleep 1000");
    let mut listening = Listening::to(&desk, &["--since", added["id"].as_str().expect("an id")]);
    assert_eq!(listening.next("agent-state", "first")["state"]["kind"], "exited");
    assert_eq!(listening.next("agent-added", "second")["agent"], desk.agent_named("second")["id"]);
    laptop.create_script("third", "sleep 1000");
    assert_eq!(listening.next("agent-added", "third")["machine"], "laptop", "while it listens");
}
