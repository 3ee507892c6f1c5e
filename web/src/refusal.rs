//! The answer to a request that is not let in: JSON for programs, and for a person who opened a page in a browser a page that says by
//! which name the node was reached and how to allow that name.
//!
//! Nothing here decides about anything. Headers that anybody can send only shape the suggestion, and a command is suggested only if the
//! name in it has been read as one, so that it has no characters but letters, digits, `.`, `-`, `_`, `:`, `/`, `[` and `]`.

use crate::auth::{Denial, HostName, Site};
use crate::http::{Head, Problem, Response};

/// Why a request is not let in and what to do about it.
pub(crate) fn problem(denial: Denial, head: &Head<'_>) -> Problem {
    let (status, code) = match denial {
        Denial::Host => (403, "host-refused"),
        Denial::ForeignOrigin => (403, "origin-refused"),
        Denial::MissingOrigin => (403, "origin-missing"),
        Denial::NoCredentials | Denial::BadCredentials => (401, "login-needed"),
    };
    let hint = match denial {
        Denial::Host | Denial::ForeignOrigin => match address(head) {
            Some(address) => format!(
                "If this is the address of your dashboard, allow it on the machine that runs Consort: consort allow {address}"
            ),
            None => "Open the dashboard by the address that `consort open` shows.".to_owned(),
        },
        Denial::MissingOrigin => "Send the Origin header, or use a token instead of a cookie.".to_owned(),
        Denial::NoCredentials | Denial::BadCredentials => {
            "Run `consort open` for the dashboard, `consort token` for programs.".to_owned()
        }
    };
    let message = match (denial, head.headers.host.map(shown)) {
        (Denial::Host, Some(host)) => format!("This node does not answer to the name {host}."),
        _ => denial.to_string(),
    };
    Problem::new(status, code, message, hint)
}

/// The problem as the answer to this request.
pub(crate) fn response(problem: Problem, head: &Head<'_>) -> Response {
    if !is_page(head) {
        return problem.into();
    }
    let Problem { status, code, message, .. } = &problem;
    let host = head.headers.host.map_or_else(|| "(none)".to_owned(), shown);
    let what = match (&**code, address(head)) {
        ("host-refused" | "origin-refused", Some(address)) => format!(
            "<p>This browser asked for <strong>{}</strong>. Consort answers only to names that it knows, so that no other page can \
             reach your terminals.</p>\n<p>If this is your dashboard, allow the name. On the machine that runs Consort, type</p>\n\
             <pre><code>consort allow {}</code></pre>\n<p>and <a href=\"\">load this page again</a>.</p>\n<p class=\"dim\">Use exactly \
             the address that your browser shows: if it begins with {}, or has a path that a proxy adds, write it so in the command.</p>",
            escaped(&host),
            escaped(&address),
            if address.starts_with("https") { "<code>http://</code>" } else { "<code>https://</code>" },
        ),
        ("host-refused" | "origin-refused", None) => format!(
            "<p>This browser asked for <strong>{}</strong>, which is not a name that Consort can answer to.</p>\n<p>On the machine \
             that runs Consort, type</p>\n<pre><code>consort open</code></pre>\n<p>and use the address that it shows.</p>",
            escaped(&host)
        ),
        _ => format!("<p>{}</p>", escaped(&problem.hint)),
    };
    Response::page(*status, page(message, &what))
}

/// The answer to a request for what is not there.
pub(crate) fn nothing_there(head: &Head<'_>) -> Response {
    let problem = Problem::new(404, "not-found", "There is nothing at this address.", "");
    if !is_page(head) {
        return problem.into();
    }
    let folder = folder(head.path()).unwrap_or("/consort/");
    let what = format!(
        "<p>The dashboard is <a href=\"/\">here</a>.</p>\n<p>If a proxy serves Consort below a path, allow the address with that path. \
         On the machine that runs Consort, type</p>\n<pre><code>consort allow https://NAME{}</code></pre>\n<p>with the name that your \
         browser shows, and <a href=\"\">load this page again</a>.</p>",
        escaped(folder)
    );
    Response::page(404, page("There is nothing at this address.", &what))
}

/// Whether a person in a browser will look at the answer: a page was opened, and not by a script.
fn is_page(head: &Head<'_>) -> bool {
    let html = head.headers.accept.is_some_and(|accept| accept.contains("text/html"));
    let opened = head.headers.fetch_mode.is_none_or(|mode| mode == "navigate");
    let api = head.path() == "/ws" || head.path() == "/api" || head.path().starts_with("/api/");
    matches!(head.method, "GET" | "HEAD") && html && opened && !api
}

/// The address by which the browser seems to have come, if it could be allowed.
fn address(head: &Head<'_>) -> Option<String> {
    let site: Site = match head.headers.origin {
        Some(origin) => origin.parse().ok()?,
        None => {
            let host = HostName::parse(head.headers.host?)?;
            // Browsers send this header only where nobody can listen: by HTTPS, and to their own machine.
            let secure = head.headers.fetch_mode.is_some() && !host.is_loopback();
            let forwarded = head.headers.forwarded_proto.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
            let origin = host.origin(secure || forwarded);
            format!("{origin}{}", folder(head.path()).unwrap_or("/")).parse().or_else(|_| origin.parse()).ok()?
        }
    };
    Some(site.url())
}

/// The folder of a path, if a proxy's prefix could look so.
fn folder(path: &str) -> Option<&str> {
    // Before what we serve ourselves.
    let path = path.find("/api/").map_or(path, |at| &path[..=at]);
    let folder = &path[..=path.rfind('/')?];
    let plain =
        folder.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~'));
    (plain && folder.len() > 1 && folder.len() <= 200 && !folder.contains("//")).then_some(folder)
}

