//! Anthropic Messages: what Claude Code speaks.

use super::http::Answer;
use super::{Protocol, Turn};
use serde_json::{Value, json};

/// Reads a request.
pub(super) fn turn(body: &Value) -> Turn {
    let mut turn = Turn {
        tools: super::names(&body["tools"], |tool| &tool["name"]),
        streamed: body["stream"] == true,
        model: body["model"].as_str().unwrap_or("model").to_string(),
        ..Turn::default()
    };
    for message in body["messages"].as_array().into_iter().flatten().filter(|message| message["role"] == "user") {
        match &message["content"] {
            Value::String(text) => turn.user_text(text),
            parts => {
                for part in parts.as_array().into_iter().flatten() {
                    match part["type"].as_str() {
                        Some("text") => turn.user_text(part["text"].as_str().unwrap_or_default()),
                        Some("tool_result") => turn.tool_result(&part["content"]),
                        _ => {}
                    }
                }
            }
        }
    }
    turn
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Messages {
    blocks: Vec<Value>,
    called: bool,
}

impl Messages {
    fn block(&mut self, out: &mut Answer<'_>, start: &Value, delta: &Value, whole: Value) -> std::io::Result<()> {
        let index = self.blocks.len();
        self.blocks.push(whole);
        if !out.streamed {
            return Ok(());
        }
        let events = [
            json!({ "type": "content_block_start", "index": index, "content_block": start }),
            json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            json!({ "type": "content_block_stop", "index": index }),
        ];
        events.iter().try_for_each(|event| out.event(event["type"].as_str(), event))
    }

    fn message(&self, model: &str) -> Value {
        let reason = if self.called { "tool_use" } else { "end_turn" };
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": self.blocks, "stop_reason": reason,
            "stop_sequence": null, "usage": { "input_tokens": 100, "output_tokens": 20 },
        })
    }
}

impl Protocol for Messages {
    fn begin(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if !out.streamed {
            return Ok(());
        }
        let mut message = self.message(&out.model);
        message["stop_reason"] = Value::Null;
        out.event(Some("message_start"), &json!({ "type": "message_start", "message": message }))
    }

    fn say(&mut self, out: &mut Answer<'_>, text: &str) -> std::io::Result<()> {
        let delta = json!({ "type": "text_delta", "text": text });
        self.block(out, &json!({ "type": "text", "text": "" }), &delta, json!({ "type": "text", "text": text }))
    }

    fn call(&mut self, out: &mut Answer<'_>, tool: &str, arguments: &Value) -> std::io::Result<()> {
        self.called = true;
        let id = super::fresh("toolu_");
        let start = json!({ "type": "tool_use", "id": id, "name": tool, "input": {} });
        let delta = json!({ "type": "input_json_delta", "partial_json": arguments.to_string() });
        self.block(out, &start, &delta, json!({ "type": "tool_use", "id": id, "name": tool, "input": arguments }))
    }

    fn ping(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if out.streamed { out.event(Some("ping"), &json!({ "type": "ping" })) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        let message = self.message(&out.model);
        if !out.streamed {
            return out.whole(&message);
        }
        let delta = json!({ "stop_reason": message["stop_reason"], "stop_sequence": null });
        out.event(
            Some("message_delta"),
            &json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": 20 } }),
        )?;
        out.event(Some("message_stop"), &json!({ "type": "message_stop" }))
    }

    fn error(&self, status: u16) -> Value {
        let (kind, message) = match status {
            401 => ("authentication_error", "invalid x-api-key"),
            429 => ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
            529 => ("overloaded_error", "Overloaded"),
            _ => ("api_error", "Internal server error"),
        };
        json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
    }
}
