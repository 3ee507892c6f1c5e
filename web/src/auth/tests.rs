//! The rules of the gate as a table: what a request has, and whether each kind of endpoint lets it in.

use super::*;
use crate::http::Headers;
use proptest::prelude::*;

const NOW: u64 = 1_790_000_000;
const TOKEN: &str = "t0ken";

fn loopback() -> Sites {
    let mut sites = Sites::new(23_000, Names { local: vec!["localhost".into()], ..Names::default() });
    sites.allow("https://c.example.org".parse().unwrap(), true);
    sites
}

fn cookie(gate: &Gate) -> String {
    let headers =
        Headers { host: Some("localhost:23000"), origin: Some("http://localhost:23000"), ..Headers::default() };
    gate.set_cookie(&head(headers), NOW, [0; 16]).unwrap()
}

fn gate() -> Gate {
    Gate::new(loopback(), CookieKey::new(&[1; 32]), TOKEN.to_owned())
}

fn head<'a>(headers: Headers<'a>) -> Head<'a> {
    Head { via: Via::Tcp, method: "POST", target: "/", headers }
}

type Verdict = Result<(), Denial>;

const IN: Verdict = Ok(());
const HOST: Verdict = Err(Denial::Host);
const FOREIGN: Verdict = Err(Denial::ForeignOrigin);
const MISSING: Verdict = Err(Denial::MissingOrigin);
const NONE: Verdict = Err(Denial::NoCredentials);
const BAD: Verdict = Err(Denial::BadCredentials);

/// `Nothing`, `Origin`, `Login`, `Change`, `Socket`.
const NEEDS: [Need; 5] = [Need::Nothing, Need::Origin, Need::Login, Need::Change, Need::Socket];

#[test]
fn exactly_the_requests_of_the_table_are_let_in() {
    let gate = gate();
    let cookie = cookie(&gate);
    let made_up = format!("{}=x", cookie.split('=').next().unwrap());
    let ours = Some("http://localhost:23000");
    let local = Headers { host: Some("localhost:23000"), ..Headers::default() };
    let page = Headers { origin: ours, ..local };
    let with_cookie = Headers { cookie: Some(&cookie), ..local };
    let browser = Headers { cookie: Some(&cookie), ..page };
    let program = Headers { authorization: Some("Bearer t0ken"), ..local };
    let other = |origin| Headers { origin: Some(origin), ..browser };
    let named = |host| Headers { host: Some(host), ..browser };
    let table = [
        ("nothing at all", Headers::default(), [HOST; 5]),
        ("our name", local, [IN, MISSING, NONE, NONE, MISSING]),
        ("our page, logged out", page, [IN, IN, NONE, NONE, NONE]),
        ("our page, logged in", browser, [IN; 5]),
        ("a cookie without origin", with_cookie, [IN, MISSING, IN, MISSING, MISSING]),
        (
            "a cookie for another site's page",
            Headers { fetch_site: Some("cross-site"), ..with_cookie },
            [IN, MISSING, FOREIGN, MISSING, MISSING],
        ),
        (
            "a cookie for another port's page",
            Headers { fetch_site: Some("same-site"), ..with_cookie },
            [IN, MISSING, FOREIGN, MISSING, MISSING],
        ),
        ("a program", program, [IN, MISSING, IN, IN, MISSING]),
        ("a program from our page", Headers { origin: ours, ..program }, [IN; 5]),
        ("a program from another page", Headers { origin: Some("http://evil.com"), ..program }, [FOREIGN; 5]),
        ("a wrong token", Headers { authorization: Some("Bearer t0kem"), ..page }, [IN, IN, BAD, BAD, BAD]),
        ("a wrong token, good cookie", Headers { authorization: Some("x"), ..browser }, [IN, IN, BAD, BAD, BAD]),
        ("an empty token", Headers { authorization: Some("Bearer "), ..page }, [IN, IN, BAD, BAD, BAD]),
        ("a made-up cookie", Headers { cookie: Some(&made_up), ..page }, [IN, IN, BAD, BAD, BAD]),
        ("another node's cookie", Headers { cookie: Some("consort_23001=x"), ..page }, [IN, IN, NONE, NONE, NONE]),
        ("no host", Headers { host: None, ..browser }, [HOST; 5]),
        (
            "a page behind an unknown proxy",
            Headers { fetch_site: Some("same-origin"), ..other("https://d.example.org") },
            [IN, FOREIGN, FOREIGN, FOREIGN, FOREIGN],
        ),
        (
            "a rebound page",
            Headers { fetch_site: Some("same-origin"), origin: Some("http://evil.com"), ..named("evil.com") },
            [HOST; 5],
        ),
        ("null origin", other("null"), [FOREIGN; 5]),
        ("empty origin", other(""), [FOREIGN; 5]),
        ("another port", other("http://localhost:23001"), [FOREIGN; 5]),
        ("another scheme", other("https://localhost:23000"), [FOREIGN; 5]),
        ("our other name", other("http://127.0.0.1:23000"), [FOREIGN; 5]),
        ("a suffix", other("http://localhost:23000.evil.com"), [FOREIGN; 5]),
        ("upper case", other("HTTP://localhost:23000"), [FOREIGN; 5]),
        ("userinfo", other("http://a@localhost:23000"), [FOREIGN; 5]),
        ("rebound name", named("evil.com:23000"), [HOST; 5]),
        ("suffixed name", named("localhost:23000.evil.com"), [HOST; 5]),
        ("our name in upper case", named("Localhost:23000"), [IN; 5]),
        ("our name with a dot", named("localhost.:23000"), [IN; 5]),
        ("our page by its name with a dot", other("http://localhost.:23000"), [IN; 5]),
        ("name without port", named("localhost"), [HOST; 5]),
        ("our address with the name's origin", named("127.0.0.1:23000"), [FOREIGN; 5]),
        ("the configured origin", Headers { origin: Some("https://c.example.org"), ..named("c.example.org") }, [IN; 5]),
        ("an allowed page behind a proxy that changes Host", other("https://c.example.org"), [IN; 5]),
        ("another page below its name", other("https://x.c.example.org"), [FOREIGN; 5]),
        ("the allowed name on another port", other("https://c.example.org:8443"), [FOREIGN; 5]),
        (
            "the configured name, wrong scheme",
            Headers { origin: Some("http://c.example.org"), ..named("c.example.org") },
            [FOREIGN; 5],
        ),
    ];
    for (what, headers, expected) in table {
        let verdicts = NEEDS.map(|need| gate.judge(&head(headers), need, NOW).map(|_| ()));
        assert_eq!(verdicts, expected, "{what}");
    }
}

