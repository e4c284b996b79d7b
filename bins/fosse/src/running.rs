//! A running fosse-start as the kernel shows it: its command line, for a check of what it would
//! reload, and the socket of its fosse-status.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};
use fosse_model::{CONFIGURATION_BYTES_MAX, Environment};

use crate::configuration::Configuration;
use crate::{PROGRAM, programs};

/// Options of fosse-start with a value.
const WITH_VALUE: &[&str] =
    &["--config", "--config-fd", "--programs", "--dir", "--log-dir", "--certificates-dir", "--ready-fd"];
/// Those that are not for a check: a configuration on a descriptor cannot have changed.
const NOT_FOR_A_CHECK: &[&str] = &["--config-fd", "--programs", "--ready-fd", "--syslog-prefix"];

/// Returns whether a process is there.
pub(crate) fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Checks what a running fosse-start would reload, by `fosse-start --check` with the options it was
/// given, in its directory. Returns the exit status of what is wrong, which has been said.
pub(crate) fn check(pid: u32) -> Option<i32> {
    let words = words(pid)?;
    let options = options(words.iter().map(String::as_str));
    if options.iter().any(|(option, _)| *option == "--config-fd") {
        return None;
    }
    let named = options.iter().find(|(option, _)| *option == "--programs").and_then(|(_, value)| *value);
    let cwd = PathBuf::from(format!("/proc/{pid}/cwd"));
    let beside = || fs::read_link(format!("/proc/{pid}/exe")).ok()?.parent().map(Path::to_path_buf);
    let directory = named.map(|path| cwd.join(path)).or_else(beside).or_else(|| programs::directory(None).ok())?;
    let mut start = Command::new(directory.join("fosse-start"));
    // A certificate that has expired must not keep a change out that has nothing to do with it.
    start.args(["--check", "--permit-untimely"]).current_dir(cwd);
    in_environment(&mut start, pid);
    for (option, value) in options.iter().filter(|(option, _)| !NOT_FOR_A_CHECK.contains(option)) {
        start.arg(option).args(value);
    }
    match start.status().map(|status| status.code()) {
        Ok(Some(0)) => None,
        Ok(Some(EXIT_PERMANENT)) => Some(EXIT_PERMANENT),
        Ok(_) => Some(EXIT_TEMPORARY),
        Err(error) => {
            say(PROGRAM, Severity::Fatal, format_args!("unable to run {}: {error}", start.get_program().display()));
            Some(EXIT_TEMPORARY)
        }
    }
}

/// Returns the words of a process's command line, after the program.
fn words(pid: u32) -> Option<Vec<String>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).skip(1).filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// Returns the environment of a process, where this user may read it.
fn environment(pid: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/environ")).ok()
}

/// Has a command run in the environment of a running fosse-start, whose variables its configuration
/// may name; in that of this process where this user may not read it.
fn in_environment(command: &mut Command, pid: u32) {
    let Some(block) = environment(pid) else { return };
    command.env_clear();
    for pair in block.split(|byte| *byte == 0) {
        let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (OsStr::from_bytes(&pair[..at]), OsStr::from_bytes(&pair[at + 1..]));
        if !name.is_empty() && !is_private(name) {
            command.env(name, value);
        }
    }
}

/// Returns whether a variable of a running fosse-start is its own business, and not for one that
/// checks what it would reload: its sockets, its supervisor, the state of the start before it.
fn is_private(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"LISTEN_") || ["NOTIFY_SOCKET", "FOSSE_START_STATE"].iter().any(|own| name == *own)
}

/// Returns the configuration that a running fosse-start was given, as it is now; `None` where this
/// user cannot read it.
pub(crate) fn configuration(pid: u32) -> Option<Configuration> {
    let words = words(pid)?;
    let options = options(words.iter().map(String::as_str));
    let value = |name| options.iter().find(|(option, _)| *option == name).and_then(|(_, value)| *value);
    let (name, path) = match (value("--config"), value("--config-fd")) {
        (Some(file), _) => (file, PathBuf::from(format!("/proc/{pid}/cwd")).join(file)),
        (None, Some(number)) => ("its configuration", PathBuf::from(format!("/proc/{pid}/fd/{number}"))),
        (None, None) => return None,
    };
    // fosse-start takes regular files and sealed memory: no open of these waits.
    let file = fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(CONFIGURATION_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
    let cwd = PathBuf::from(format!("/proc/{pid}/cwd"));
    let given = options.iter().filter(|(option, _)| *option == "--dir").filter_map(|(_, value)| *value);
    let beside = value("--config").and_then(|file| cwd.join(file).canonicalize().ok());
    let beside = beside.and_then(|file| file.parent().map(Path::to_path_buf));
    let directories = beside.into_iter().chain(given.map(|directory| cwd.join(directory)));
    let directories: Vec<String> = directories.map(|path| path.to_string_lossy().into_owned()).collect();
    let environment = environment(pid).map_or_else(Environment::of_process, |block| Environment::of_block(&block));
    Configuration::of(name.to_owned(), bytes, &directories, environment).ok()
}

/// Splits a command line of fosse-start into options and their values.
fn options<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<(&'w str, Option<&'w str>)> {
    let mut words = words.into_iter();
    let mut all = Vec::new();
    while let Some(option) = words.next() {
        all.push((option, if WITH_VALUE.contains(&option) { words.next() } else { None }));
    }
    all
}

/// Returns the paths of the unix sockets that a process listens on.
pub(crate) fn listening(pid: u32) -> Vec<PathBuf> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let held: HashSet<String> = links
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = fs::read(format!("/proc/{pid}/net/unix")).unwrap_or_default();
    table.split(|byte| *byte == b'\n').filter_map(|line| listener(line, &held)).collect()
}

/// Reads a line of the table of unix sockets: `Num RefCount Protocol Flags Type St Inode Path`,
/// where Flags 00010000 is a listener (proc(5), net/unix).
fn listener(line: &[u8], held: &HashSet<String>) -> Option<PathBuf> {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split_whitespace().take(7).collect();
    let is_ours = *words.get(3)? == "00010000" && held.contains(*words.get(6)?);
    // No word before the path has a slash.
    let (_, path) = line.split_once(" /")?;
    is_ours.then(|| PathBuf::from(format!("/{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_a_start_are_found_with_their_values() {
        let found = options(["--programs", "/p", "--config", "a b", "--no-sandbox", "--dir", "x", "--ready-fd", "3"]);
        let expected = [
            ("--programs", Some("/p")),
            ("--config", Some("a b")),
            ("--no-sandbox", None),
            ("--dir", Some("x")),
            ("--ready-fd", Some("3")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_sockets_of_this_process_are_found() {
        let path = std::env::temp_dir().join(format!("fosse listening {}", std::process::id()));
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(listening(std::process::id()).contains(&path));
        drop(socket);
        assert!(!listening(std::process::id()).contains(&path));
        fs::remove_file(path).unwrap();
    }
}
