//! What a terminal shows is what the program printed; what is typed arrives once and in order. On real tmux and real sockets.

use consort_tests::{TestNode, TestViewer, wait_until};
use serde_json::json;

fn count_lines(lines: &[String], prefix: &str) -> Vec<u64> {
    lines.iter().filter_map(|line| line.strip_prefix(prefix)?.parse().ok()).collect()
}

/// The viewer's screen and scrollback equal tmux's own. One that was there while more was printed than tmux keeps has more before it.
fn assert_equals_tmux(node: &TestNode, viewer: &mut TestViewer, s: u32, session: &str) {
    let until = std::time::Instant::now() + consort_tests::PATIENCE;
    let (ours, theirs) = loop {
        viewer.read();
        let (mut ours, theirs) = (viewer.streams[&s].screen.lines(), node.capture(session));
        ours.drain(..ours.len().saturating_sub(theirs.len()));
        if ours == theirs || std::time::Instant::now() > until {
            break (ours, theirs);
        }
    };
    for (number, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(a, b, "line {number} of {} and {}", ours.len(), theirs.len());
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn a_viewer_that_comes_late_sees_history_and_screen_as_tmux_has_them() {
    let node = TestNode::start();
    let id =
        node.create_script("late", "seq 1 1500; printf '\\033[31mred\\033[0m 日本 e\\314\\201 🎉 end'; sleep 1000");
    wait_until("all is printed", || node.capture("late").last().is_some_and(|line| line.ends_with("end")));
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    assert_equals_tmux(&node, &mut viewer, 1, "late");
}

#[test]
fn reconnecting_at_any_moment_during_output_loses_nothing_and_repeats_nothing() {
    let node = TestNode::start();
    let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"line:$i\"; [ $((i % 40)) = 0 ] && sleep 0.02; done; sleep 1000";
    let id = node.create_script("busy", script);
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    for _ in 0..25 {
        viewer.read();
        viewer.reconnect();
    }
    wait_until("all is printed", || node.capture("busy").last().is_some_and(|line| line == "line:3000"));
    assert_equals_tmux(&node, &mut viewer, 1, "busy");
    let lines = viewer.streams[&1].screen.lines();
    let numbers = count_lines(&lines, "line:");
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
}

#[test]
fn input_typed_around_cuts_arrives_exactly_once_and_in_order() {
    let node = TestNode::start();
    let file = node.folder().join("typed");
    let id = node.create(&json!({ "name": "typist", "program": "sh", "args": ["-c", "stty raw -echo; echo ready; exec cat > \"$0\"", file.to_str()] }));
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    viewer.wait("the program is ready", |viewer| viewer.streams[&1].screen.lines().iter().any(|line| line == "ready"));
    let mut expected = Vec::new();
    for number in 0..300u32 {
        let text = format!("<{number}>");
        expected.extend_from_slice(text.as_bytes());
        viewer.type_bytes(1, text.as_bytes());
        if number % 20 == 7 {
            viewer.reconnect();
        }
    }
    viewer.wait("all is acknowledged", |viewer| viewer.streams[&1].all_acked());
    wait_until("all has arrived", || std::fs::read(&file).is_ok_and(|bytes| bytes.len() >= expected.len()));
    assert_eq!(String::from_utf8_lossy(&std::fs::read(&file).expect("a file")), String::from_utf8_lossy(&expected));
}

#[test]
fn every_byte_value_survives_both_ways() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let file = node.folder().join("bytes");
        let script = "stty raw -echo; echo ready; exec head -c 256 > \"$0\"";
        let id = node.create(
            &json!({ "name": "bytes", "backend": backend, "program": "sh", "args": ["-c", script, file.to_str()] }),
        );
        let mut viewer = node.viewer();
        viewer.attach(1, &id, None, "never");
        viewer.wait("the program is ready", |viewer| {
            viewer.streams[&1].screen.lines().iter().any(|line| line == "ready")
        });
        let all: Vec<u8> = (0..=255).collect();
        for byte in &all {
            viewer.type_bytes(1, &[*byte]);
        }
        wait_until("all has arrived", || std::fs::read(&file).is_ok_and(|bytes| bytes.len() >= 256));
        assert_eq!(std::fs::read(&file).expect("a file"), all, "{backend}");
    }
}

