//! Looks whether a port can be listened on before anything is started, and who has it where not.

use std::fs;
use std::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

/// The state LISTEN in the tables of sockets (include/net/tcp_states.h).
const LISTEN: &str = "0A";

/// Returns a line where nobody could listen on the address now; `None` where it is free, and for
/// all other errors, which fosse-start reports itself.
pub(crate) fn unusable(address: SocketAddr) -> Option<String> {
    match bound(address).err()? {
        Errno::ADDRINUSE => {
            let who = holder(address.port()).map(|who| format!(" by {who}")).unwrap_or_default();
            Some(format!("unable to listen on {address}: it is in use{who}"))
        }
        Errno::ACCESS => Some(format!(
            "unable to listen on {address}: a port this low is for root, or for who has CAP_NET_BIND_SERVICE"
        )),
        _ => None,
    }
}

/// Binds a socket as fosse-start does and closes it: it never listens, so no client meets it.
fn bound(address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)
}

/// Returns the process that listens on a port, as far as this user may know.
fn holder(port: u16) -> Option<String> {
    let inodes: Vec<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening(table, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit())) {
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let has = |link: &str| inodes.iter().any(|inode| link.strip_prefix("socket:[") == Some(&format!("{inode}]")));
        let links = descriptors.flatten().filter_map(|one| fs::read_link(one.path()).ok());
        if links.into_iter().any(|link| has(&link.to_string_lossy())) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (PID {})", name.trim(), process.file_name().to_string_lossy()));
        }
    }
    None
}

/// Returns the inodes of the sockets that listen on a port (proc_pid_net(5)).
fn listening(table: &str, port: u16) -> Vec<String> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let inode = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (_, number) = local.rsplit_once(':')?;
        let listens = state == LISTEN && u16::from_str_radix(number, 16) == Ok(port);
        listens.then(|| fields.nth(5).map(str::to_owned)).flatten()
    };
    text.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_has_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let why = unusable(address).unwrap();
        let own = format!("(PID {})", std::process::id());
        assert!(why.starts_with(&format!("unable to listen on {address}: it is in use by ")), "{why}");
        assert!(why.ends_with(&own), "{why}");
        drop(listener);
        assert_eq!(unusable(address), None);
    }
}
