//! What the product is compared with: the smallest WebSocket server in front of a bare PTY.

use consort_tests::BarePty;
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use tungstenite::{Message, WebSocket};

/// Serves one WebSocket client in front of a PTY, in one thread that polls both: nothing but what is needed.
pub(crate) fn serve_bare(program: &[&str]) -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let mut pty = BarePty::spawn(program);
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("a socket option");
        let mut socket = tungstenite::accept(stream).expect("a WebSocket");
        socket.get_ref().set_nonblocking(true).expect("a socket option");
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut ends = [PollFd::new(socket.get_ref(), PollFlags::IN), PollFd::new(&pty.master, PollFlags::IN)];
            poll(&mut ends, None).expect("poll");
            let (from_client, from_pty) = (!ends[0].revents().is_empty(), !ends[1].revents().is_empty());
            if from_pty {
                let Ok(count) = pty.master.read(&mut buffer) else { return };
                if !push(&mut socket, Message::binary(buffer[..count].to_vec())) {
                    return;
                }
            }
            if from_client && !take(&mut socket, &mut pty.master) {
                return;
            }
        }
    });
    (port, server)
}

/// Sends, waiting for room. False when the client is gone.
fn push(socket: &mut WebSocket<TcpStream>, message: Message) -> bool {
    let mut result = socket.send(message);
    while let Err(tungstenite::Error::Io(error)) = &result {
        if error.kind() != std::io::ErrorKind::WouldBlock {
            return false;
        }
        let mut end = [PollFd::new(socket.get_ref(), PollFlags::OUT)];
        poll(&mut end, None).expect("poll");
        result = socket.flush();
    }
    result.is_ok()
}

fn take(socket: &mut WebSocket<TcpStream>, pty: &mut File) -> bool {
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => pty.write_all(&bytes).expect("the PTY takes input"),
            Ok(Message::Close(_)) => return false,
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) => return error.kind() == std::io::ErrorKind::WouldBlock,
            Err(_) => return false,
        }
    }
}

/// A client of [`serve_bare`].
pub(crate) fn connect_bare(port: u16) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    tungstenite::client::client(format!("ws://127.0.0.1:{port}/"), stream).expect("a WebSocket").0
}
