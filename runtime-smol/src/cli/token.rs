//! `consort token`: the permanent access token, read from the state directory.

use super::failure::Failure;
use super::output;
use super::state_dir::TOKEN_FILE;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Hexadecimal digits of a token.
const DIGITS: usize = 64;

pub(crate) fn print(state_dir: &Path) -> Result<(), Failure> {
    let path = state_dir.join(TOKEN_FILE);
    let token = read(&path)?;
    let open = std::fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open {
        eprintln!("consort: Other users can read {0}. Change that with: chmod 600 {0}", path.display());
    }
    output::line(&token)
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(format!("There is no token yet ({}).", path.display()))
            .hint("It is made when a node starts here for the first time: consort"),
        _ => Failure::new(format!("{}: {error}", path.display())),
    })?;
    let token = text.trim();
    if token.len() == DIGITS && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(token.into());
    }
    Err(Failure::new(format!("{} does not hold a token of {DIGITS} hexadecimal digits.", path.display())).hint(
        "Delete it and restart the node: it makes a new one. Scripts that use the old one need the new one then.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sixty_four_hexadecimal_digits_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(read(&path).unwrap_err().to_string().contains("no token yet"));
        std::fs::write(&path, "ab".repeat(32) + "\n").unwrap();
        assert_eq!(read(&path), Ok("ab".repeat(32)));
        for bad in ["", "abc", &"zz".repeat(32)] {
            std::fs::write(&path, bad).unwrap();
            assert!(read(&path).is_err());
        }
    }
}
