//! OpenAI Chat Completions: what OpenCode, Qwen Code, Copilot CLI and Aider speak.

use super::http::Answer;
use super::{Protocol, Turn};
use serde_json::{Value, json};

/// Reads a request.
pub(super) fn turn(body: &Value) -> Turn {
    let mut turn = Turn {
        tools: super::names(&body["tools"], |tool| &tool["function"]["name"]),
        streamed: body["stream"] == true,
        model: body["model"].as_str().unwrap_or("model").to_string(),
        ..Turn::default()
    };
    for message in body["messages"].as_array().into_iter().flatten() {
        match message["role"].as_str() {
            Some("tool") => turn.tool_result(&message["content"]),
            Some("user") => match &message["content"] {
                Value::String(text) => turn.user_text(text),
                parts => {
                    for part in parts.as_array().into_iter().flatten() {
                        turn.user_text(part["text"].as_str().unwrap_or_default());
                    }
                }
            },
            _ => {}
        }
    }
    turn
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Completions {
    text: String,
    calls: Vec<Value>,
}

impl Completions {
    fn delta(&self, out: &mut Answer<'_>, delta: &Value, reason: Option<&str>) -> std::io::Result<()> {
        if !out.streamed {
            return Ok(());
        }
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": out.model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
        });
        out.event(None, &chunk)
    }

    fn reason(&self) -> &'static str {
        if self.calls.is_empty() { "stop" } else { "tool_calls" }
    }
}

impl Protocol for Completions {
    fn begin(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        self.delta(out, &json!({ "role": "assistant", "content": "" }), None)
    }

    fn say(&mut self, out: &mut Answer<'_>, text: &str) -> std::io::Result<()> {
        self.text.push_str(text);
        self.delta(out, &json!({ "content": text }), None)
    }

    fn call(&mut self, out: &mut Answer<'_>, tool: &str, arguments: &Value) -> std::io::Result<()> {
        let function = json!({ "name": tool, "arguments": arguments.to_string() });
        let mut call = json!({ "id": super::fresh("call_"), "type": "function", "function": function });
        self.calls.push(call.clone());
        call["index"] = json!(self.calls.len() - 1);
        self.delta(out, &json!({ "tool_calls": [call] }), None)
    }

    fn ping(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if out.streamed { out.chunk(": ping\n\n") } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        let usage = json!({ "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 });
        if !out.streamed {
            let mut message = json!({ "role": "assistant", "content": self.text });
            if !self.calls.is_empty() {
                message["tool_calls"] = json!(self.calls);
            }
            return out.whole(&json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": out.model, "usage": usage,
                "choices": [{ "index": 0, "message": message, "finish_reason": self.reason() }],
            }));
        }
        self.delta(out, &json!({}), Some(self.reason()))?;
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": out.model, "choices": [], "usage": usage,
        });
        out.event(None, &chunk)?;
        out.chunk("data: [DONE]\n\n")
    }

    fn error(&self, status: u16) -> Value {
        error(status)
    }
}

/// An error as both protocols of OpenAI write it.
pub(super) fn error(status: u16) -> Value {
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        429 => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            ("insufficient_quota", "insufficient_quota", message)
        }
        _ => ("server_error", "server_error", "The server had an error while processing your request."),
    };
    json!({ "error": { "type": kind, "code": code, "param": null, "message": message } })
}
