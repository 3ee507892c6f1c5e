//! The runtime of Consort on real machines: smol, sockets, PTYs and tmux, files.

pub mod backend;
pub mod cli;
