//! Requests that may be repeated and are carried out once: whoever lost the answer asks again with the same key.

use consort_core::{Refusal, Reply};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Answers that are remembered. A page repeats within seconds, one request at a time.
const ANSWERS: usize = 256;
/// Characters of a key.
const KEY_CHARS: usize = 64;

type Answer = Result<Reply, Refusal>;

/// The last answers by key, and the requests under way.
#[derive(Debug, Default)]
pub(super) struct Once {
    answers: Mutex<VecDeque<(String, Option<Answer>)>>,
    answered: Condvar,
}

impl Once {
    /// Whether a key can be one: short, and plain ASCII.
    pub(super) fn is_key(text: &str) -> bool {
        (16..=KEY_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    }

    /// Does `work`, unless it was done under this key before: then the answer is that of the first time, also while that is
    /// still under way.
    pub(super) fn run(&self, key: &str, work: impl FnOnce() -> Answer) -> Answer {
        let mut answers = self.lock();
        loop {
            match answers.iter().find(|(known, _)| known == key) {
                Some((_, Some(answer))) => return answer.clone(),
                Some((_, None)) => answers = self.answered.wait(answers).unwrap_or_else(PoisonError::into_inner),
                None => break,
            }
        }
        answers.push_back((key.to_owned(), None));
        drop(answers);
        let answer = work();
        let mut answers = self.lock();
        if let Some((_, slot)) = answers.iter_mut().find(|(known, _)| known == key) {
            *slot = Some(answer.clone());
        }
        // What is under way is never forgotten; there are fewer of those than threads.
        while answers.len() > ANSWERS {
            let Some(oldest) = answers.iter().position(|(_, answer)| answer.is_some()) else { break };
            answers.remove(oldest);
        }
        self.answered.notify_all();
        answer
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Option<Answer>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn pasted(bytes: usize) -> Answer {
        Ok(Reply::Pasted { bytes, submitted: false })
    }

    #[test]
    fn a_repeated_request_gets_the_first_answer() {
        let once = Once::default();
        assert_eq!(once.run("a", || pasted(1)), pasted(1));
        assert_eq!(once.run("a", || panic!("twice")), pasted(1));
        assert_eq!(once.run("b", || pasted(2)), pasted(2));
    }

    #[test]
    fn a_repeat_waits_for_the_first_request() {
        let (once, count) = (Once::default(), AtomicUsize::new(0));
        let (begun, has_begun) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                once.run("a", move || {
                    begun.send(()).unwrap();
                    may_finish.recv().unwrap();
                    pasted(7)
                })
            });
            has_begun.recv().unwrap();
            let second = scope.spawn(|| {
                once.run("a", || {
                    count.fetch_add(1, Ordering::Relaxed);
                    pasted(8)
                })
            });
            finish.send(()).unwrap();
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (pasted(7), pasted(7)));
        });
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_the_last_answers_are_kept() {
        let once = Once::default();
        (0..=ANSWERS).for_each(|number| drop(once.run(&number.to_string(), || pasted(number))));
        assert_eq!(once.run("0", || pasted(9)), pasted(9));
        assert_eq!(once.run(&ANSWERS.to_string(), || panic!("twice")), pasted(ANSWERS));
    }

    #[test]
    fn a_key_is_long_enough_to_be_nobody_elses() {
        assert!(Once::is_key("AAAAAAAAAAAAAAAAAAAAAA-17") && !Once::is_key("17") && !Once::is_key(&"x".repeat(65)));
        assert!(!Once::is_key("AAAAAAAAAAAAAAAAAAAAAA/17"));
    }
}