#[test]
fn the_control_socket_needs_nothing() {
    let gate = gate();
    let head = Head { via: Via::ControlSocket, ..head(Headers { origin: Some("null"), ..Headers::default() }) };
    for need in NEEDS {
        assert_eq!(gate.judge(&head, need, NOW), Ok(Access::ControlSocket));
    }
}

#[test]
fn a_cookie_is_renewed_after_a_day() {
    let gate = gate();
    let cookie = cookie(&gate);
    let headers = Headers { host: Some("localhost:23000"), cookie: Some(&cookie), ..Headers::default() };
    let access = |now| gate.judge(&head(headers), Need::Login, now);
    assert_eq!(access(NOW + 86_399), Ok(Access::Cookie { renew: false }));
    assert_eq!(access(NOW + 86_400), Ok(Access::Cookie { renew: true }));
    assert_eq!(access(NOW + cookie::LIFETIME_S), Err(Denial::BadCredentials));
}

#[test]
fn a_cookie_that_another_service_put_before_ours_does_no_harm() {
    let gate = gate();
    let good = cookie(&gate);
    let judge = |cookie: &str| {
        let headers = Headers { host: Some("localhost:23000"), cookie: Some(cookie), ..Headers::default() };
        gate.judge(&head(headers), Need::Login, NOW).is_ok()
    };
    let good = good.split(';').next().unwrap();
    let planted = format!("{}=planted; ", gate.cookie_name);
    assert!(judge(&format!("{planted}{good}")));
    assert!(judge(&format!("a=1;{good};b=2")));
    assert!(!judge(&format!("{}{good}", planted.repeat(8))), "only so many are looked at");
    assert!(!judge(&format!("x{good}")));
}

#[test]
fn the_cookie_is_out_of_reach_of_scripts_and_secure_behind_https() {
    let gate = gate();
    let of = |host, origin| head(Headers { host: Some(host), origin, ..Headers::default() });
    let page = of("localhost:23000", Some("http://localhost:23000"));
    let plain = gate.set_cookie(&page, NOW, [0; 16]).unwrap();
    assert!(plain.starts_with(&format!("{}=v1.", gate.cookie_name)));
    assert!(plain.ends_with("; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict"), "{plain}");
    assert!(gate.set_cookie(&of("c.example.org", None), NOW, [0; 16]).unwrap().ends_with("; Secure"));
    let proxied = of("localhost:23000", Some("https://c.example.org"));
    assert!(gate.set_cookie(&proxied, NOW, [0; 16]).unwrap().ends_with("; Secure"));
    let cleared = format!("{}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict", gate.cookie_name);
    assert_eq!(gate.clear_cookie(&page), Some(cleared));
    assert_eq!(gate.set_cookie(&of("localhost:23000", None), NOW, [0; 16]), None, "it may be a proxy's own Host");
}

#[test]
fn two_nodes_under_one_name_have_two_cookies() {
    let name = |secret: u8| CookieKey::new(&[secret; 32]).name();
    assert_eq!(name(1), name(1));
    assert_ne!(name(1), name(2));
}

