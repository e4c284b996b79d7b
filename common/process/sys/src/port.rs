//! The process that listens on a TCP port, as far as this process may know.

use std::{fmt, fs};

/// The state LISTEN in the tables of sockets (include/net/tcp_states.h).
const LISTEN: &str = "0A";

/// The listener of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The process with this name and process ID.
    Process {
        /// Its name (proc_pid_comm(5)).
        name: String,
        /// Its process ID.
        pid: u32,
    },
    /// A process that this one may not look into (ptrace(2), access mode checking), of this user.
    User(u32),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { name, pid } => write!(f, "{name} (PID {pid})"),
            Self::User(uid) => match user_name(*uid) {
                Some(name) => write!(f, "a process of {name} (UID {uid})"),
                None => write!(f, "a process of UID {uid}"),
            },
        }
    }
}

/// Returns who listens on a port of this network namespace; `None` where nobody does.
#[must_use]
pub fn holder(port: u16) -> Option<Holder> {
    let sockets: Vec<Socket> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening(table, port)).collect();
    let of_process = process_with(&sockets).map(|(name, pid)| Holder::Process { name, pid });
    of_process.or_else(|| sockets.first().map(|socket| Holder::User(socket.uid)))
}

/// A socket that listens.
struct Socket {
    uid: u32,
    inode: String,
}

/// Reads the sockets that listen on a port: `sl local_address rem_address st tx:rx tr:when retrnsmt
/// uid timeout inode` (proc_pid_net(5)).
fn listening(table: &str, port: u16) -> Vec<Socket> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(10).collect();
        let [_, local, _, state, _, _, _, uid, _, inode] = fields[..] else { return None };
        let (_, number) = local.rsplit_once(':')?;
        let listens = state == LISTEN && u16::from_str_radix(number, 16) == Ok(port);
        listens.then(|| Some(Socket { uid: uid.parse().ok()?, inode: inode.to_owned() })).flatten()
    };
    fs::read_to_string(table).unwrap_or_default().lines().skip(1).filter_map(socket).collect()
}

/// Returns name and process ID of the first process that has one of the sockets.
fn process_with(sockets: &[Socket]) -> Option<(String, u32)> {
    let links: Vec<String> = sockets.iter().map(|socket| format!("socket:[{}]", socket.inode)).collect();
    if links.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.into_iter().find(|pid| has_one(*pid, &links))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some((name.trim().to_owned(), pid))
}

fn has_one(pid: u32, links: &[String]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let is_its = |line: &&str| line.split(':').nth(2) == Some(uid.to_string().as_str());
    passwd.lines().find(is_its)?.split(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn who_listens_on_a_port_is_named_and_a_client_of_it_is_not_taken_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let Some(Holder::Process { name, pid }) = holder(port) else { panic!("not found") };
        assert_eq!((pid, name.is_empty()), (std::process::id(), false));
        assert_eq!(holder(client.local_addr().unwrap().port()), None);
        drop((client, listener));
        assert_eq!(holder(port), None);
    }

    #[test]
    fn a_user_is_named_where_there_is_an_account() {
        assert_eq!(Holder::User(0).to_string(), "a process of root (UID 0)");
        assert_eq!(Holder::User(4_000_000_001).to_string(), "a process of UID 4000000001");
        assert_eq!(Holder::Process { name: "nginx".into(), pid: 8 }.to_string(), "nginx (PID 8)");
    }
}