#[test]
fn of_every_byte_value_the_viewer_gets_what_the_screen_shows() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let file = node.folder().join("bytes");
        let all: Vec<u8> = (0..=255).collect();
        std::fs::write(&file, &all).expect("a file");
        let script = "stty raw -echo; echo ready; head -c 1 >/dev/null; cat \"$0\"; printf 'AT-THE-END'; sleep 1000";
        let id = node.create(
            &json!({ "name": "bytes", "backend": backend, "program": "sh", "args": ["-c", script, file.to_str()] }),
        );
        let mut viewer = node.viewer();
        viewer.attach(1, &id, None, "never");
        viewer.wait("the program is ready", |viewer| {
            viewer.streams[&1].screen.lines().iter().any(|line| line == "ready")
        });
        viewer.type_bytes(1, b"x");
        viewer.wait("the end", |viewer| viewer.streams[&1].data.windows(10).any(|part| part == b"AT-THE-END"));
        // ESC begins a sequence that '0' ends and no terminal knows; what is no UTF-8 is shown by nobody.
        let shown: Vec<u8> = (0x07..=0x0f).chain(b'1'..=b'~').collect();
        let data = &viewer.streams[&1].data;
        assert!(data.windows(shown.len()).any(|part| part == shown), "{backend}: {data:?}");
    }
}

#[test]
fn a_paste_of_one_megabyte_arrives_whole() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let file = node.folder().join("pasted");
        let script = "stty raw -echo; echo ready; exec head -c 1048576 > \"$0\"";
        let id = node.create(
            &json!({ "name": "paste", "backend": backend, "program": "sh", "args": ["-c", script, file.to_str()] }),
        );
        let mut viewer = node.viewer();
        viewer.attach(1, &id, None, "never");
        viewer.wait("the program is ready", |viewer| {
            viewer.streams[&1].screen.lines().iter().any(|line| line == "ready")
        });
        let text: Vec<u8> = (0u32..1 << 20).map(|i| b'!' + (i.wrapping_mul(2_654_435_761) >> 26) as u8).collect();
        viewer.type_bytes(1, &text);
        wait_until("all has arrived", || std::fs::metadata(&file).is_ok_and(|meta| meta.len() >= 1 << 20));
        assert!(std::fs::read(&file).expect("a file") == text, "{backend}");
    }
}

#[test]
fn a_text_is_bracketed_only_if_the_program_asked_for_that() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        for (name, ask, expected) in
            [("plain", "", "one\rtwo\r"), ("asked", "printf '\\033[?2004h';", "\x1b[200~one\rtwo\x1b[201~\r")]
        {
            let file = node.folder().join(format!("{name}-{backend}"));
            let script = format!("stty raw -echo; {ask} echo ready; exec cat > \"$0\"");
            let id = node.create(&json!({ "name": format!("{name}-{backend}"), "backend": backend, "program": "sh", "args": ["-c", script, file.to_str()] }));
            let text = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
            wait_until("the program is ready", || text().contains("ready"));
            let (status, answer) = node.http(
                "POST",
                &format!("/api/agents/{id}/input"),
                Some(&json!({ "text": "one\ntwo", "submit": true })),
            );
            assert_eq!((status, answer["submitted"].clone()), (200, json!(true)), "{answer}");
            wait_until("the text has arrived", || std::fs::read_to_string(&file).is_ok_and(|got| got == expected));
        }
    }
}

#[test]
fn only_the_holders_size_counts_and_the_other_sees_all_of_it() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let script = "trap 'stty size' WINCH; echo start; while :; do sleep 0.05; done";
        let id = node.create(&json!({ "name": "sized", "backend": backend, "program": "sh", "args": ["-c", script], "cols": 80, "rows": 24 }));
        let mut desktop = node.viewer();
        desktop.attach(1, &id, Some((120, 40)), "if-free");
        desktop.wait("the size is taken", |viewer| viewer.streams[&1].size == (120, 40));
        assert_eq!(desktop.streams[&1].holder, "you");
        let mut phone = node.viewer();
        phone.attach(1, &id, Some((40, 20)), "if-free");
        assert_eq!((phone.streams[&1].holder.as_str(), phone.streams[&1].size), ("other", (120, 40)), "{backend}");
        phone.wait("it sees all of it", |viewer| viewer.streams[&1].screen.size() == (120, 40));
        phone.say(&json!({ "t": "size", "s": 1, "take": "never", "cols": 41, "rows": 21 }));
        phone.say(&json!({ "t": "size", "s": 1, "take": "always", "cols": 42, "rows": 22 }));
        phone.wait("the phone has taken it", |viewer| viewer.streams[&1].size == (42, 22));
        desktop.wait("the desktop sees that", |viewer| {
            viewer.streams[&1].screen.size() == (42, 22) && viewer.streams[&1].holder == "other"
        });
        desktop.wait("the program was told once", |viewer| {
            viewer.streams[&1].screen.lines().iter().any(|line| line == "22 42")
        });
        assert!(
            !desktop.streams[&1].screen.lines().iter().any(|line| line == "21 41"),
            "a viewer that does not hold it changes nothing"
        );
        drop(phone);
        desktop.wait("the lease is free again", |viewer| viewer.streams[&1].holder == "none");
    }
}

