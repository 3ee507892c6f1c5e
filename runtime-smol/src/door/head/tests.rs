//! What is read as a request, and that everything else is refused.

use super::*;
use proptest::prelude::*;

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect::<String>() + "\r\n"
}

fn read(lines: &[&str]) -> Result<(String, u64, bool, bool), Fault> {
    let text = text(lines);
    let request = parse(text.as_bytes(), Via::Tcp)?;
    Ok((request.head.target.to_owned(), request.body_bytes, request.keep_alive, request.upgrade.is_some()))
}

#[test]
fn an_ordinary_request_is_read() {
    let whole = text(&["POST /a?b=c HTTP/1.1", "host: x", "Content-Length: 12", "Cookie: d=e", "Expect: 100-Continue"]);
    let request = parse(whole.as_bytes(), Via::ControlSocket).unwrap();
    assert_eq!((request.head.method, request.head.path(), request.head.query()), ("POST", "/a", "b=c"));
    assert_eq!((request.head.headers.host, request.head.headers.cookie), (Some("x"), Some("d=e")));
    assert_eq!((request.body_bytes, request.expects_continue, request.keep_alive), (12, true, true));
    assert_eq!(request.head.via, Via::ControlSocket);
}

#[test]
fn the_body_has_one_length_or_the_request_is_refused() {
    let with = |headers: &[&str]| {
        let lines: Vec<_> = ["POST / HTTP/1.1", "Host: x"].iter().chain(headers).copied().collect();
        read(&lines).map(|found| found.1)
    };
    assert_eq!(with(&[]), Ok(0));
    assert_eq!(with(&["Content-Length: 007"]), Ok(7));
    for bad in ["", "+1", "-1", "1,1", "0x1", "1 1", "18446744073709551616", "\u{661}"] {
        assert_eq!(with(&[&format!("Content-Length: {bad}")]), Err(Fault::Length), "{bad}");
    }
    assert_eq!(with(&["Content-Length: 1", "content-length: 1"]), Err(Fault::Length));
    assert_eq!(with(&["Content-Length: 1", "Transfer-Encoding: chunked"]), Err(Fault::Length));
    assert_eq!(with(&["Transfer-Encoding: chunked"]), Err(Fault::LengthRequired));
    assert_eq!(with(&["Transfer-Encoding: gzip, chunked"]), Err(Fault::Coding));
    assert_eq!(with(&["Transfer-Encoding: "]), Err(Fault::Coding));
}

#[test]
fn only_websocket_upgrades_of_get_count() {
    let upgrade = |line: &str, connection: &str, to: &str| {
        let (connection, to) = (format!("Connection: {connection}"), format!("Upgrade: {to}"));
        read(&[line, "Host: x", &connection, &to]).unwrap().3
    };
    assert!(upgrade("GET /ws HTTP/1.1", "keep-alive, Upgrade", "WebSocket"));
    assert!(!upgrade("GET /ws HTTP/1.1", "keep-alive", "websocket"));
    assert!(!upgrade("GET /ws HTTP/1.1", "upgrade", "h2c"));
    assert!(!upgrade("POST /ws HTTP/1.1", "upgrade", "websocket"));
    assert!(!upgrade("GET /ws HTTP/1.0", "upgrade", "websocket"));
}

#[test]
fn the_end_of_a_head_is_found_wherever_the_pieces_are_cut() {
    let whole = text(&["GET / HTTP/1.1", "Host: x"]) + "the next request";
    let length = whole.len() - "the next request".len();
    for cut in 0..=whole.len() {
        let mut scanner = Scanner::default();
        let first = scanner.scan(&whole.as_bytes()[..cut]).unwrap();
        assert_eq!(first, (cut >= length).then_some(length));
        if first.is_none() {
            assert_eq!(scanner.scan(whole.as_bytes()), Ok(Some(length)));
        }
    }
}

#[test]
fn a_head_without_end_is_refused_at_its_limit() {
    let mut scanner = Scanner::default();
    assert_eq!(scanner.scan(&[b'a'; HEAD_BYTES]), Ok(None));
    assert_eq!(scanner.scan(&[b'a'; HEAD_BYTES + 1]), Err(Fault::TooLarge));
}

#[test]
fn what_cannot_become_a_request_is_refused_at_its_first_byte() {
    for first in [0x16, b'\r', b'\n', b' ', 0, 0xff, b'1'] {
        assert_eq!(Scanner::default().scan(&[first]), Err(Fault::Malformed), "{first}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_fail_otherwise_than_by_saying_so(bytes: Vec<u8>) {
        let _ = Scanner::default().scan(&bytes);
        let _ = parse(&bytes, Via::Tcp);
    }

    #[test]
    fn a_head_that_is_read_can_be_written_on_one_line_each(
        lines in prop::collection::vec("[ -~\\r\\n]{0,30}|(Host|Origin|Cookie|Content-Length): ?[ -~]{0,20}", 0..6),
        target in "/[ -~]{0,20}",
    ) {
        let all: Vec<_> = std::iter::once(format!("GET {target} HTTP/1.1")).chain(lines).collect();
        let whole = text(&all.iter().map(String::as_str).collect::<Vec<_>>());
        if let Ok(request) = parse(whole.as_bytes(), Via::Tcp) {
            prop_assert!(request.head.target.bytes().all(|byte| byte.is_ascii_graphic()));
            for (_, value) in request.head.headers.iter() {
                prop_assert!(!value.contains(['\r', '\n', '\0']));
            }
        }
    }
}
