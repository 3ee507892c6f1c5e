//! Changes of the user's own settings of a program, so that its hooks report: small edits of the text, which leave order, formatting and
//! everybody else's hooks as they are. Pure.

use serde_json::Value;

/// Why a file is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// A value in a text, with where it is.
#[derive(Clone, Debug)]
struct Node {
    start: usize,
    end: usize,
    items: Items,
}

#[derive(Clone, Debug)]
enum Items {
    /// Names, with where each member begins.
    Object(Vec<(String, usize, Node)>),
    Array(Vec<Node>),
    Plain,
}

impl Node {
    fn member(&self, name: &str) -> Option<&Node> {
        let Items::Object(members) = &self.items else { return None };
        members.iter().find(|(known, ..)| known == name).map(|(_, _, node)| node)
    }

    /// Where its parts begin and end.
    fn parts(&self) -> Vec<(usize, usize)> {
        match &self.items {
            Items::Object(members) => members.iter().map(|(_, start, node)| (*start, node.end)).collect(),
            Items::Array(nodes) => nodes.iter().map(|node| (node.start, node.end)).collect(),
            Items::Plain => Vec::new(),
        }
    }
}

/// The text with these hooks, each for its event, unless it has them.
///
/// # Errors
/// It is not JSON, or its hooks are something else than expected.
pub(crate) fn installed(
    text: &str,
    hooks: &[(String, Value)],
    is_ours: impl Fn(&str) -> bool,
) -> Result<String, Unreadable> {
    let blank = text.trim().is_empty();
    let mut text = if blank { "{}\n".to_owned() } else { text.to_owned() };
    let step = indentation(&text);
    for (event, hook) in hooks {
        let root = parsed(&text)?;
        let Some(all) = root.member("hooks") else {
            let value = serde_json::json!({ event: [hook] });
            text = with_part(&text, &root, 0, &step, &member("hooks", &value));
            continue;
        };
        if !matches!(all.items, Items::Object(_)) {
            return Err(Unreadable("its \"hooks\" are no object".into()));
        }
        let Some(list) = all.member(event) else {
            text = with_part(&text, all, 1, &step, &member(event, &serde_json::json!([hook])));
            continue;
        };
        let Items::Array(entries) = &list.items else {
            return Err(Unreadable(format!("its hooks for {event} are no list")));
        };
        let ours = entries.iter().find(|entry| is_ours(&text[entry.start..entry.end]));
        match ours {
            // As another version, or for another state folder: replaced where it is.
            Some(entry) if serde_json::from_str::<Value>(&text[entry.start..entry.end]).ok().as_ref() != Some(hook) => {
                let new = indented(hook, &step, 3);
                text.replace_range(entry.start..entry.end, &new);
            }
            Some(_) => {}
            None => text = with_part(&text, list, 2, &step, &|step: &str, depth: usize| indented(hook, step, depth)),
        }
    }
    Ok(text)
}

/// The text without our hooks, and without what is empty then.
///
/// # Errors
/// As for [`installed`].
pub(crate) fn removed(text: &str, is_ours: impl Fn(&str) -> bool) -> Result<String, Unreadable> {
    let mut text = text.to_owned();
    loop {
        let root = parsed(&text)?;
        let Some(all) = root.member("hooks") else { return Ok(text) };
        let Items::Object(events) = &all.items else { return Ok(text) };
        let place = |node: &Node| {
            let Items::Array(entries) = &node.items else { return None };
            entries.iter().position(|entry| is_ours(&text[entry.start..entry.end]))
        };
        let Some((at, entry)) = events.iter().enumerate().find_map(|(at, (_, _, node))| Some((at, place(node)?)))
        else {
            return Ok(text);
        };
        let list = &events[at].2;
        text = if list.parts().len() > 1 {
            without_part(&text, list, entry)
        } else if events.len() > 1 {
            without_part(&text, all, at)
        } else {
            let place = root.parts().iter().position(|part| part.1 == all.end).unwrap_or(0);
            without_part(&text, &root, place)
        };
    }
}

