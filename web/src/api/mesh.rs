//! The endpoints about other nodes: who is there, inviting, joining, admitting.

use super::body::{self, parse};
use super::{Api, Invite, Joined, Meeting, look};
use crate::http::{Head, Problem, Response};
use crate::json::{Node as NodeJson, rights_name};
use consort_core::{NodeId, Reply, Rights};
use serde::Serialize;
use serde_json::json;

impl Api {
    /// All nodes, and everything about meeting others.
    pub(super) async fn peers(&self) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct Peers<'a> {
            peers: Vec<NodeJson<'a>>,
            requests: Vec<serde_json::Value>,
            asking: Vec<serde_json::Value>,
            invites: usize,
            used: Vec<serde_json::Value>,
            addresses: Vec<String>,
            listening: Vec<String>,
        }
        let Meeting { requests, asking, invites, used, addresses, listening } = self.node.meeting();
        let requests = requests.into_iter().map(|request| {
            json!({
                "id": request.node.to_string(), "short": request.node.short(), "name": request.name,
                "from": request.from, "age_ms": request.age_ms, "version": request.version,
            })
        });
        let asking = asking.into_iter().map(|asked| {
            json!({
                "id": asked.node.to_string(), "short": asked.node.short(), "name": asked.name, "address": asked.address,
                "rights": rights_name(asked.rights),
            })
        });
        let (requests, asking) = (requests.collect(), asking.collect());
        let used =
            used.into_iter().map(|(number, node)| json!({ "number": number, "node": node.to_string() })).collect();
        let facts = self.facts.clone();
        look(&*self.node, move |view, now| {
            let peers = NodeJson::all(view, now, &facts);
            Response::json(200, &Peers { peers, requests, asking, invites, used, addresses, listening })
        })
        .await
    }

    /// Where this node serves its user, and what carries the agents here: for `consort doctor`.
    pub(super) fn place(&self) -> Response {
        let serving: Vec<String> = self.facts.serving.iter().map(ToString::to_string).collect();
        let facts = &self.facts;
        let place = json!({
            "serving": serving,
            "tmux_socket": facts.tmux_socket,
            "pid": std::process::id(),
            "log": facts.log,
            "tmux": facts.tmux.get(),
        });
        Response::json(200, &place)
    }

    pub(super) async fn invite(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let Invite { number, code, lifetime_s, addresses } = self.node.invite(rights(head, body)?).await?;
        let command = format!("consort join {code}");
        let answer = json!({
            "number": number, "code": code, "command": command, "expires_s": lifetime_s, "addresses": addresses,
        });
        Ok(Response::json(201, &answer))
    }

    pub(super) async fn join(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let body::Join { target, rights } = parse(head, body)?;
        let Joined { node, name, rights: may } = self.node.join(&target, rights.into()).await?;
        let (status, state) = if may.is_some() { (200, "joined") } else { (202, "waiting") };
        let may = may.map(rights_name);
        let answer =
            json!({ "state": state, "id": node.to_string(), "short": node.short(), "name": name, "rights": may });
        Ok(Response::json(status, &answer))
    }

    pub(super) async fn admit_node(&self, node: NodeId, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let reply: Reply = self.node.admit(node, rights(head, body)?).await?;
        self.reply(reply).await
    }

    pub(super) async fn refuse(&self, node: NodeId) -> Result<Response, Problem> {
        self.node.refuse(node)?;
        self.reply(Reply::Node(node)).await
    }
}

/// The rights in a body, which may be left out.
fn rights(head: &Head<'_>, body: &[u8]) -> Result<Rights, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Rights::default());
    }
    Ok(parse::<body::Admit>(head, body)?.rights.into())
}
