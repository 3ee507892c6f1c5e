//! What the events of agent programs mean. Their names do not collide, so there is one table for all programs.

use super::payload::Payload;
use consort_core::directory::signal::one_line;
use consort_web::hook::{Does, HookMessage};

/// The message to the node; nothing if the event says nothing that the node wants to know.
pub(super) fn message(program: &str, payload: &Payload) -> Option<HookMessage> {
    let mut subagent = None;
    let (does, why) = match payload.event.as_str() {
        "SessionStart" if payload.source == "compact" => (Does::Same, String::new()),
        "SessionStart" => (Does::Idle, "it waits for a prompt".to_owned()),
        // `/clear` ends a conversation and begins another.
        "SessionEnd" => (Does::Over, String::new()),
        "UserPromptSubmit" | "BeforeAgent" => (Does::Working, format!("works on “{}”", one_line(&payload.prompt))),
        "PreToolUse" | "BeforeTool" => (Does::Working, tool(payload)),
        "PostToolUse" | "PostToolUseFailure" | "AfterTool" => {
            (Does::Working, format!("goes on after {}", tool(payload)))
        }
        "PermissionRequest" if !payload.question.is_empty() => {
            (Does::Waiting, format!("“{}”", one_line(&payload.question)))
        }
        "PermissionRequest" => (Does::Waiting, format!("may it use {}?", tool(payload))),
        "Stop" | "AfterAgent" => (Does::Idle, finished(payload.background)),
        "StopFailure" => (Does::Failed, failure(payload)),
        "SubagentStart" => {
            subagent = Some(true);
            (Does::Same, String::new())
        }
        "SubagentStop" => {
            subagent = Some(false);
            (Does::Same, String::new())
        }
        "Elicitation" => (Does::Waiting, format!("“{}”", one_line(&payload.message))),
        "ElicitationResult" => (Does::Working, "its question was answered".to_owned()),
        "PreCompact" | "PreCompress" => (Does::Working, "shortens the conversation".to_owned()),
        "PostCompact" => (Does::Over, String::new()),
        "Notification" => match payload.notification.as_str() {
            "ToolPermission" => (Does::Waiting, format!("may it use {}?", tool(payload))),
            "elicitation_dialog" => (Does::Waiting, format!("“{}”", one_line(&payload.message))),
            "idle_prompt" => (Does::Idle, "it waits for a prompt".to_owned()),
            // `permission_prompt` comes six seconds after the question, and may be over by then.
            _ => (Does::Same, String::new()),
        },
        // Of our plugin for OpenCode, by the names of its events.
        "session.busy" => (Does::Working, "works".to_owned()),
        "session.retry" => (Does::Failed, format!("tries again: {}", one_line(&payload.message))),
        "session.idle" => (Does::Idle, finished(0)),
        "session.interrupted" => (Does::Idle, "it was interrupted".to_owned()),
        "session.error" => (Does::Failed, failure(payload)),
        "permission.asked" => (Does::Waiting, format!("may it use {}?", tool(payload))),
        "question.asked" => (Does::Waiting, format!("“{}”", one_line(&payload.question))),
        "permission.replied" | "question.replied" | "question.rejected" => {
            (Does::Working, "its question was answered".to_owned())
        }
        "session.created" => (Does::Same, String::new()),
        _ => return None,
    };
    let session = (!payload.session.is_empty()).then(|| (payload.session.clone(), payload.transcript.clone()));
    if does == Does::Same && subagent.is_none() && session.is_none() {
        return None;
    }
    let program = program.to_owned();
    Some(HookMessage { program, does, why: one_line(&why), session, subagent, ..HookMessage::default() })
}