/// For which events the text has our hooks.
pub(crate) fn events(text: &str, is_ours: impl Fn(&str) -> bool) -> Result<Vec<String>, Unreadable> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let root = parsed(text)?;
    let Some(Items::Object(events)) = root.member("hooks").map(|node| &node.items) else { return Ok(Vec::new()) };
    let has = |node: &Node| node.parts().iter().any(|(start, end)| is_ours(&text[*start..*end]));
    Ok(events.iter().filter(|(_, _, node)| has(node)).map(|(name, ..)| name.clone()).collect())
}

fn member(name: &str, value: &Value) -> impl Fn(&str, usize) -> String {
    let (name, value) = (Value::from(name).to_string(), value.clone());
    move |step: &str, depth: usize| format!("{name}: {}", indented(&value, step, depth))
}

/// The value in several lines; all but the first are indented this deep.
fn indented(value: &Value, step: &str, depth: usize) -> String {
    let pretty = format!("{value:#}");
    let mut lines = pretty.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let bare = line.trim_start();
        text.push('\n');
        text.push_str(&step.repeat(depth + (line.len() - bare.len()) / 2));
        text.push_str(bare);
    }
    text
}

/// With one more part at the end of an object or a list, which is this deep.
fn with_part(text: &str, node: &Node, depth: usize, step: &str, part: &dyn Fn(&str, usize) -> String) -> String {
    let part = part(step, depth + 1);
    let mut text = text.to_owned();
    match node.parts().last() {
        Some((_, end)) => text.insert_str(*end, &format!(",\n{}{part}", step.repeat(depth + 1))),
        None => {
            let inside = format!("\n{}{part}\n{}", step.repeat(depth + 1), step.repeat(depth));
            text.replace_range(node.start + 1..node.end - 1, &inside);
        }
    }
    text
}

/// Without one part of an object or a list, and the comma beside it.
fn without_part(text: &str, node: &Node, at: usize) -> String {
    let parts = node.parts();
    let gone = match (at, parts.get(at + 1)) {
        (0, None) => node.start + 1..node.end - 1,
        (0, Some(next)) => parts[0].0..next.0,
        _ => parts[at - 1].1..parts[at].1,
    };
    let mut text = text.to_owned();
    text.replace_range(gone, "");
    text
}

/// What the text indents by.
fn indentation(text: &str) -> String {
    let first = text.lines().skip(1).find(|line| !line.trim().is_empty() && line.starts_with([' ', '\t']));
    let step: String = first.unwrap_or("  ").chars().take_while(|c| c.is_whitespace()).collect();
    if step.len() > 8 { "  ".to_owned() } else { step }
}

fn parsed(text: &str) -> Result<Node, Unreadable> {
    let whole: Value = serde_json::from_str(text).map_err(|error| Unreadable(format!("it is not JSON: {error}")))?;
    if !whole.is_object() {
        return Err(Unreadable("it is no JSON object".into()));
    }
    // It is JSON: looking for where things are cannot fail.
    let mut place = Place { text: text.as_bytes(), at: 0 };
    place.node().ok_or_else(|| Unreadable("it is nested too deeply".into()))
}

struct Place<'a> {
    text: &'a [u8],
    at: usize,
}

