//! Where to listen and whom to connect to: socket addresses, paths of unix sockets, sockets by
//! name.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use fosse_cidr::{Flaw, Prefix};
use fosse_dns::Name;
use toml::Spanned;
use toml::de::DeValue;

use crate::problem::Problems;
use crate::section::{FromValue, quoted};
use crate::value::text;

/// Longest path of a unix socket: `sun_path` holds 108 bytes, one of them the closing NUL
/// (unix(7)).
pub const UNIX_PATH_BYTES_MAX: usize = 107;

/// The reason for which a name is no address to listen on.
const NO_NAMES: &str = "names are not looked up";

/// A place to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A unix socket, made at this absolute path.
    Unix(String),
}

impl ListenAddress {
    /// Returns the address as it is written.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(path) => format!("unix:{path}"),
        }
    }
}

/// A TCP address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpAddress(pub SocketAddr);

/// A server of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A port of this machine's loopback, in whichever family something listens: 127.0.0.1, then
    /// ::1.
    Localhost(u16),
    /// A port of whatever a name stands for.
    Named(Name, u16),
    /// A unix socket at this absolute path.
    Unix(String),
}

impl ServerAddress {
    /// Returns the address as it is written.
    pub fn written(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Localhost(port) => format!("localhost:{port}"),
            Self::Named(name, port) => format!("{}:{port}", name.as_str()),
            Self::Unix(path) => format!("unix:{path}"),
        }
    }
}

/// The port of https (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// A server of a backend, and whether TLS is spoken with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// It was written with https://.
    pub tls: bool,
    /// Its address.
    pub address: ServerAddress,
}

impl ServerUrl {
    /// Returns it as it is written.
    #[must_use]
    pub fn written(&self) -> String {
        let scheme = if self.tls { "https://" } else { "" };
        format!("{scheme}{}", self.address.written())
    }

    /// Returns the name that the server of an address has by it: what its certificate has to be
    /// for.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.address {
            ServerAddress::Tcp(address) => address.ip().to_string(),
            ServerAddress::Localhost(_) => "localhost".to_owned(),
            ServerAddress::Named(name, _) => name.as_str().to_owned(),
            ServerAddress::Unix(_) => String::new(),
        }
    }
}

/// Returns whether only this machine can reach an address.
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// A problem of a text, and the one step that mends it.
type Wrong = (String, String);

impl FromValue for ListenAddress {
    const TAKES: &'static str = "an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let Some(port) = bare_port(value) {
            let cure =
                format!("write \"0.0.0.0:{port}\" for all addresses, \"127.0.0.1:{port}\" for this machine only");
            problems.note_with_cure(&value.span(), format!("{key} takes {}, this is a number", Self::TAKES), cure);
            return None;
        }
        let written = text(key, Self::TAKES, value, problems)?;
        let read = match written.split_once(':') {
            Some(("unix", path)) => unix_path(path).map(Self::Unix),
            _ => socket_address(written).map(Self::Tcp),
        };
        read.map_err(|(what, cure)| problems.note_with_cure(&value.span(), format!("{key} {what}"), cure)).ok()
    }

    fn placeholder() -> Self {
        Self::Unix(String::new())
    }
}

impl FromValue for TcpAddress {
    const TAKES: &'static str = "an address such as \"127.0.0.1:9145\" or \"[::1]:9145\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let written = text(key, Self::TAKES, value, problems)?;
        let read = match written.strip_prefix("unix:") {
            Some(path) => {
                Err((format!("{} is a unix socket", quoted(written)), format!("write status_socket = \"{path}\"")))
            }
            None => socket_address(written).map(Self),
        };
        read.map_err(|(what, cure)| problems.note_with_cure(&value.span(), format!("{key}: {what}"), cure)).ok()
    }

    fn placeholder() -> Self {
        Self(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
    }
}

