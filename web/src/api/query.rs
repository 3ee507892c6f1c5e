//! The query of a target: `name=value` pairs, each known and at most once.

use crate::http::Problem;
use crate::percent;
use std::str::FromStr;

/// The pairs of a query.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may have only these names.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                let hint =
                    if known.is_empty() { "It takes none.".into() } else { format!("It takes {}.", known.join(", ")) };
                return Err(Problem::invalid(format!("There is no parameter '{}' here.", name.escape_debug()), hint));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Problem::invalid(format!("The parameter '{name}' is there twice."), ""));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// A value as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value as a number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match self.text(name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) if digits(text) => Ok(Some(number)),
                _ => Err(Problem::invalid(format!("The parameter '{name}' is not a number in its range."), "")),
            },
        }
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    percent::form(text).ok_or_else(|| {
        Problem::invalid("The query is not percent-encoded UTF-8.", "Encode it with encodeURIComponent or the like.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse("path=~%2fa+b%C3%A4&n=7", &["path", "n"]).unwrap();
        assert_eq!(query.text("path"), Some("~/a bä"));
        assert_eq!(query.number::<u32>("n").unwrap(), Some(7));
        assert_eq!(query.number::<u32>("absent").unwrap(), None);
    }

    #[test]
    fn unknown_and_repeated_names_and_bad_values_are_refused_by_name() {
        let message = |text| Query::parse(text, &["a", "b"]).unwrap_err().message;
        assert_eq!(message("c=1"), "There is no parameter 'c' here.");
        assert_eq!(message("a=1&a=1"), "The parameter 'a' is there twice.");
        assert_eq!(message("a=%zz"), "The query is not percent-encoded UTF-8.");
        assert_eq!(message("a=%ff"), "The query is not percent-encoded UTF-8.");
        for number in ["", "-1", "+1", "256", "1e1"] {
            let query = Query(vec![("a".into(), number.into())]);
            assert!(query.number::<u8>("a").is_err(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_a_query_or_an_error(text in "[a%=&+0-9f\u{e4}]{0,40}") {
            let _ = Query::parse(&text, &["a"]);
        }
    }
}