/// What somebody sent, short and without control characters.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    format!("{}{}", short.escape_debug(), if text.chars().nth(120).is_some() { "…" } else { "" })
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A page of its own: the dashboard's files are not for who is not let in by this name. `content` is HTML.
fn page(title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>Consort</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n{content}\n</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

const STYLE: &str = "\
:root{--page:#f6f7f9;--card:#fff;--text:#1b1f27;--dim:#586070;--line:#d9dde4;--code:#eef0f4;--link:#1f5fbf}\
@media(prefers-color-scheme:dark){:root{--page:#101216;--card:#181b21;--text:#e6e8ec;--dim:#9aa3b2;--line:#2c313b;--code:#22262e;--link:#8ab4f8}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--page);color:var(--text);\
font:15px/1.5 system-ui,sans-serif}\
main{width:100%;max-width:560px;padding:24px;background:var(--card);border:1px solid var(--line);border-radius:12px}\
h1{margin:0 0 12px;font-size:20px;line-height:1.3;overflow-wrap:anywhere}\
strong{overflow-wrap:anywhere}\
pre{margin:8px 0;padding:10px 12px;background:var(--code);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all}\
code{font:14px/1.5 ui-monospace,monospace}\
a{color:var(--link)}\
.dim{color:var(--dim);font-size:13px;margin-bottom:0}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Headers, Via};
    use proptest::prelude::*;

    fn navigation<'a>(target: &'a str, host: &'a str) -> Head<'a> {
        let headers = Headers { host: Some(host), accept: Some("text/html,*/*;q=0.8"), ..Headers::default() };
        Head { via: Via::Tcp, method: "GET", target, headers }
    }

    fn text(response: &Response) -> String {
        String::from_utf8(response.body.to_vec()).unwrap()
    }

    fn refused(head: &Head<'_>) -> Response {
        response(problem(Denial::Host, head), head)
    }

    #[test]
    fn a_refused_page_says_the_name_and_the_command() {
        let answer = refused(&navigation("/", "Box.lan:23000"));
        assert_eq!((answer.status, answer.header("content-type")), (403, Some("text/html; charset=utf-8")));
        assert!(text(&answer).contains("<strong>Box.lan:23000</strong>"));
        assert!(text(&answer).contains("<code>consort allow http://box.lan:23000/</code>"), "{}", text(&answer));
    }

    #[test]
    fn the_suggestion_knows_https_and_the_path() {
        let mut head = navigation("/tools/consort/?x", "box.example.org");
        head.headers.forwarded_proto = Some("https");
        assert!(text(&refused(&head)).contains("consort allow https://box.example.org/tools/consort/<"));
        let mut head = navigation("/", "box.tail1.ts.net");
        head.headers.fetch_mode = Some("navigate");
        assert!(text(&refused(&head)).contains("consort allow https://box.tail1.ts.net/<"));
        let mut head = navigation("/", "localhost:8023");
        head.headers.fetch_mode = Some("navigate");
        assert!(text(&refused(&head)).contains("consort allow http://localhost:8023/<"));
    }

    #[test]
    fn programs_scripts_and_the_api_get_json() {
        let page = navigation("/", "evil.com");
        let script = Head { headers: Headers { fetch_mode: Some("cors"), ..page.headers }, ..page };
        let program = Head { headers: Headers { accept: None, ..page.headers }, ..page };
        let others = [
            script,
            program,
            Head { method: "POST", ..page },
            navigation("/api/agents", "evil.com"),
            navigation("/ws", "evil.com"),
        ];
        for head in others {
            let answer = refused(&head);
            assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{head:?}");
            let secure = if head.headers.fetch_mode.is_some() { "s" } else { "" };
            assert!(text(&answer).contains(&format!("consort allow http{secure}://evil.com/\"")), "{}", text(&answer));
        }
    }

    #[test]
    fn a_name_that_is_not_one_is_shown_and_never_part_of_a_command() {
        for host in
            ["x;reboot", "<script>alert(1)</script>", "$(reboot)", "`reboot`", "a b", "\"><img src=x>", "a&b", "'"]
        {
            let page = text(&refused(&navigation("/", host)));
            assert!(!page.contains("consort allow"), "{page}");
            assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        }
        let path = text(&refused(&navigation("/$(reboot)/", "box.lan")));
        assert!(path.contains("consort allow http://box.lan/<"), "{path}");
    }

    #[test]
    fn a_page_that_is_not_there_says_how_to_allow_a_prefix() {
        let answer = nothing_there(&navigation("/consort/", "localhost:23000"));
        assert_eq!(answer.status, 404);
        assert!(text(&answer).contains("consort allow https://NAME/consort/<"));
    }

    proptest! {
        #[test]
        fn nothing_that_was_sent_becomes_markup(host in "[ -~]{0,200}", path in "/[ -~]{0,60}") {
            let head = navigation(&path, &host);
            for page in [text(&refused(&head)), text(&nothing_there(&head))] {
                // Only our own tags are left when they are taken out.
                let mut rest = page;
                for tag in ["html", "head", "body", "main", "h1", "p", "pre", "code", "a", "strong", "style", "title", "meta", "!doctype"] {
                    rest = rest.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "").replace(&format!("<{tag} "), "");
                }
                prop_assert!(!rest.contains('<'), "{rest}");
            }
        }
    }
}
