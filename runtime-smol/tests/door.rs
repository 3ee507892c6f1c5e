//! The front door over real sockets: who gets in, what is refused, and that no client can harm another one.

mod house;

use house::{Answer, House, TOKEN, ask, upgrade};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A second, a third: what a client of ours waits before it calls the door dead.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn health_needs_no_login_and_is_quick() {
    let house = House::open();
    let answer = house.get("/api/health");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains(r#""status":"ok""#), "{}", answer.text());
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(house.get("/api/health").status, 200);
    }
    assert!(begun.elapsed() < PATIENCE, "50 requests took {:?}", begun.elapsed());
}

#[test]
fn the_page_and_its_files_need_no_login_but_our_name() {
    let house = House::open();
    let page = house.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(page.header("access-control-allow-origin"), None);
    assert_eq!(house.tcp("GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n").status, 403);
}

#[test]
fn head_gives_the_headers_of_get_and_no_body() {
    let house = House::open();
    let host = house.host();
    let (get, head) = (house.get("/"), house.tcp(&format!("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n")));
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length").unwrap(), get.body.len().to_string());
    assert!(head.body.is_empty());
    let etag = get.header("etag").unwrap();
    let again = house.tcp(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nIf-None-Match: {etag}\r\n\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn a_link_logs_in_once_and_the_cookie_it_gives_lasts() {
    let house = House::open();
    let link = house.link();
    let (page, token) = link.split_once("/#token=").unwrap();
    assert_eq!(page, house.origin());
    let body = format!(r#"{{"token":"{token}"}}"#);
    let host = house.host();
    let login = |origin: &str| house.tcp(&post("/api/login", &host, &format!("Origin: {origin}\r\n"), &body));
    assert_eq!(login("http://evil.com").status, 403, "another page cannot use the link up");
    let answer = login(page);
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["consort_", "=v1.", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(login(page).status, 401, "the link is used up");
    let pair = cookie.split(';').next().unwrap();
    let agents = house.tcp(&format!("GET /api/agents HTTP/1.1\r\nHost: {host}\r\nCookie: a=b; {pair}; c=d\r\n\r\n"));
    assert_eq!((agents.status, agents.text()), (200, r#"{"agents":[]}"#.into()));
}

/// What the auth rules say of one combination of headers.
struct Case {
    what: &'static str,
    host: &'static str,
    more: &'static str,
    /// Status of `GET /api/agents`, of `POST /api/agents`, of an upgrade at `/ws`.
    expected: [u16; 3],
}

const fn case(what: &'static str, host: &'static str, more: &'static str, expected: [u16; 3]) -> Case {
    Case { what, host, more, expected }
}

/// `HOST`, `PORT`, `OURS` (our origin), `COOKIE`, `TOKEN` are replaced by what they are in the house.
const CASES: &[Case] = &[
    case("nothing at all", "HOST", "", [401, 401, 403]),
    case("our origin alone", "HOST", "Origin: OURS\r\n", [401, 401, 401]),
    case("cookie and our origin", "HOST", "COOKIE\r\nOrigin: OURS\r\n", [200, 201, 101]),
    case("cookie without origin", "HOST", "COOKIE\r\n", [200, 403, 403]),
    case("cookie, GET for a page of another site", "HOST", "COOKIE\r\nSec-Fetch-Site: cross-site\r\n", [403, 403, 403]),
    case("cookie, GET for a page on another port", "HOST", "COOKIE\r\nSec-Fetch-Site: same-site\r\n", [403, 403, 403]),
    case("cookie, our own page's GET", "HOST", "COOKIE\r\nSec-Fetch-Site: same-origin\r\n", [200, 403, 403]),
    case("cookie, null origin", "HOST", "COOKIE\r\nOrigin: null\r\n", [403, 403, 403]),
    case("cookie, foreign origin", "HOST", "COOKIE\r\nOrigin: http://evil.com\r\n", [403, 403, 403]),
    case("cookie, other port", "HOST", "COOKIE\r\nOrigin: http://localhost:1\r\n", [403, 403, 403]),
    case("cookie, no port", "HOST", "COOKIE\r\nOrigin: http://localhost\r\n", [403, 403, 403]),
    case("cookie, other scheme", "HOST", "COOKIE\r\nOrigin: https://localhost:PORT\r\n", [403, 403, 403]),
    case("cookie, suffix trick", "HOST", "COOKIE\r\nOrigin: http://localhost.evil.com:PORT\r\n", [403, 403, 403]),
    case("cookie, port trick", "HOST", "COOKIE\r\nOrigin: http://localhost:PORT.evil.com\r\n", [403, 403, 403]),
    case("cookie, longer port", "HOST", "COOKIE\r\nOrigin: http://localhost:PORT0\r\n", [403, 403, 403]),
    case("cookie, prefix trick", "HOST", "COOKIE\r\nOrigin: http://evil-localhost:PORT\r\n", [403, 403, 403]),
    case("cookie, upper case", "HOST", "COOKIE\r\nOrigin: http://LocalHost:PORT\r\n", [403, 403, 403]),
    case("cookie, userinfo", "HOST", "COOKIE\r\nOrigin: http://localhost:PORT@evil.com\r\n", [403, 403, 403]),
    case("cookie, userinfo before us", "HOST", "COOKIE\r\nOrigin: http://evil@localhost:PORT\r\n", [403, 403, 403]),
    case("cookie, trailing slash", "HOST", "COOKIE\r\nOrigin: http://localhost:PORT/\r\n", [403, 403, 403]),
    case("cookie, list", "HOST", "COOKIE\r\nOrigin: OURS http://evil.com\r\n", [403, 403, 403]),
    case("cookie, our other name", "HOST", "COOKIE\r\nOrigin: http://127.0.0.1:PORT\r\n", [403, 403, 403]),
    case("cookie, two origins", "HOST", "COOKIE\r\nOrigin: OURS\r\nOrigin: OURS\r\n", [400, 400, 400]),
    case("cookie, two hosts", "HOST", "COOKIE\r\nOrigin: OURS\r\nHost: HOST\r\n", [400, 400, 400]),
    case("cookie, strange bytes", "HOST", "COOKIE\r\nOrigin: OURS\u{e4}\r\n", [400, 400, 400]),
    case("cookie by address", "127.0.0.1:PORT", "COOKIE\r\nOrigin: http://127.0.0.1:PORT\r\n", [200, 201, 101]),
    case("cookie by IPv6 address", "[::1]:PORT", "COOKIE\r\nOrigin: http://[::1]:PORT\r\n", [200, 201, 101]),
    case("host of another", "evil.com", "COOKIE\r\nOrigin: http://evil.com\r\n", [403, 403, 403]),
    case("host without port", "localhost", "COOKIE\r\nOrigin: http://localhost\r\n", [403, 403, 403]),
    case("host with another port", "localhost:1", "COOKIE\r\nOrigin: http://localhost:1\r\n", [403, 403, 403]),
    case("host with a suffix", "localhost.evil.com:PORT", "COOKIE\r\nOrigin: OURS\r\n", [403, 403, 403]),
    case("host in upper case", "LocalHost:PORT", "COOKIE\r\nOrigin: OURS\r\n", [200, 201, 101]),
    case("host with a dot", "localhost.:PORT", "COOKIE\r\nOrigin: OURS\r\n", [200, 201, 101]),
    case("host with userinfo", "a@localhost:PORT", "COOKIE\r\nOrigin: OURS\r\n", [403, 403, 403]),
    case("empty host", "", "COOKIE\r\nOrigin: OURS\r\n", [403, 403, 403]),
    case("wrong cookie", "HOST", "Cookie: FORGED\r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("cookie of another port", "HOST", "Cookie: consort_1=v1.1.A.A\r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("token of a program", "HOST", "Authorization: Bearer TOKEN\r\n", [200, 201, 403]),
    case("token in other letters", "HOST", "authorization: bearer TOKEN\r\n", [200, 201, 403]),
    case("token and our origin", "HOST", "Authorization: Bearer TOKEN\r\nOrigin: OURS\r\n", [200, 201, 101]),
    case(
        "token and foreign origin",
        "HOST",
        "Authorization: Bearer TOKEN\r\nOrigin: http://e.com\r\n",
        [403, 403, 403],
    ),
    case("wrong token", "HOST", "Authorization: Bearer TOKENx\r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("wrong token, good cookie", "HOST", "Authorization: Bearer x\r\nCOOKIE\r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("empty token", "HOST", "Authorization: Bearer \r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("basic authentication", "HOST", "Authorization: Basic TOKEN\r\nOrigin: OURS\r\n", [401, 401, 401]),
    case("claims to be local", "HOST", "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n", [401, 401, 403]),
    case("claims to be the control socket", "HOST", "Consort-Via: control\r\n", [401, 401, 403]),
];

#[test]
fn exactly_the_requests_of_the_table_are_let_in() {
    let house = House::open();
    let cookie = house.cookie();
    // `Cookie: NAME=VALUE`
    let forged =
        format!("{}=v1.9999999999.AAAA.AAAA", cookie.trim_start_matches("Cookie: ").split('=').next().unwrap());
    let fill = |text: &str| {
        text.replace("HOST", &house.host())
            .replace("OURS", &house.origin())
            .replace("PORT", &house.port().to_string())
            .replace("COOKIE", &cookie)
            .replace("TOKEN", TOKEN)
            .replace("FORGED", &forged)
    };
    let body = r#"{"name":"a"}"#;
    for Case { what, host, more, expected } in CASES {
        let (host, more) = (fill(host), fill(more));
        let get = house.tcp(&format!("GET /api/agents HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")).status;
        let post = house.tcp(&post("/api/agents", &host, &more, body)).status;
        let socket = upgrade(&mut house.connect(), "/ws", &host, &more).status;
        assert_eq!([get, post, socket], *expected, "{what}");
    }
    assert_eq!(house.commands(), CASES.iter().filter(|case| case.expected[1] == 201).count(), "refused means not done");
}

fn post(path: &str, host: &str, more: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn the_control_socket_serves_the_same_without_credentials() {
    let house = House::open();
    let request = "GET /api/agents HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.com\r\n\r\n";
    assert_eq!(ask(&mut house.control(), request.as_bytes()).status, 200);
    let link = ask(&mut house.control(), b"POST /api/link HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(link.text().contains(&format!("\"url\":\"{}/#token=", house.origin())), "{}", link.text());
    assert_eq!(upgrade(&mut house.control(), "/ws", "x", "").status, 101);
    assert_eq!(house.control_mode(), 0o600);
}

#[test]
fn a_web_socket_carries_frames_both_ways() {
    let house = House::open();
    let more = format!("{}\r\nOrigin: {}\r\n", house.cookie(), house.origin());
    let mut stream = house.connect();
    assert_eq!(upgrade(&mut stream, "/ws", &house.host(), &more).status, 101);
    let mut socket = house::web_socket(stream);
    for size in [0, 1, 125, 126, 16 << 10, 64 << 10] {
        let sent = vec![b'x'; size];
        socket.send(house::binary(&sent)).unwrap();
        assert_eq!(socket.read().unwrap().into_data(), sent);
    }
    socket.send(house::binary(&vec![0; (64 << 10) + 1])).unwrap();
    assert!(
        !matches!(socket.read(), Ok(message) if message.is_binary()),
        "a frame that is too large ends the connection"
    );
}

#[test]
fn only_ws_serves_web_sockets_and_only_to_well_formed_requests() {
    let house = House::open();
    let (host, origin, cookie) = (house.host(), house.origin(), house.cookie());
    let more = format!("{cookie}\r\nOrigin: {origin}\r\n");
    assert_eq!(upgrade(&mut house.connect(), "/other", &host, &more).status, 404);
    assert_eq!(house.tcp(&format!("GET /ws HTTP/1.1\r\nHost: {host}\r\n\r\n")).status, 426);
    let hand = |headers: &str| {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\n{more}Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"
        );
        house.tcp(&request).status
    };
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(hand(&format!("{key}Sec-WebSocket-Version: 13\r\n")), 101);
    assert_eq!(hand(&format!("{key}Sec-WebSocket-Version: 8\r\n")), 400);
    assert_eq!(hand(key), 400);
    assert_eq!(hand("Sec-WebSocket-Version: 13\r\n"), 400);
    assert_eq!(hand("Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n"), 400);
    assert_eq!(hand(&format!("{key}{key}Sec-WebSocket-Version: 13\r\n")), 400);
    assert_eq!(hand(&format!("{key}Sec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nabc")), 400);
}

#[test]
fn what_is_not_one_clear_request_is_refused_and_the_connection_closed() {
    let house = House::open();
    let host = house.host();
    let second = format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let with = |headers: &str| format!("POST /api/logout HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{second}");
    let line = |line: &str| format!("{line}\r\nHost: {host}\r\n\r\n{second}");
    let cases: Vec<(&str, String, u16)> = vec![
        ("two lengths", with("Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
        ("the same length twice", with("Content-Length: 0\r\nContent-Length: 0\r\n"), 400),
        ("a list of lengths", with("Content-Length: 0, 0\r\n"), 400),
        ("a signed length", with("Content-Length: +0\r\n"), 400),
        ("a negative length", with("Content-Length: -1\r\n"), 400),
        ("a hexadecimal length", with("Content-Length: 0x0\r\n"), 400),
        ("an empty length", with("Content-Length: \r\n"), 400),
        ("a length beyond numbers", with("Content-Length: 99999999999999999999999\r\n"), 400),
        ("length and coding", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("coding and length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400),
        ("chunked", with("Transfer-Encoding: chunked\r\n"), 411),
        ("hidden chunked", with("Transfer-Encoding: xchunked\r\n"), 501),
        ("two codings", with("Transfer-Encoding: gzip, chunked\r\n"), 501),
        ("a space before the colon", with("Content-Length : 5\r\n"), 400),
        ("a folded header", with("X: a\r\n Content-Length: 5\r\n"), 400),
        ("a header without a colon", with("Content-Length\r\n"), 400),
        ("a bare line feed", with("X: a\nContent-Length: 5\r\n"), 400),
        ("a bare carriage return", with("X: a\rContent-Length: 5\r\n"), 400),
        ("a zero byte", with("X: a\0b\r\n"), 400),
        ("no host", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("another expectation", with("Expect: 200-ok\r\n"), 417),
        ("a whole URL", line("GET http://localhost/ HTTP/1.1"), 400),
        ("an authority", line("CONNECT localhost:80 HTTP/1.1"), 400),
        ("a star", line("OPTIONS * HTTP/1.1"), 400),
        ("a fragment", line("GET /#a HTTP/1.1"), 400),
        ("a space in the target", line("GET /a b HTTP/1.1"), 400),
        ("no version", line("GET /"), 400),
        ("an old version", line("GET / HTTP/0.9"), 400),
        ("a new version", line("GET / HTTP/2.0"), 400),
        ("a strange method", line("G@T / HTTP/1.1"), 400),
        ("a greeting of TLS", "\x16\x03\x01\x02".into(), 400),
        ("an empty line first", format!("\r\n{second}"), 400),
    ];
    for (what, request, status) in cases {
        let mut stream = house.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {all}");
        assert!(all.contains("\r\nConnection: close\r\n"), "{what}: {all}");
        assert_eq!(all.matches("Server: consort").count(), 1, "{what}: what follows must not be answered: {all}");
    }
}

#[test]
fn a_refused_body_is_never_taken_for_the_next_request() {
    let house = House::open();
    let hidden = format!("GET /api/health HTTP/1.1\r\nHost: {}\r\n\r\n", house.host());
    let mut stream = house.connect();
    stream.write_all(post("/api/agents", &house.host(), "", &hidden).as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 401 "));
    assert_eq!(all.matches("Server: consort").count(), 1, "{all}");
}

#[test]
fn heads_and_bodies_have_bounds() {
    let house = House::open();
    let host = house.host();
    let header = |bytes| format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    assert_eq!(house.tcp(&header(15 << 10)).status, 200);
    assert_eq!(house.tcp(&header(16 << 10)).status, 431);
    let many = |count: usize| format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(house.tcp(&many(99)).status, 200);
    assert_eq!(house.tcp(&many(100)).status, 431);
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let name = |bytes: usize| format!(r#"{{"name":"{}"}}"#, "x".repeat(bytes));
    assert_eq!(house.tcp(&post("/api/agents", &host, &token, &name(1 << 19))).status, 201);
    assert_eq!(house.tcp(&post("/api/agents", &host, &token, &name(1 << 20))).status, 413);
    let huge =
        format!("POST /api/agents HTTP/1.1\r\nHost: {host}\r\n{token}Content-Length: 18446744073709551615\r\n\r\n");
    assert_eq!(house.tcp(&huge).status, 413);
    let stranger = format!(
        "POST /api/login HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nContent-Length: 5000\r\n\r\n",
        house.origin()
    );
    assert_eq!(house.tcp(&stranger).status, 413, "refused before a byte of the body came");
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let house = House::open();
    let host = house.host();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let mut stream = house.connect();
    let body = post("/api/agents", &host, &format!("Authorization: Bearer {TOKEN}\r\n"), r#"{"name":"x"}"#);
    stream.write_all((one("/api/health") + &body + &one("/api/nothing") + &one("/api/agents")).as_bytes()).unwrap();
    let statuses: Vec<_> = (0..4).map(|_| Answer::read(&mut stream).status).collect();
    assert_eq!(statuses, [200, 201, 404, 200]);
}

#[test]
fn a_connection_is_kept_as_the_client_wishes() {
    let house = House::open();
    let host = house.host();
    let mut stream = house.connect();
    for _ in 0..20 {
        let answer = ask(&mut stream, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
    }
    for (version, connection, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let mut stream = house.connect();
        let request = format!("GET /api/health HTTP/{version}\r\nHost: {host}\r\n{connection}\r\n");
        let answer = ask(&mut stream, request.as_bytes());
        assert_eq!(answer.header("connection"), Some(if kept { "keep-alive" } else { "close" }), "{request}");
        if !kept {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    }
}

#[test]
fn a_client_that_waits_for_continue_is_told_to_or_refused_at_once() {
    let house = House::open();
    let host = house.host();
    let head = |token: &str| {
        format!(
            "POST /api/agents HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        )
    };
    let mut stream = house.connect();
    stream.write_all(head(TOKEN).as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(ask(&mut stream, br#"{"name":"x"}"#).status, 201);
    assert_eq!(ask(&mut house.connect(), head("wrong").as_bytes()).status, 401);
}

#[test]
fn a_body_may_come_byte_by_byte() {
    let house = House::open();
    let request = post("/api/agents", &house.host(), &format!("Authorization: Bearer {TOKEN}\r\n"), r#"{"name":"x"}"#);
    let mut stream = house.connect();
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(Answer::read(&mut stream).status, 201);
}

#[test]
fn a_thousand_clients_that_dribble_delay_nobody() {
    let house = House::open();
    let mut dribblers = Vec::new();
    for number in 0..1_000 {
        let mut stream = house.connect();
        stream.write_all(b"GET /api/health HTTP/1.1\r\nHost: localho").unwrap();
        dribblers.push(stream);
        if number % 100 == 99 {
            // Some still dribble, some were shown out for others.
            for stream in &mut dribblers {
                let _ = stream.write_all(b"s");
            }
            let begun = Instant::now();
            assert_eq!(house.get("/api/health").status, 200);
            assert!(begun.elapsed() < Duration::from_secs(1), "took {:?}", begun.elapsed());
        }
    }
}

#[test]
fn clients_that_never_read_delay_nobody() {
    let house = House::open();
    house.fill(2_000);
    let request =
        format!("GET /api/agents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", house.host());
    let page = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", house.host());
    let deaf: Vec<_> = (0..40)
        .map(|number| {
            let mut stream = house.connect();
            let request = if number % 2 == 0 { &request } else { &page };
            stream.write_all(request.repeat(20).as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..10 {
        let begun = Instant::now();
        assert_eq!(house.get("/api/health").status, 200);
        assert!(begun.elapsed() < Duration::from_secs(2), "took {:?}", begun.elapsed());
    }
    drop(deaf);
}

#[test]
fn a_look_never_waits_for_commands_however_many_are_under_way() {
    let house = House::open();
    let request =
        post("/api/agents", &house.host(), &format!("Authorization: Bearer {TOKEN}\r\n"), r#"{"name":"slow"}"#);
    let mut slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = house.connect();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let look = format!("GET /api/agents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", house.host());
    for _ in 0..20 {
        assert_eq!(house.get("/api/health").status, 200);
        assert_eq!(house.get("/").status, 200);
        assert_eq!(house.tcp(&look).status, 200);
    }
    assert_eq!(house.commands(), 0, "all of that was answered before the first command");
    for stream in &mut slow {
        assert_eq!(Answer::read(stream).status, 201);
    }
}

#[test]
fn garbage_is_answered_with_a_refusal_or_nothing() {
    let house = House::open();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..random() % 600).map(|_| (random() >> 32) as u8).collect();
        if round % 3 == 0 {
            bytes.splice(0..0, *b"GET / HTTP/1.1\r\nHost: localhost\r\n");
            bytes.extend_from_slice(b"\r\n\r\n");
        }
        let mut stream = house.connect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        // A connection that was shown out in the middle of the garbage is reset.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(house.get("/api/health").status, 200);
}

#[test]
fn a_panic_in_one_answer_is_a_500_and_the_door_stays_open() {
    let house = House::open();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for _ in 0..6 {
        assert_eq!(house.tcp(&post("/api/agents", &house.host(), &token, r#"{"name":"panic"}"#)).status, 500);
    }
    assert_eq!(house.get("/api/health").status, 200);
}

#[test]
fn a_closed_door_leaves_nothing_behind() {
    let house = House::open();
    let (port, control) = (house.port(), house.control_path());
    let mut idle = house.connect();
    assert_eq!(ask(&mut idle, format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", house.host()).as_bytes()).status, 200);
    let more = format!("{}\r\nOrigin: {}\r\n", house.cookie(), house.origin());
    let mut socket = house.connect();
    assert_eq!(upgrade(&mut socket, "/ws", &house.host(), &more).status, 101);
    drop(house);
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!control.exists());
}

#[test]
fn a_taken_port_says_by_whom_and_what_to_do() {
    let house = House::open();
    let message = House::open_at(house.port()).unwrap_err();
    assert!(message.contains("another consort (version 9.8.7, node "), "{message}");
    assert!(message.contains("--listen") && !message.contains("--port"), "{message}");
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let message = House::open_at(other.local_addr().unwrap().port()).unwrap_err();
    assert!(message.contains("another program") && message.contains("--listen"), "{message}");
}

#[test]
fn a_second_node_on_the_same_control_socket_is_refused_and_a_dead_one_s_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::try_open(folder.path(), 0).unwrap();
    assert!(house.open_beside().unwrap_err().contains("another consort answers on"));
    let path = house.control_path();
    assert!(path.exists());
    drop(house);
    // What a node that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let next = House::try_open(folder.path(), 0).unwrap();
    assert_eq!(ask(&mut next.control(), b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

#[test]
fn a_private_folder_that_others_can_enter_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    std::fs::create_dir(&private).unwrap();
    std::fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let message = House::try_open(folder.path(), 0).unwrap_err();
    assert!(message.contains("chmod 700"), "{message}");
}