impl FromValue for ServerUrl {
    const TAKES: &'static str = "an address such as \"unix:/run/app.sock\", \"127.0.0.1:3000\", \"localhost:3000\", \"app.internal:3000\" or \"https://app.internal\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let Some(port) = bare_port(value) {
            let cure = format!("write \"127.0.0.1:{port}\"");
            problems.note_with_cure(&value.span(), format!("{key} takes {}, this is a number", Self::TAKES), cure);
            return None;
        }
        let written = text(key, Self::TAKES, value, problems)?;
        let read = match written.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            Some(_) => https_address(&written[8..]).map(|address| Self { tls: true, address }),
            None => any_server_address(written).map(|address| Self { tls: false, address }),
        };
        read.map_err(|(what, cure)| problems.note_with_cure(&value.span(), format!("{key}: {what}"), cure)).ok()
    }

    fn placeholder() -> Self {
        Self { tls: false, address: ServerAddress::Unix(String::new()) }
    }
}

/// Reads an address without a scheme.
fn any_server_address(written: &str) -> Result<ServerAddress, Wrong> {
    match written.split_once(':') {
        Some(("unix", path)) => unix_path(path).map(ServerAddress::Unix),
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => {
            port_of(written, port).map(ServerAddress::Localhost)
        }
        Some((host, port))
            if !port.starts_with('/')
                && let Some(name) = Name::parse(host) =>
        {
            port_of(written, port).map(|port| ServerAddress::Named(name, port))
        }
        _ => server_address(written),
    }
}

/// Reads what comes after https://: an address of TCP, whose port may be left out.
fn https_address(written: &str) -> Result<ServerAddress, Wrong> {
    let shown = quoted(&format!("https://{written}"));
    if written.starts_with("unix:") || written.contains('@') {
        return Err((format!("{shown} is not an address"), "write https://HOST or https://HOST:PORT".to_owned()));
    }
    if let Some((host, _)) = written.split_once(['/', '?', '#']) {
        let cure = format!("write \"https://{host}\"; paths are for routes");
        return Err((format!("{shown} is more than a server"), cure));
    }
    let has_port = match written.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => written.contains(':'),
    };
    if has_port { any_server_address(written) } else { any_server_address(&format!("{written}:{HTTPS_PORT}")) }
}

/// Returns the number that somebody wrote in place of an address.
fn bare_port(value: &Spanned<DeValue<'_>>) -> Option<u16> {
    match value.get_ref() {
        DeValue::Integer(digits) => u16::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|port| *port > 0),
        _ => None,
    }
}

/// Reads what is neither a path nor a name and a port.
fn server_address(written: &str) -> Result<ServerAddress, Wrong> {
    if let Some(name) = Name::parse(written) {
        return Err((format!("{} has no port", quoted(written)), format!("write \"{}:8080\"", name.as_str())));
    }
    let cure = |(what, cure): Wrong| match cure.strip_prefix(NO_NAMES) {
        Some(_) => (what, "a name is letters, digits and hyphens between dots, without a dot at its end".into()),
        None => (what, cure),
    };
    socket_address(written).and_then(connectable).map(ServerAddress::Tcp).map_err(cure)
}

fn port_of(written: &str, port: &str) -> Result<u16, Wrong> {
    let sound = port.parse().ok().filter(|number| *number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()));
    sound.ok_or_else(|| {
        (format!("{} is not an address", quoted(written)), "the port is a number from 1 to 65535".into())
    })
}

fn connectable(address: SocketAddr) -> Result<SocketAddr, Wrong> {
    if address.ip().is_unspecified() || address.ip().is_multicast() {
        return Err((format!("{address} is not the address of a server"), String::new()));
    }
    Ok(address)
}

