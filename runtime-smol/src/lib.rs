//! The runtime of Consort on real machines: smol, sockets, PTYs and tmux, files.

pub mod audit;
pub mod backend;
pub mod launch;
pub mod pty;
pub mod store;