/// A tool and what it works on.
fn tool(payload: &Payload) -> String {
    let name = if payload.tool.is_empty() { "a tool" } else { &payload.tool };
    let argument = payload.argument.trim();
    let below = argument.strip_prefix(payload.directory.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let argument = below.filter(|_| !payload.directory.is_empty()).unwrap_or(argument);
    if argument.is_empty() { name.to_owned() } else { format!("{name}: {argument}") }
}

fn finished(background: usize) -> String {
    match background {
        0 => "it has finished".to_owned(),
        1 => "it has finished; a task runs on in the background".to_owned(),
        count => format!("it has finished; {count} tasks run on in the background"),
    }
}

fn failure(payload: &Payload) -> String {
    let words: Vec<&str> =
        [payload.error.trim(), payload.message.trim()].into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "it has failed".to_owned() } else { words.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(payload: Value) -> Option<HookMessage> {
        message("claude", &Payload::read(payload.to_string().as_bytes()))
    }

    fn said(payload: Value) -> (Does, String) {
        let message = read(payload).unwrap();
        (message.does, message.why)
    }

    #[test]
    fn claude_s_events_say_what_it_does_and_on_what() {
        let tool = json!({ "hook_event_name": "PreToolUse", "cwd": "/w", "tool_name": "Read", "tool_input": { "limit": 5, "file_path": "/w/src/a.rs" } });
        assert_eq!(said(tool), (Does::Working, "Read: src/a.rs".into()));
        let bash = json!({ "hook_event_name": "PermissionRequest", "cwd": "/w", "tool_name": "Bash", "tool_input": { "description": "d", "command": "rm -r\n\u{1b}[2J x" } });
        assert_eq!(said(bash), (Does::Waiting, "may it use Bash: rm -r [2J x?".into()));
        let question = json!({ "hook_event_name": "PermissionRequest", "tool_name": "AskUserQuestion", "tool_input": { "questions": [{ "question": "Which colour?", "options": [{ "label": "Blue" }] }] } });
        assert_eq!(said(question), (Does::Waiting, "“Which colour?”".into()));
        let stop = json!({ "hook_event_name": "Stop", "background_tasks": [{}, {}], "stop_hook_active": false });
        assert_eq!(said(stop).1, "it has finished; 2 tasks run on in the background");
        assert_eq!(
            said(json!({ "hook_event_name": "StopFailure", "error": "server_error" })),
            (Does::Failed, "server_error".into())
        );
    }

    #[test]
    fn a_session_s_id_and_file_go_along_with_every_event() {
        let start = json!({ "session_id": "5f-1", "transcript_path": "/t.jsonl", "hook_event_name": "SessionStart", "source": "clear" });
        let message = read(start).unwrap();
        assert_eq!((message.does, message.session), (Does::Idle, Some(("5f-1".into(), "/t.jsonl".into()))));
        let compact =
            read(json!({ "session_id": "5f-1", "hook_event_name": "SessionStart", "source": "compact" })).unwrap();
        assert_eq!(compact.does, Does::Same, "it works on");
    }

    #[test]
    fn gemini_asks_by_a_notification() {
        let asks = json!({ "hook_event_name": "Notification", "notification_type": "ToolPermission", "message": "m", "details": { "type": "exec", "title": "Confirm", "command": "touch x" } });
        assert_eq!(said(asks), (Does::Waiting, "may it use a tool: touch x?".into()));
        let late = json!({ "hook_event_name": "Notification", "notification_type": "permission_prompt" });
        assert_eq!(read(late), None, "the question may be over");
    }

    #[test]
    fn what_breaks_off_counts_as_far_as_it_goes() {
        let long = json!({ "session_id": "5f-1", "hook_event_name": "PostToolUse", "tool_name": "Write", "tool_input": { "file_path": "/a", "content": "x".repeat(100) } });
        let text = long.to_string();
        let whole = read(long.clone()).unwrap();
        assert_eq!(whole.why, "goes on after Write: /a");
        // serde_json writes members in the order of the alphabet.
        let event = text.find("session_id").unwrap();
        let cut = message("claude", &Payload::read(&text.as_bytes()[..event])).unwrap();
        assert_eq!((cut.does, cut.session), (Does::Working, None));
        for end in 0..text.len() {
            let _ = message("claude", &Payload::read(&text.as_bytes()[..end]));
        }
    }

    #[test]
    fn whatever_members_are_nothing_breaks() {
        for value in [json!(null), json!(1), json!(-1.5), json!([1, ["a"]]), json!({ "a": { "b": [] } }), json!(true)] {
            let payload = json!({ "tool_input": value, "prompt": value, "error": value, "background_tasks": value, "hook_event_name": "Stop" });
            assert!(matches!(read(payload).unwrap().does, Does::Idle));
        }
        for text in ["", "[]", "nonsense", "{", "\u{feff}{}", "{\"hook_event_name\": 5}"] {
            assert_eq!(message("x", &Payload::read(text.as_bytes())), None, "{text}");
        }
        assert_eq!(read(json!({ "hook_event_name": "OfTheFuture", "session_id": "1" })), None);
    }
}
