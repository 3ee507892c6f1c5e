//! The endpoints about what agents of this node are started with. Values of variables are in no list; each is asked for by name.

use super::body::{self, parse};
use super::{Api, Audit};
use crate::environment::check_variable;
use crate::http::{Head, Problem, Response};
use serde_json::json;

impl Api {
    /// Where the environment of agents is from, and which variables the user has set for all of them.
    pub(super) fn environment(&self, status: u16) -> Response {
        Response::json(status, &self.node.environment())
    }

    pub(super) async fn reload_environment(&self) -> Response {
        Response::json(200, &self.node.reload_environment().await)
    }

    pub(super) fn variable(&self, name: Option<&str>) -> Result<Response, Problem> {
        let name = name.unwrap_or_default();
        let value = self.node.variable(name).ok_or_else(|| not_set(name))?;
        self.node.audit(Audit::VariableShown { name });
        Ok(Response::json(200, &json!({ "name": name, "value": value })))
    }

    pub(super) async fn set_variable(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let body::Variable { name, value } = parse(head, body)?;
        check_variable(&name, &value).map_err(|message| Problem::invalid(message, ""))?;
        let before = self.node.set_variable(name.clone(), Some(value)).await?;
        self.node.audit(Audit::VariableSet { name: &name });
        Ok(self.environment(if before { 200 } else { 201 }))
    }

    pub(super) async fn remove_variable(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let body::VariableName { name } = parse(head, body)?;
        if !self.node.set_variable(name.clone(), None).await? {
            return Err(not_set(&name));
        }
        self.node.audit(Audit::VariableRemoved { name: &name });
        Ok(self.environment(200))
    }
}

fn not_set(name: &str) -> Problem {
    let shown: String = name.chars().take(60).collect();
    let message = format!("There is no variable '{}' for all agents.", shown.escape_debug());
    Problem::new(404, "not-found", message, "See which there are: consort env list")
}