#[test]
fn without_a_permanent_token_none_matches() {
    let gate = Gate::new(loopback(), CookieKey::new(&[0; 32]), String::new());
    assert!(!gate.is_token(""));
}

/// Every name that a request can come with, on every kind of listener, from every kind of page, with and without an allowed origin:
/// exactly the combinations that are written here are let in.
#[test]
fn names_pages_listeners_and_allowed_origins_fit_as_the_table_says() {
    let on_loopback = Names { local: vec!["localhost".into()], ..Names::default() };
    let on_network = Names {
        local: vec!["localhost".into()],
        addresses: vec!["192.168.7.7".parse().unwrap(), "fd00::7".parse().unwrap()],
        names: vec!["box".into(), "box.local".into(), "box.tail1.ts.net".into()],
    };
    let hosts = [
        "localhost:23000",
        "127.0.0.1:23000",
        "[::1]:23000",
        "192.168.7.7:23000",
        "[fd00::7]:23000",
        "box:23000",
        "BOX.local.:23000",
        "box.tail1.ts.net:23000",
        "box.tail1.ts.net",
        "localhost:8023",
        "c.example.org",
        "c.example.org:443",
        "evil.com:23000",
        "192.168.7.8:23000",
    ];
    let origins: Vec<String> = hosts
        .iter()
        .flat_map(|host| [format!("http://{}", host.to_lowercase()), format!("https://{}", host.to_lowercase())])
        .chain(["null".to_owned(), String::new()])
        .collect();
    let allowed_sets: [&[&str]; 3] =
        [&[], &["http://localhost:8023"], &["https://c.example.org/consort/", "https://box.tail1.ts.net"]];
    for (listener, names) in [("loopback", on_loopback), ("network", on_network)] {
        for allowed in allowed_sets {
            let mut sites = Sites::new(23_000, names.clone());
            for one in allowed {
                sites.allow(one.parse().unwrap(), true);
            }
            let gate = Gate::new(sites, CookieKey::new(&[1; 32]), TOKEN.to_owned());
            let cookie = cookie(&gate);
            for host in hosts {
                let own = match host {
                    "localhost:23000" | "127.0.0.1:23000" | "[::1]:23000" => true,
                    "192.168.7.7:23000"
                    | "[fd00::7]:23000"
                    | "box:23000"
                    | "BOX.local.:23000"
                    | "box.tail1.ts.net:23000" => listener == "network",
                    _ => false,
                };
                let named = match host {
                    "localhost:8023" => allowed.contains(&"http://localhost:8023"),
                    "c.example.org" | "c.example.org:443" => allowed.contains(&"https://c.example.org/consort/"),
                    "box.tail1.ts.net" => allowed.contains(&"https://box.tail1.ts.net"),
                    _ => false,
                };
                let plain = Headers { host: Some(host), cookie: Some(&cookie), ..Headers::default() };
                let looked = gate.judge(&head(plain), Need::Login, NOW).is_ok();
                assert_eq!(looked, own || named, "{listener} {allowed:?} {host}");
                for origin in &origins {
                    let of_allowed = match origin.as_str() {
                        "http://localhost:8023" => allowed.contains(&"http://localhost:8023"),
                        "https://c.example.org" => allowed.contains(&"https://c.example.org/consort/"),
                        "https://box.tail1.ts.net" => allowed.contains(&"https://box.tail1.ts.net"),
                        _ => false,
                    };
                    let of_host = own && *origin == format!("http://{}", host.to_lowercase());
                    let headers = Headers { origin: Some(origin), ..plain };
                    for need in NEEDS {
                        let passed = gate.judge(&head(headers), need, NOW).is_ok();
                        let expected = (own || named) && (of_allowed || of_host);
                        assert_eq!(passed, expected, "{listener} {allowed:?} {host} {origin} {need:?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_origin_but_ours_gets_through(origin in "(http://)?(localhost)?[:a-z0-9@./]{0,12}(:23000)?[a-z.]{0,4}") {
        let gate = gate();
        let cookie = cookie(&gate);
        let headers = Headers {
            host: Some("localhost:23000"),
            origin: Some(&origin),
            cookie: Some(&cookie),
            ..Headers::default()
        };
        let passed = gate.judge(&head(headers), Need::Socket, NOW).is_ok();
        prop_assert_eq!(passed, matches!(&*origin, "http://localhost:23000" | "http://localhost.:23000" | "http://localhost:23000."));
    }

    #[test]
    fn no_headers_make_the_gate_fail(host: Option<String>, origin: Option<String>, cookie: Option<String>, token: Option<String>) {
        let headers = Headers {
            host: host.as_deref(),
            origin: origin.as_deref(),
            cookie: cookie.as_deref(),
            authorization: token.as_deref(),
            ..Headers::default()
        };
        for need in NEEDS {
            prop_assert!(gate().judge(&head(headers), need, NOW).is_err());
        }
    }
}
