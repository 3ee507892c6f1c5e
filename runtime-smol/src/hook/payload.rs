//! What vendors' hooks say, read leniently: the members that matter, cut to what is needed, whatever else is there and wherever the text
//! breaks off.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

/// Characters that are kept of a text.
const CHARS: usize = 400;
/// Elements of a list that are looked at.
const MOST: usize = 8;

/// The members of hooks of all programs that matter here. What is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) event: String,
    pub(super) session: String,
    pub(super) transcript: String,
    pub(super) directory: String,
    pub(super) prompt: String,
    pub(super) tool: String,
    /// What the tool works on.
    pub(super) argument: String,
    /// The first question of a tool that asks.
    pub(super) question: String,
    /// What a notification is about.
    pub(super) notification: String,
    pub(super) message: String,
    pub(super) error: String,
    /// Why a session began or ended, or what compacts it.
    pub(super) source: String,
    /// What runs on in the background.
    pub(super) background: usize,
}

impl Payload {
    /// Reads as far as the bytes are JSON.
    pub(super) fn read(bytes: &[u8]) -> Payload {
        let payload = RefCell::new(Payload::default());
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        // What was read before an error counts.
        let _ = deserializer.deserialize_map(Members(&payload));
        payload.into_inner()
    }
}

/// Whatever else stands in the place of a value counts as this.
macro_rules! else_counts_as {
    ($nothing:expr, $value:ty: $($visit:ident $kind:ty),+) => {
        $(fn $visit<E>(self, _: $kind) -> Result<$value, E> {
            Ok($nothing)
        })+

        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($nothing)
        }
    };
}

struct Members<'a>(&'a RefCell<Payload>);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JSON object of a hook")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            let mut payload = self.0.borrow_mut();
            let member = match name.as_str() {
                "hook_event_name" => &mut payload.event,
                "session_id" => &mut payload.session,
                "transcript_path" => &mut payload.transcript,
                "cwd" => &mut payload.directory,
                "prompt" => &mut payload.prompt,
                "tool_name" => &mut payload.tool,
                "notification_type" => &mut payload.notification,
                "message" => &mut payload.message,
                "error" => &mut payload.error,
                "source" | "reason" | "trigger" => &mut payload.source,
                "tool_input" | "details" => {
                    let Input { question, argument } = map.next_value()?;
                    (payload.question, payload.argument) = (question, argument);
                    continue;
                }
                "background_tasks" => {
                    payload.background = map.next_value::<Count>()?.0;
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *member = map.next_value::<Text>()?.0;
        }
        Ok(())
    }
}

/// The beginning of a text, of a list of texts, or of the text in an object's `message`; nothing of whatever else.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            else_counts_as!(Text(String::new()), Text: visit_bool bool, visit_f64 f64);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.chars().take(CHARS).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                let mut words = Vec::new();
                while let Some(Text(word)) = list.next_element()? {
                    if words.len() < MOST {
                        words.push(word);
                    }
                }
                Ok(Text(words.join(" ")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                let mut found = String::new();
                while let Some(Text(name)) = map.next_key()? {
                    let Text(value) = map.next_value()?;
                    if name == "message" || name == "name" && found.is_empty() {
                        found = value;
                    }
                }
                Ok(Text(found))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        input.deserialize_any(Any)
    }
}

/// How many elements a list has.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = usize;

            else_counts_as!(0, usize: visit_str &str, visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(count)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(0)
            }
        }
        input.deserialize_any(Any).map(Count)
    }
}

/// What a tool is given: what it works on, in one text.
#[derive(Default)]
struct Input {
    question: String,
    argument: String,
}

/// The members that say what a tool works on, the most telling first.
const TELLING: [&str; 15] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "absolute_path",
    "notebook_path",
    "path",
    "pattern",
    "url",
    "query",
    "skill",
    "description",
    "prompt",
    "title",
    "task",
];

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Input;

            else_counts_as!(Input::default(), Input: visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the input of a tool")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Input, A::Error> {
                let mut found = Input::default();
                let mut rank = TELLING.len();
                while let Some(Text(name)) = map.next_key()? {
                    if name == "questions" {
                        found.question = map.next_value::<Questions>()?.0;
                        continue;
                    }
                    if name == "question" {
                        found.question = map.next_value::<Text>()?.0;
                        continue;
                    }
                    match TELLING.iter().position(|known| *known == name).filter(|place| *place < rank) {
                        Some(place) => {
                            let Text(value) = map.next_value()?;
                            if !value.trim().is_empty() {
                                (rank, found.argument) = (place, value);
                            }
                        }
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(found)
            }

            fn visit_str<E>(self, text: &str) -> Result<Input, E> {
                Ok(Input { argument: text.chars().take(CHARS).collect(), ..Input::default() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Input, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Input::default())
            }
        }
        input.deserialize_any(Object)
    }
}

/// The text of the first question of a list.
struct Questions(String);

impl<'de> Deserialize<'de> for Questions {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Question {
            question: String,
        }
        let questions: Vec<Question> = Vec::deserialize(input)?;
        let first = questions.into_iter().next().unwrap_or_default().question;
        Ok(Questions(first.chars().take(CHARS).collect()))
    }
}