impl Place<'_> {
    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn node(&mut self) -> Option<Node> {
        self.blank();
        let start = self.at;
        let items = match *self.text.get(self.at)? {
            b'{' => {
                let mut members = Vec::new();
                self.each(b'}', |place| {
                    let begin = place.at;
                    let name = place.string()?;
                    place.blank();
                    place.at += 1;
                    members.push((name, begin, place.node()?));
                    Some(())
                })?;
                Items::Object(members)
            }
            b'[' => {
                let mut nodes = Vec::new();
                self.each(b']', |place| {
                    nodes.push(place.node()?);
                    Some(())
                })?;
                Items::Array(nodes)
            }
            b'"' => {
                self.string()?;
                Items::Plain
            }
            _ => {
                while self.text.get(self.at).is_some_and(|byte| !b",]} \t\r\n".contains(byte)) {
                    self.at += 1;
                }
                Items::Plain
            }
        };
        Some(Node { start, end: self.at, items })
    }

    fn each(&mut self, end: u8, mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        loop {
            self.blank();
            match *self.text.get(self.at)? {
                byte if byte == end => {
                    self.at += 1;
                    return Some(());
                }
                b',' => self.at += 1,
                _ => part(self)?,
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match *self.text.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(&self.text[start..self.at]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hooks() -> Vec<(String, Value)> {
        let hook = |matcher: bool| {
            let hook = json!({ "type": "command", "command": "/usr/bin/consort hook claude", "timeout": 5 });
            if matcher { json!({ "matcher": "*", "hooks": [hook] }) } else { json!({ "hooks": [hook] }) }
        };
        vec![("Stop".into(), hook(false)), ("PreToolUse".into(), hook(true))]
    }

    fn is_ours(entry: &str) -> bool {
        entry.contains("consort hook claude")
    }

    const FILES: [&str; 7] = [
        "{}",
        "{ \"model\": \"opus\" }\n",
        "{\n\t\"z\": 1,\n\t\"a\": [1, \"}\\\"{\"]\n}\n",
        "{\n  \"hooks\": {}\n}\n",
        "{\n    \"hooks\": {\n        \"Stop\": [\n            { \"hooks\": [{ \"type\": \"command\", \"command\": \"mine\" }] }\n        ]\n    },\n    \"model\": \"x\"\n}\n",
        "{\"hooks\":{\"PreToolUse\":[]},\"b\":null}",
        "{\"hooks\":{\"Other\":[{\"hooks\":[]}]}}",
    ];

    #[test]
    fn our_hooks_come_beside_what_is_there_and_go_again() {
        for file in FILES {
            let new = installed(file, &hooks(), is_ours).unwrap();
            let value: Value = serde_json::from_str(&new).unwrap_or_else(|error| panic!("{error}: {new}"));
            let before: Value = serde_json::from_str(file).unwrap();
            for (event, hook) in hooks() {
                let list = value["hooks"][&event].as_array().unwrap();
                assert_eq!(list.last(), Some(&hook), "{new}");
                let others = before["hooks"][&event].as_array().cloned().unwrap_or_default();
                assert_eq!(list[..list.len() - 1], others[..], "other people's come first: {new}");
            }
            assert_eq!(installed(&new, &hooks(), is_ours).unwrap(), new, "again changes nothing");
            assert_eq!(events(&new, is_ours).unwrap().len(), 2);
            let gone = removed(&new, is_ours).unwrap();
            assert!(!gone.contains("consort"), "{gone}");
            let mut after: Value = serde_json::from_str(&gone).unwrap();
            let mut before = before;
            for value in [&mut before, &mut after] {
                // What was empty before may be gone.
                if let Some(hooks) = value["hooks"].as_object_mut() {
                    hooks.retain(|_, list| list != &json!([]));
                }
                if value["hooks"] == json!({}) || value["hooks"].is_null() {
                    value.as_object_mut().unwrap().remove("hooks");
                }
            }
            assert_eq!(before, after, "{file} became {gone}");
        }
    }

    #[test]
    fn what_others_wrote_stays_byte_for_byte() {
        for file in [FILES[1], FILES[2], FILES[4], FILES[6]] {
            let new = installed(file, &hooks(), is_ours).unwrap();
            assert_eq!(removed(&new, is_ours).unwrap(), file);
        }
        let tabs = installed(FILES[2], &hooks(), is_ours).unwrap();
        assert!(tabs.contains("\n\t\"hooks\": {\n\t\t\"Stop\": ["), "{tabs}");
    }

    #[test]
    fn a_hook_of_another_place_is_replaced() {
        let old = installed("{}", &hooks(), is_ours).unwrap().replace("/usr/bin/consort", "/old/consort");
        let new = installed(&old, &hooks(), is_ours).unwrap();
        assert_eq!(new.matches("/usr/bin/consort hook claude").count(), 2, "{new}");
        assert!(!new.contains("/old/"));
    }

    #[test]
    fn what_cannot_be_read_is_not_touched() {
        for file in ["{", "[]", "// a comment\n{}", "{\"hooks\": 5}", "{\"hooks\": {\"Stop\": {}}}", "{\"a\":1,}"] {
            assert!(installed(file, &hooks(), is_ours).is_err(), "{file}");
        }
    }
}