/// Checks an absolute path: without `.`, `..` and empty parts, and short enough for the kernel.
pub(crate) fn unix_path(path: &str) -> Result<String, (String, String)> {
    let shown = quoted(path);
    if path.starts_with('@') || path.starts_with('\0') {
        let what = format!("{shown} is an abstract socket, which has neither owner nor mode");
        return Err((what, "use a path, such as unix:/run/x.sock".into()));
    }
    let Some(relative) = path.strip_prefix('/') else {
        return Err((
            format!("{shown} is not an absolute path"),
            "begin it with a slash, as in unix:/run/x.sock".into(),
        ));
    };
    if path.len() > UNIX_PATH_BYTES_MAX {
        let what = format!("has a path of {} bytes; a unix socket allows {UNIX_PATH_BYTES_MAX}", path.len());
        return Err((what, String::new()));
    }
    if path.chars().any(char::is_control) {
        return Err((format!("{shown} holds a control character"), String::new()));
    }
    if relative.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err((format!("{shown} holds an empty, \".\" or \"..\" part"), "write the plain path".into()));
    }
    Ok(path.to_owned())
}

fn socket_address(written: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(address) = written.parse::<SocketAddr>() {
        return sound_socket_address(address);
    }
    let shown = quoted(written);
    let what = format!("{shown} is not an address");
    if written.parse::<Ipv4Addr>().is_ok() {
        return Err((format!("{shown} has no port"), format!("add one, as in \"{written}:8080\"")));
    }
    if written.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() {
        let bare = written.trim_matches(['[', ']']);
        return Err((format!("{shown} has no port"), format!("write \"[{bare}]:8080\"")));
    }
    match written.rsplit_once(':') {
        Some((host, port)) => Err((what, address_cure(host, port))),
        None if written.starts_with('/') => Err((what, format!("write \"unix:{written}\""))),
        None => Err((what, "write IP:PORT or unix:/PATH".into())),
    }
}

fn address_cure(host: &str, port: &str) -> String {
    if port.parse::<u16>().is_err() {
        return "the port is a number from 1 to 65535".into();
    }
    match host {
        "localhost" => format!("{NO_NAMES}; write \"127.0.0.1:{port}\""),
        "" | "*" => format!(
            "write \"0.0.0.0:{port}\" or \"[::]:{port}\" for all addresses, \"127.0.0.1:{port}\" for this machine only"
        ),
        scoped if scoped.contains('%') => "addresses with a zone are not supported".into(),
        scheme if scheme.contains("//") => "leave out the scheme".into(),
        name if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            format!("{NO_NAMES}; write an IP address")
        }
        _ => String::new(),
    }
}

fn sound_socket_address(address: SocketAddr) -> Result<SocketAddr, Wrong> {
    if address.port() == 0 {
        return Err((format!("{address} has port 0"), "the port is a number from 1 to 65535".into()));
    }
    if let SocketAddr::V6(v6) = address {
        // One address has one form; and a socket of IPv6 alone cannot have it (ipv6(7),
        // IPV6_V6ONLY).
        if let Some(v4) = v6.ip().to_ipv4_mapped() {
            return Err((format!("{address} is an IPv4 address in disguise"), format!("write \"{v4}:{}\"", v6.port())));
        }
        if v6.scope_id() != 0 {
            return Err((format!("{address} has a zone"), "addresses with a zone are not supported".into()));
        }
    }
    Ok(address)
}

/// A network, or the word "unix" for every peer of a unix listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// All addresses of this network.
    Network(Prefix),
    /// The peer at the other end of a unix socket.
    Unix,
}

impl FromValue for Source {
    const TAKES: &'static str = "a list of networks such as \"10.0.0.0/8\", or \"unix\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let written = text(key, Self::TAKES, value, problems)?;
        if written == "unix" {
            return Some(Self::Unix);
        }
        let (what, cure) = match Prefix::parse(written) {
            Ok(prefix) => return Some(Self::Network(prefix)),
            Err(Flaw::Address) => ("is not a network", "write ADDRESS/BITS, or \"unix\"".to_owned()),
            Err(Flaw::Bits { most }) => ("is not a network", format!("the prefix is a number from 0 to {most}")),
            Err(Flaw::HostBits(meant)) => {
                ("has bits set after its prefix", format!("write \"{}/{}\"", meant.address(), meant.bits()))
            }
        };
        problems.note_with_cure(&value.span(), format!("{key}: {} {what}", quoted(written)), cure);
        None
    }

    fn placeholder() -> Self {
        Self::Unix
    }
}
