//! The unix sockets of backends: what keeps fosse-connect from them, and what would let it in.

use std::fs::{Metadata, metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use fosse_die::{Severity, say};
use fosse_model::{Accounts, Edge, address::ServerAddress};
use fosse_plan::Plan;

use crate::PROGRAM;

/// The group that the package makes for every fosse-connect; without it, and without `group` in the
/// configuration, they are in none that a socket could let in.
const PACKAGE_GROUP: &str = "fosse";

/// Reports each socket that fosse-connect cannot connect to. That is no error: an application may
/// make its socket later, and as often as it likes.
pub(crate) fn report(edge: &Edge, plan: &Plan, accounts: &Accounts) {
    for server in edge.backend.iter().flat_map(|backend| backend.all_servers()) {
        let url = &server.address.value;
        if let Some(problem) = problem_of(&url.address, plan, accounts) {
            say(PROGRAM, Severity::Warning, format_args!("{} {problem}", url.written()));
        }
    }
}

/// Returns what keeps fosse-connect from the socket of a server, and the cure; `None` where nothing
/// does.
pub(crate) fn problem_of(server: &ServerAddress, plan: &Plan, accounts: &Accounts) -> Option<String> {
    match server {
        // An ordinary user's fosse-connect has that user's rights, whatever they are.
        ServerAddress::Unix(path) if rustix::process::geteuid().is_root() => {
            problem(Path::new(path), plan.group, accounts)
        }
        _ => None,
    }
}

/// Returns what is in the way to a socket, and the cure; `None` where nothing is.
fn problem(socket: &Path, group: u32, accounts: &Accounts) -> Option<String> {
    let mut above: Vec<&Path> = socket.ancestors().skip(1).collect();
    above.reverse();
    for directory in above {
        let Ok(facts) = metadata(directory) else { return Some(format!("has no directory {}", directory.display())) };
        if !may(&facts, group, 0o1) {
            let who = who(&facts, 0o010, accounts);
            let cure = cure(directory, (&facts, "g+x"), group, accounts);
            return Some(format!("is in {}, which lets in only {who}: {cure}", directory.display()));
        }
    }
    let Ok(facts) = metadata(socket) else { return Some("is not there yet: the application makes it".to_owned()) };
    if !facts.file_type().is_socket() {
        return Some("is no socket".to_owned());
    }
    // connect(2) wants to write.
    let denied = !may(&facts, group, 0o2);
    denied.then(|| {
        let who = who(&facts, 0o020, accounts);
        format!("lets in only {who}: {}", cure(socket, (&facts, "0660"), group, accounts))
    })
}

/// Returns whether a process of that group, and of no user who owns a file, has this right to one.
fn may(facts: &Metadata, group: u32, right: u32) -> bool {
    let granted = if facts.gid() == group { facts.mode() >> 3 } else { facts.mode() };
    granted & right == right
}

/// Returns those who have a right now: the owner, and the group where the mode says so.
fn who(facts: &Metadata, right_of_group: u32, accounts: &Accounts) -> String {
    let owner = accounts.user_name(facts.uid());
    match facts.mode() & right_of_group {
        0 => owner,
        _ => format!("{owner} and the group {}", accounts.group_name(facts.gid())),
    }
}

/// Returns the commands that let the group in.
fn cure(path: &Path, (facts, mode): (&Metadata, &str), group: u32, accounts: &Accounts) -> String {
    let path = path.display();
    if group == 0 {
        let instead = "or name another group (group in fosse.toml(5))";
        return format!(
            "groupadd --system {PACKAGE_GROUP}, chgrp {PACKAGE_GROUP} {path}, chmod {mode} {path}; {instead}"
        );
    }
    let name = accounts.group_name(group);
    if facts.gid() == group {
        format!("chmod {mode} {path}")
    } else {
        format!("chgrp {name} {path}, chmod {mode} {path}")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir_all, remove_dir_all, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_keeps_the_group_from_a_socket_is_said_with_its_cure() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let accounts = Accounts::from_files(b"root:x:0:0:::\napp:x:1001:1001:::\n", b"fosse:x:4711:\nweb:x:4712:\n");
        let directory = std::env::temp_dir().join(format!("fosse-sockets-{}", std::process::id()));
        create_dir_all(&directory).unwrap();
        let socket = directory.join("app.sock");
        let mode = |path: &Path, bits| set_permissions(path, Permissions::from_mode(bits)).unwrap();
        mode(&directory, 0o755);
        let said = |group| problem(&socket, group, &accounts).unwrap_or_default();
        assert_eq!(said(4711), "is not there yet: the application makes it");
        let _listener = UnixListener::bind(&socket).unwrap();
        mode(&socket, 0o755);
        let path = socket.display();
        assert_eq!(said(4711), format!("lets in only root: chgrp fosse {path}, chmod 0660 {path}"));
        let commands = format!("groupadd --system fosse, chgrp fosse {path}, chmod 0660 {path}; or name another group");
        assert!(said(0).starts_with(&format!("lets in only root: {commands}")), "{}", said(0));
        chown(&socket, Some(1001), Some(4712)).unwrap();
        mode(&socket, 0o660);
        let cure = format!("chgrp fosse {path}, chmod 0660 {path}");
        assert_eq!(said(4711), format!("lets in only app and the group web: {cure}"));
        chown(&socket, Some(1001), Some(4711)).unwrap();
        assert_eq!(said(4711), "");
        mode(&socket, 0o640);
        assert_eq!(said(4711), format!("lets in only app: chmod 0660 {path}"));
        mode(&socket, 0o666);
        assert_eq!((said(4711).as_str(), said(0).as_str()), ("", ""));
        mode(&directory, 0o700);
        let path = directory.display();
        assert_eq!(said(4711), format!("is in {path}, which lets in only root: chgrp fosse {path}, chmod g+x {path}"));
        remove_dir_all(&directory).unwrap();
    }
}
