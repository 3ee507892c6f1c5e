//! HTTP turned into core commands and core views into JSON: the API, the browser protocol, who may come in, and the
//! embedded dashboard.
//!
//! This crate touches no socket, no file and no clock. A runtime parses a request as far as its head and its body, says where
//! it came from and what time it is, and gets back a [`Response`] as a value.
//!
//! - [`http`]: requests and responses as data.
//! - [`auth`]: which requests are let in.
//! - [`api`]: every endpoint; what a runtime has to offer is the trait [`api::Node`].
//! - [`environment`]: what a node says of the environment of agents.
//! - [`frames`]: the messages of the browser's WebSocket.
//! - [`json`]: agents, nodes and control messages as JSON.
//! - [`lines`]: what is known of links beside what core knows.
//! - [`tmux`]: what the node sees of tmux beside the agents.
//! - [`assets`]: the dashboard's files.
#![forbid(unsafe_code)]

pub mod api;
pub mod assets;
pub mod auth;
pub mod environment;
pub mod events;
pub mod frames;
pub mod hook;
pub mod http;
pub mod json;
pub mod lines;
mod percent;
mod refusal;
pub mod tmux;

pub use api::{Api, Node};
pub use http::{Clock, Head, Headers, Response, Via};
