//! Builds the dashboard in `ui/` with npm and embeds its files, compressed, as a table in `OUT_DIR/assets.rs`.
//!
//! Writes nothing into the source tree but `ui/node_modules`. `CONSORT_UI_DIST=FOLDER` embeds a dashboard that was built
//! elsewhere, for machines without Node.js.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The oldest Node.js that the dashboard's tools run on.
const NODE: (u32, u32) = (20, 19);

/// What the dashboard is built from, relative to `ui/`.
const SOURCES: [&str; 8] =
    ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", ".npmrc"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    println!("cargo::rerun-if-env-changed=CONSORT_UI_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: build with cargo")?);
    let built = match env::var_os("CONSORT_UI_DIST") {
        Some(folder) => {
            let folder = PathBuf::from(folder);
            println!("cargo::rerun-if-changed={}", folder.display());
            folder
        }
        None => build_dashboard(&out)?,
    };
    embed(&built, &out)
}

fn build_dashboard(out: &Path) -> Result<PathBuf> {
    let ui = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?).join("ui");
    if !ui.join("package.json").exists() {
        return Err("web/ui/package.json is missing: the dashboard's sources are not here".into());
    }
    for source in SOURCES.iter().map(|name| ui.join(name)).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    check_node()?;
    if !modules_are_current(&ui) {
        run(npm(&ui).args(["ci", "--no-audit", "--no-fund"]))?;
    }
    let built = out.join("ui");
    run(npm(&ui).args(["run", "build", "--silent"]).env("CONSORT_UI_OUT", &built))?;
    Ok(built)
}

fn check_node() -> Result<()> {
    let help = format!(
        "install Node.js {}.{} or later (https://nodejs.org), or set CONSORT_UI_DIST to a folder with a built dashboard",
        NODE.0, NODE.1
    );
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("node cannot be run ({error}): {help}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= NODE => Ok(()),
        _ => Err(format!("node is version {}, which is too old: {help}", text.trim()).into()),
    }
}

/// npm writes `.package-lock.json` last: it is newer than the lock file that it installed.
fn modules_are_current(ui: &Path) -> bool {
    let changed = |path: &str| fs::metadata(ui.join(path)).and_then(|data| data.modified());
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

fn npm(ui: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(ui).stdin(Stdio::null());
    command
}

/// Runs a command silently; what it printed is shown only if it fails.
fn run(command: &mut Command) -> Result<()> {
    let name = format!("{} {}", "npm", command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" "));
    let output =
        command.output().map_err(|error| format!("{name} cannot be run ({error}): install npm with Node.js"))?;
    if output.status.success() {
        return Ok(());
    }
    for line in [output.stdout, output.stderr].iter().flat_map(|text| text.split(|byte| *byte == b'\n')) {
        eprintln!("{}", String::from_utf8_lossy(line));
    }
    Err(format!("{name} failed in web/ui: its output is above; run it there by hand to see more").into())
}

fn embed(folder: &Path, out: &Path) -> Result<()> {
    let packed = out.join("packed");
    if packed.exists() {
        fs::remove_dir_all(&packed)?;
    }
    fs::create_dir_all(&packed)?;
    let mut files = Vec::new();
    collect(folder, folder, &mut files)
        .map_err(|error| format!("the built dashboard in {} cannot be read: {error}", folder.display()))?;
    files.sort();
    if !files.iter().any(|(path, _)| path == "/index.html") {
        return Err(format!("{} has no index.html: it is not a built dashboard", folder.display()).into());
    }
    let mut table = format!("pub(super) static ASSETS: [Asset; {}] = [\n", files.len());
    for (at, (path, file)) in files.iter().enumerate() {
        let plain = fs::read(file)?;
        let gzip = compressed(&plain)?;
        let smaller = gzip.len() < plain.len();
        let stored = packed.join(at.to_string());
        fs::write(&stored, if smaller { &gzip } else { &plain })?;
        let etag = format!("\"{:016x}\"", hash(&plain));
        writeln!(
            table,
            "    Asset {{ path: {path:?}, content_type: {:?}, etag: {etag:?}, size: {}, bytes: include_bytes!({:?}), gzip: {smaller}, plain: OnceLock::new() }},",
            content_type(path),
            plain.len(),
            stored.display().to_string(),
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            let parts: Vec<_> = relative.iter().map(OsStr::to_string_lossy).collect();
            files.push((format!("/{}", parts.join("/")), path));
        }
    }
    Ok(())
}

fn compressed(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// Tells versions of one file apart; nothing depends on it being the same in another build.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
