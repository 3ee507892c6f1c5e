//! Where the socket of the user's tmux server is. tmux decides that; so tmux is asked.

use super::quote::spelled;
use futures_lite::future;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A tmux that does not say it within this time is not waited for: its server may be stuck.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which server is meant: name or path of its socket (none: the user's default server), and the environment that counts.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// As in `tmux -L`, or with a slash as in `tmux -S`.
    pub socket: Option<&'a str>,
    /// `TMUX_TMPDIR`, if it is set.
    pub folder: Option<&'a OsString>,
}

impl Which<'_> {
    /// The arguments that name this server to a `tmux` process.
    #[must_use]
    pub fn arguments(&self) -> Vec<&str> {
        match self.socket {
            Some(path) if path.contains('/') => vec!["-S", path],
            Some(name) => vec!["-L", name],
            None => Vec::new(),
        }
    }

    /// Where tmux should put the socket, as its source says: below the first of `TMUX_TMPDIR` and `/tmp` that exists, without
    /// symbolic links. When this changes it is time to ask again; and it is what counts if tmux does not answer.
    #[must_use]
    pub fn expected(&self) -> PathBuf {
        if let Some(path) = self.socket.filter(|socket| socket.contains('/')) {
            return PathBuf::from(path);
        }
        let chosen = self.folder.filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let base = chosen.into_iter().chain([PathBuf::from("/tmp")]).find_map(|folder| folder.canonicalize().ok());
        let user = rustix::process::getuid().as_raw();
        let base = base.unwrap_or_else(|| PathBuf::from("/tmp"));
        base.join(format!("tmux-{user}")).join(self.socket.unwrap_or("default"))
    }

    /// Asks a tmux program. Starts no server, and needs none.
    ///
    /// # Errors
    /// What tmux says if it can have no socket: a folder that is not ours, or that others can write to.
    pub async fn ask(&self, tmux: &Path) -> Result<PathBuf, String> {
        if let Some(path) = self.socket.filter(|socket| socket.contains('/')) {
            return Ok(PathBuf::from(path));
        }
        let mut command = smol::process::Command::new(tmux);
        command.arg("-N").args(self.arguments()).args([&spelled("display-message"), "-p", "#{socket_path}"]);
        command.env_remove("TMUX").env_remove("TMUX_PANE").stdin(Stdio::null()).kill_on_drop(true);
        match self.folder {
            Some(folder) => command.env("TMUX_TMPDIR", folder),
            None => command.env_remove("TMUX_TMPDIR"),
        };
        let said = async { command.output().await.ok() };
        let late = async {
            smol::Timer::after(PATIENCE).await;
            None
        };
        let Some(output) = future::or(said, late).await else { return Ok(self.expected()) };
        match answer(&output.stdout, &output.stderr) {
            Answer::At(path) => Ok(path),
            Answer::Refused(reason) => Err(reason),
            Answer::Nothing => Ok(self.expected()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    At(PathBuf),
    Refused(String),
    Nothing,
}

/// A server says its path; without one the complaint names it. Hooks may print other lines.
fn answer(printed: &[u8], errors: &[u8]) -> Answer {
    let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
    if let Some(line) = printed.split(|b| *b == b'\n').find(|line| line.first() == Some(&b'/')) {
        return Answer::At(path(line));
    }
    for line in errors.split(|b| *b == b'\n') {
        if let Some(at) = line.strip_prefix(b"no server running on ") {
            return Answer::At(path(at));
        }
        if let Some(at) = line.strip_prefix(b"error connecting to ") {
            // The reason follows in parentheses.
            let end = at.windows(2).rposition(|pair| pair == b" (").unwrap_or(at.len());
            return Answer::At(path(&at[..end]));
        }
        let text = String::from_utf8_lossy(line);
        if ["directory", "socket path"].iter().any(|word| text.contains(word)) {
            return Answer::Refused(text.trim().to_owned());
        }
    }
    Answer::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_read_from_every_answer() {
        let at = |path: &str| Answer::At(PathBuf::from(path));
        assert_eq!(answer(b"0: 1 windows\n/tmp/tmux-0/a b\n", b""), at("/tmp/tmux-0/a b"));
        assert_eq!(answer(b"", b"no server running on /tmp/tmux-0/x\n"), at("/tmp/tmux-0/x"));
        assert_eq!(answer(b"", b"error connecting to /t (a)/x (No such file or directory)\n"), at("/t (a)/x"));
        let refused = "directory /tmp/tmux-0 has unsafe permissions";
        assert_eq!(answer(b"", refused.as_bytes()), Answer::Refused(refused.into()));
        assert_eq!(answer(b"", b""), Answer::Nothing);
    }

    #[test]
    fn a_name_with_a_slash_is_a_path() {
        let which = Which { socket: Some("/run/x"), folder: None };
        assert_eq!((which.arguments(), which.expected()), (vec!["-S", "/run/x"], PathBuf::from("/run/x")));
    }
}
