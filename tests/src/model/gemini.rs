//! The Gemini API: what Gemini CLI speaks.

use super::http::Answer;
use super::{Protocol, Turn};
use serde_json::{Value, json};

/// Reads a request.
pub(super) fn turn(body: &Value, streamed: bool) -> Turn {
    let mut turn = Turn { streamed, model: "gemini".to_string(), ..Turn::default() };
    for tool in body["tools"].as_array().into_iter().flatten() {
        turn.tools.extend(super::names(&tool["functionDeclarations"], |function| &function["name"]));
    }
    for content in body["contents"].as_array().into_iter().flatten().filter(|content| content["role"] == "user") {
        for part in content["parts"].as_array().into_iter().flatten() {
            if part["functionResponse"].is_object() {
                turn.tool_result(&part["functionResponse"]["response"]);
            }
            turn.user_text(part["text"].as_str().unwrap_or_default());
        }
    }
    turn
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Content {
    parts: Vec<Value>,
}

impl Content {
    fn part(&mut self, out: &mut Answer<'_>, part: Value) -> std::io::Result<()> {
        self.parts.push(part.clone());
        if out.streamed { out.event(None, &response(&[part], None)) } else { Ok(()) }
    }
}

fn response(parts: &[Value], reason: Option<&str>) -> Value {
    let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": parts } });
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    let usage = json!({ "promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120 });
    json!({ "candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini" })
}

impl Protocol for Content {
    fn begin(&mut self, _: &mut Answer<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn say(&mut self, out: &mut Answer<'_>, text: &str) -> std::io::Result<()> {
        self.part(out, json!({ "text": text }))
    }

    fn call(&mut self, out: &mut Answer<'_>, tool: &str, arguments: &Value) -> std::io::Result<()> {
        self.part(out, json!({ "functionCall": { "id": super::fresh("call_"), "name": tool, "args": arguments } }))
    }

    fn ping(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        // Its reader knows no comments; an event without content is what the real API sends, too.
        if out.streamed { out.event(None, &json!({ "modelVersion": "gemini" })) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Answer<'_>) -> std::io::Result<()> {
        if out.streamed {
            return out.event(None, &response(&[json!({ "text": "" })], Some("STOP")));
        }
        out.whole(&response(&self.parts, Some("STOP")))
    }

    fn error(&self, status: u16) -> Value {
        let (code, message) = match status {
            401 => ("UNAUTHENTICATED", "API key not valid. Please pass a valid API key."),
            429 => {
                ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details.")
            }
            _ => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        };
        // As the real API says that a day's quota is used up; without that it is a limit that is waited for.
        let details = if status == 429 {
            json!([{
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{ "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250" }],
            }])
        } else {
            json!([])
        };
        json!({ "error": { "code": status, "status": code, "message": message, "details": details } })
    }
}
