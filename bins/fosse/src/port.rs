//! Looks whether a port can be listened on before anything is started, and who has it where not.

use std::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

/// Returns a line where nobody could listen on the address now; `None` where it is free, and for
/// all other errors, which fosse-start reports itself.
pub(crate) fn unusable(address: SocketAddr) -> Option<String> {
    match bound(address).err()? {
        Errno::ADDRINUSE => {
            let who = fosse_sys::port::holder(address.port()).map(|who| format!(" by {who}")).unwrap_or_default();
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
