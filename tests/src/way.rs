//! The way to a node's port: from this machine, or from within the network in which the node runs.

use crate::net::Machine;
use std::net::TcpStream;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest;

/// Where a node listens on its loopback interface, and the token that lets a program in.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Whose loopback interface; none is this machine's.
    pub machine: Option<Machine>,
    /// Its port; 0 until it has one.
    pub port: u16,
    /// Its permanent token.
    pub token: String,
}

impl Way {
    /// Does something on the node's machine.
    pub fn within<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        match &self.machine {
            Some(machine) => machine.namespace().within(f),
            None => f(),
        }
    }

    /// A fresh connection.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = self.within(|| TcpStream::connect(("127.0.0.1", self.port))).expect("the node listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
    }

    /// A fresh WebSocket as a browser has it, before any greeting.
    ///
    /// # Panics
    /// If the node does not let it in.
    #[must_use]
    pub fn websocket(&self) -> WebSocket<TcpStream> {
        let port = self.port;
        let mut request = format!("ws://localhost:{port}/ws").into_client_request().expect("a request");
        let headers = request.headers_mut();
        headers.insert("Authorization", format!("Bearer {}", self.token).parse().expect("a header"));
        headers.insert("Origin", format!("http://localhost:{port}").parse().expect("a header"));
        tungstenite::client::client(request, self.connect()).expect("the node accepts the WebSocket").0
    }
}