#[test]
fn a_viewer_that_stops_reading_hurts_nobody_and_has_the_present_screen_when_it_reads_again() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let script = "i=0; while :; do i=$((i+1)); seq -f 'line %.0f of a log' 1 150; echo \"turn:$i\"; done";
        let flood =
            node.create(&json!({ "name": "flood", "backend": backend, "program": "sh", "args": ["-c", script] }));
        let quiet = node.create(&json!({ "name": "quiet", "backend": backend, "program": "cat" }));
        let turn = |node: &TestNode| {
            let text =
                node.get(&format!("/api/agents/{flood}/screen?history=200"))["text"].as_str().unwrap_or("").to_string();
            let lines: Vec<String> = text.lines().map(str::to_string).collect();
            count_lines(&lines, "turn:").last().copied().unwrap_or(0)
        };
        wait_until("it prints", || turn(&node) > 0);
        let mut stalled = node.viewer();
        stalled.attach(1, &flood, None, "never");
        let mut other = node.viewer();
        other.attach(1, &quiet, None, "never");
        // Its history is full from here on: what grows now grows because of the viewer.
        wait_until("it prints on", || turn(&node) > 150);
        let memory = node.memory_bytes();
        let before = turn(&node);
        // The stalled one reads nothing from here on.
        for number in 0..40 {
            let text = format!("echo-{number}\r");
            other.type_bytes(1, text.as_bytes());
            let text = text.trim_end().to_string();
            other.wait("the other viewer's echo", |viewer| viewer.streams[&1].screen.lines().contains(&text));
        }
        wait_until("the agent goes on", || turn(&node) > before + 200);
        let grown = node.memory_bytes().saturating_sub(memory);
        assert!(grown <= 4 << 20, "{backend}: grew by {} KiB", grown >> 10);
        let now = turn(&node);
        stalled.wait("the present screen", |viewer| {
            count_lines(&viewer.streams[&1].screen.lines(), "turn:").last().is_some_and(|seen| *seen >= now)
        });
    }
}

#[test]
fn after_a_flood_the_scrollback_is_complete() {
    let node = TestNode::start();
    let id = node.create_script("flood", "head -c 8 /dev/zero >/dev/null; seq 1 400000; echo the-end; sleep 1000");
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    wait_until("the end", || node.capture("flood").last().is_some_and(|line| line == "the-end"));
    assert_equals_tmux(&node, &mut viewer, 1, "flood");
}

#[test]
fn a_full_screen_program_and_its_scrollback_are_both_there() {
    let node = TestNode::start();
    let script = "seq 1 200; printf '\\033[?1049h\\033[2J\\033[5;7Hfull screen'; sleep 1000";
    let id = node.create_script("full", script);
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    viewer.wait("the full screen", |viewer| {
        viewer.streams[&1].screen.lines().iter().any(|line| line.contains("full screen"))
    });
    let row = viewer.streams[&1].screen.lines().iter().position(|line| line == "      full screen");
    assert!(row.is_some(), "{:?}", viewer.streams[&1].screen.lines());
}

#[test]
fn a_terminal_that_ends_says_so_once_and_for_all() {
    let node = TestNode::start();
    let id = node.create(&json!({ "name": "brief" }));
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    viewer.type_bytes(1, b"exit\r");
    viewer.wait("its end", |viewer| viewer.streams[&1].ended.is_some());
    assert_eq!(viewer.streams[&1].ended.as_deref(), Some("exited"));
    viewer.open(2, "0000000000000", None, "never");
    viewer.wait("the refusal", |viewer| viewer.streams[&2].ended.as_deref() == Some("unknown"));
}
