//! Where a node's Unix sockets are: in its state directory, or, if their paths would be longer than the system takes, in a short private
//! folder that is named after it. Node, command line and `doctor` all ask here, so that they always mean the same place.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The socket on which a node serves its API to the command line.
const CONTROL_SOCKET: &str = "control.sock";

/// The longest name of a private socket below the state directory.
const LONGEST: &str = "/run/http-4194304-9999.sock";

/// Bytes that every system takes for the path of a socket: 103 on macOS, 107 on Linux.
const PATH_BYTES: usize = 103;

/// A node's sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPlace {
    /// The control socket.
    pub control: PathBuf,
    /// A folder for the node's own sockets; must be closed to other users.
    pub private: PathBuf,
    /// The folder of both, if it is not the state directory: it must be made first, and be closed to other users.
    pub apart: Option<PathBuf>,
}

/// Where the sockets of the node with this state directory are.
#[must_use]
pub fn place(state_dir: &Path) -> SocketPlace {
    if state_dir.as_os_str().len() + LONGEST.len() <= PATH_BYTES {
        return SocketPlace { control: state_dir.join(CONTROL_SOCKET), private: state_dir.join("run"), apart: None };
    }
    // One state directory, one place, by whatever path it is named.
    let real = std::fs::canonicalize(state_dir).unwrap_or_else(|_| state_dir.to_owned());
    let mark = HEXLOWER.encode(&Sha256::digest(real.as_os_str().as_bytes())[..8]);
    // Not XDG_RUNTIME_DIR: it is gone when its user logs out, and a login over ssh or a service may have another one or none.
    let user = rustix::process::getuid().as_raw();
    let folder = PathBuf::from(format!("/tmp/consort-{user}-{mark}"));
    SocketPlace { control: folder.join(CONTROL_SOCKET), private: folder.join("run"), apart: Some(folder) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_state_directory_has_its_sockets_in_it() {
        let place = place(Path::new("/home/me/.local/state/consort"));
        assert_eq!(place.control, Path::new("/home/me/.local/state/consort/control.sock"));
        assert_eq!(place.apart, None);
    }

    #[test]
    fn every_length_gives_paths_that_a_socket_can_have() {
        for length in [10, 75, 76, 77, 80, 87, 100, 200, 4_000] {
            let state = PathBuf::from(format!("/{}", "x".repeat(length - 1)));
            let place = place(&state);
            let longest = place.private.join(LONGEST.trim_start_matches("/run/"));
            assert!(longest.as_os_str().len() <= PATH_BYTES, "{length}: {}", longest.display());
            assert_eq!(place.apart.is_some(), length > 76, "{length}");
        }
    }

    #[test]
    fn two_long_state_directories_have_two_places_and_one_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["1", "2"].map(|name| folder.path().join(name.repeat(100)));
        std::fs::create_dir(&one).unwrap();
        let link = folder.path().join("l".repeat(90));
        std::os::unix::fs::symlink(&one, &link).unwrap();
        assert_ne!(place(&one), place(&other));
        assert_eq!(place(&one), place(&link));
        assert_eq!(place(&one), place(&one.join(".")));
    }
}
