//! Requests that may be repeated and are carried out once: whoever lost the answer asks again with the same key.

use async_lock::OnceCell;
use consort_core::{Refusal, Reply};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers that are remembered. A page repeats within seconds, one request at a time.
const ANSWERS: usize = 256;
/// Characters of a key.
const KEY_CHARS: usize = 64;

type Answer = Result<Reply, Refusal>;

/// The last answers by key, and the requests under way.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<VecDeque<(String, Arc<OnceCell<Answer>>)>>);

impl Once {
    /// Whether a key can be one: short, and plain ASCII.
    pub(super) fn is_key(text: &str) -> bool {
        (16..=KEY_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    }

    /// Does `work`, unless it was done under this key before: then the answer is that of the first time, also while that is
    /// still under way. `work` must be polled to its end: if it is dropped, the next repetition does it again.
    pub(super) async fn run<F: Future<Output = Answer>>(&self, key: &str, work: impl FnOnce() -> F) -> Answer {
        let cell = self.cell(key);
        cell.get_or_init(work).await.clone()
    }

    fn cell(&self, key: &str) -> Arc<OnceCell<Answer>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = answers.iter().find(|(known, _)| known == key) {
            return Arc::clone(cell);
        }
        // What is under way is never forgotten; the door bounds how much that is.
        while answers.len() >= ANSWERS {
            let Some(oldest) = answers.iter().position(|(_, cell)| cell.is_initialized()) else { break };
            answers.remove(oldest);
        }
        let cell = Arc::default();
        answers.push_back((key.to_owned(), Arc::clone(&cell)));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};
    use std::pin::pin;

    fn pasted(bytes: usize) -> Answer {
        Ok(Reply::Pasted { bytes, submitted: false })
    }

    fn run(once: &Once, key: &str, work: impl FnOnce() -> Answer) -> Answer {
        block_on(once.run(key, async || work()))
    }

    #[test]
    fn a_repeated_request_gets_the_first_answer() {
        let once = Once::default();
        assert_eq!(run(&once, "a", || pasted(1)), pasted(1));
        assert_eq!(run(&once, "a", || panic!("twice")), pasted(1));
        assert_eq!(run(&once, "b", || pasted(2)), pasted(2));
    }

    #[test]
    fn a_repeat_waits_for_the_first_request() {
        let once = Once::default();
        let cell: OnceCell<Answer> = OnceCell::new();
        let mut first = pin!(once.run("a", async || cell.wait().await.clone()));
        let mut second = pin!(once.run("a", async || panic!("twice")));
        block_on(async {
            assert!(poll_once(first.as_mut()).await.is_none());
            assert!(poll_once(second.as_mut()).await.is_none());
            cell.set(pasted(7)).await.unwrap();
            assert_eq!((first.await, second.await), (pasted(7), pasted(7)));
        });
    }

    #[test]
    fn only_the_last_answers_are_kept() {
        let once = Once::default();
        (0..=ANSWERS).for_each(|number| drop(run(&once, &number.to_string(), || pasted(number))));
        assert_eq!(run(&once, "0", || pasted(9)), pasted(9));
        assert_eq!(run(&once, &ANSWERS.to_string(), || panic!("twice")), pasted(ANSWERS));
    }

    #[test]
    fn a_key_is_long_enough_to_be_nobody_elses() {
        assert!(Once::is_key("AAAAAAAAAAAAAAAAAAAAAA-17") && !Once::is_key("17") && !Once::is_key(&"x".repeat(65)));
        assert!(!Once::is_key("AAAAAAAAAAAAAAAAAAAAAA/17"));
    }
}
