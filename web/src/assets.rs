//! The dashboard's files, built and compressed when this crate is built.

use crate::http::{Head, Response};
use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

/// A file of the dashboard.
#[derive(Debug)]
pub struct Asset {
    /// Its path, with a leading slash.
    path: &'static str,
    content_type: &'static str,
    /// Quoted, as in the header.
    etag: &'static str,
    /// Bytes before compression.
    size: usize,
    bytes: &'static [u8],
    /// Whether `bytes` are compressed by gzip; else they would not have become smaller.
    gzip: bool,
    /// What is compressed in `bytes`, once a client needed it.
    plain: OnceLock<Box<[u8]>>,
}

/// `ASSETS`, sorted by path.
mod table {
    use super::{Asset, OnceLock};
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

/// The file at a path; `/` is the page itself.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    let path = if path == "/" { "/index.html" } else { path };
    let at = table::ASSETS.binary_search_by_key(&path, |asset| asset.path).ok()?;
    Some(&table::ASSETS[at])
}

/// The answer to a request for a file: compressed if the client understands that, and nothing at all if it has the file.
#[must_use]
pub(crate) fn respond(asset: &'static Asset, head: &Head<'_>) -> Response {
    let fresh = head.headers.if_none_match.is_some_and(|known| has(known, asset.etag));
    let plain = asset.gzip && !head.headers.accept_encoding.is_some_and(accepts_gzip);
    let response = Response::empty(if fresh { 304 } else { 200 })
        .with("Cache-Control", cache_control(asset.path))
        .with("ETag", asset.etag)
        .with("Vary", "Accept-Encoding");
    if fresh {
        return response;
    }
    let response = response.with("Content-Type", asset.content_type);
    if plain {
        return Response { body: Cow::Borrowed(inflated(asset)), ..response };
    }
    let response = if asset.gzip { response.with("Content-Encoding", "gzip") } else { response };
    Response { body: Cow::Borrowed(asset.bytes), ..response }
}

/// Files below `/assets/` have a hash of their contents in their name and never change; the others are asked for each time.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn has(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|one| {
        let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
        let refused =
            parameters.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn inflated(asset: &Asset) -> &[u8] {
    asset.plain.get_or_init(|| {
        let mut plain = Vec::with_capacity(asset.size);
        // Embedded by our own build: it is whole, and no larger than it says.
        let read = flate2::read::GzDecoder::new(asset.bytes).take(asset.size as u64).read_to_end(&mut plain);
        debug_assert!(read.is_ok_and(|size| size == asset.size), "an embedded file cannot be read");
        plain.into_boxed_slice()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Headers, Via};

    fn get(path: &str, headers: Headers<'_>) -> Response {
        respond(find(path).unwrap(), &Head { via: Via::Tcp, method: "GET", target: path, headers })
    }

    #[test]
    fn the_page_is_there_and_is_asked_for_each_time() {
        let page = get("/", Headers::default());
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        assert!(page.body.windows(5).any(|window| window == b"<html"));
        assert!(find("/nothing-here").is_none());
    }

    #[test]
    fn a_client_that_understands_gzip_gets_the_same_file_compressed() {
        let gzip = Headers { accept_encoding: Some("deflate, gzip;q=0.5"), ..Headers::default() };
        for asset in &table::ASSETS {
            let (plain, packed) = (get(asset.path, Headers::default()), get(asset.path, gzip));
            assert_eq!(plain.header("content-encoding"), None);
            assert_eq!(plain.body.len(), asset.size);
            assert!(packed.body.len() <= plain.body.len());
            assert_eq!(packed.header("content-encoding"), asset.gzip.then_some("gzip"));
        }
        assert!(!accepts_gzip("gzip;q=0, br"));
        assert!(!accepts_gzip("br"));
    }

    #[test]
    fn a_client_that_has_the_file_gets_no_body() {
        let etag = get("/", Headers::default()).header("etag").unwrap().to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let answer = get("/", Headers { if_none_match: Some(&known), ..Headers::default() });
            assert_eq!((answer.status, answer.body.len()), (304, 0));
        }
        assert_eq!(get("/", Headers { if_none_match: Some("\"x\""), ..Headers::default() }).status, 200);
    }

    #[test]
    fn files_with_a_hash_in_their_name_never_change() {
        let hashed = table::ASSETS.iter().filter(|asset| asset.path.starts_with("/assets/"));
        for asset in hashed {
            assert_eq!(
                get(asset.path, Headers::default()).header("cache-control"),
                Some("public, max-age=31536000, immutable")
            );
        }
    }
}
