//! OpenAI Responses: what Codex speaks.

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
    if let Value::String(text) = &body["input"] {
        turn.user_text(text);
    }
    for item in body["input"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("function_call_output" | "custom_tool_call_output") => turn.tool_result(&item["output"]),
            _ if item["role"] == "user" => {
                for part in item["content"].as_array().into_iter().flatten() {
                    turn.user_text(part["text"].as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    turn
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Responses {
    text: String,
    id: String,
    items: Vec<Value>,
}

impl Responses {
    fn message(&self) -> Value {
        json!({
            "type": "message", "id": self.id, "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": self.text, "annotations": [] }],
        })
    }

    /// Ends the text that is being written, if there is one.
    fn end_text(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let item = self.message();
        self.text.clear();
        self.done(out, item)
    }

    fn done(&mut self, out: &mut Answer<'_>, item: Value) -> std::io::Result<()> {
        let event = json!({ "type": "response.output_item.done", "output_index": self.items.len(), "item": item });
        self.items.push(item);
        send(out, &event)
    }

    fn response(&self, model: &str, status: &str) -> Value {
        json!({
            "id": "resp_1", "object": "response", "model": model, "status": status, "output": self.items,
            "usage": {
                "input_tokens": 100, "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": 20, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 120,
            },
        })
    }
}

fn send(out: &mut Answer<'_>, event: &Value) -> std::io::Result<()> {
    if out.streamed { out.event(event["type"].as_str(), event) } else { Ok(()) }
}

impl Protocol for Responses {
    fn begin(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        let response = self.response(&out.model, "in_progress");
        send(out, &json!({ "type": "response.created", "response": response }))
    }

    fn say(&mut self, out: &mut Answer<'_>, text: &str) -> std::io::Result<()> {
        if self.text.is_empty() {
            self.id = super::fresh("msg_");
            let mut item = self.message();
            (item["content"], item["status"]) = (json!([]), json!("in_progress"));
            send(
                out,
                &json!({ "type": "response.output_item.added", "output_index": self.items.len(), "item": item }),
            )?;
        }
        self.text.push_str(text);
        let index = self.items.len();
        send(
            out,
            &json!({
                "type": "response.output_text.delta", "item_id": self.id, "output_index": index, "content_index": 0, "delta": text,
            }),
        )
    }

    fn call(&mut self, out: &mut Answer<'_>, tool: &str, arguments: &Value) -> std::io::Result<()> {
        self.end_text(out)?;
        let item = json!({
            "type": "function_call", "id": super::fresh("fc_"), "call_id": super::fresh("call_"), "name": tool,
            "arguments": arguments.to_string(), "status": "completed",
        });
        self.done(out, item)
    }

    fn ping(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if out.streamed { out.chunk(": ping\n\n") } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        self.end_text(out)?;
        let response = self.response(&out.model, "completed");
        if !out.streamed {
            return out.whole(&response);
        }
        send(out, &json!({ "type": "response.completed", "response": response }))
    }

    fn error(&self, status: u16) -> Value {
        super::chat::error(status)
    }
}
