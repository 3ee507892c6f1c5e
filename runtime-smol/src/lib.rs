//! The runtime of Consort on real machines: smol, sockets, PTYs and tmux, files.

pub mod api_node;
pub mod audit;
pub mod backend;
pub mod background;
pub mod cli;
pub mod dialect;
pub mod directories;
pub mod door;
pub mod driver;
pub mod environment;
pub mod hook;
mod journal;
mod keyboard;
pub mod launch;
pub mod link;
pub mod origins;
pub mod paste;
pub mod peers;
pub mod pty;
pub mod recorder;
mod screens;
pub mod serve;
mod session;
pub mod sockets;
pub mod store;
pub mod tmux;
pub mod viewer;
