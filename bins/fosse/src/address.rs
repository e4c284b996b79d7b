//! Addresses as people type them in a shell, brought to the form of a configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::absolute;

/// The port of `http://HOST` without one.
const HTTP_PORT: u16 = 80;

/// Returns the address as a configuration has it. Beyond a configuration's own forms these are
/// taken: `http://HOST[:PORT]`, `localhost:PORT`, `:PORT` and `PORT` (loopback), `unix:` with a
/// relative path, a bare path with a slash.
///
/// # Errors
/// One line, without the option's name: the problem and its cure.
pub(crate) fn address(written: &str) -> Result<String, String> {
    let without_slashes = written.strip_prefix("unix://").map(|path| format!("unix:{path}"));
    let written = without_slashes.as_deref().unwrap_or(written);
    if let Some(path) = written.strip_prefix("unix:") {
        return Ok(socket(path));
    }
    if written.starts_with('/') || written.starts_with("./") {
        return Ok(socket(written));
    }
    match written.split_once("://") {
        Some(("http", authority)) => of_url(written, authority),
        Some(("https" | "wss", _)) => Err(format!(
            "'{written}': TLS to servers is for fosse.toml(5), and --tls-cert is for that to clients; write http:// or ADDRESS:PORT"
        )),
        Some((scheme, _)) => Err(format!("'{written}': {scheme}:// is no scheme that is spoken here; write http://")),
        None => of_authority(written, None),
    }
}

/// Returns the address of a server as a configuration has it. What names this machine without an
/// address is a server in whichever family it listens.
///
/// # Errors
/// Those of [`address`].
pub(crate) fn server_address(written: &str) -> Result<String, String> {
    let found = address(written)?;
    Ok(match found.strip_prefix("127.0.0.1:") {
        Some(port) if !written.contains("127.0.0.1") => format!("localhost:{port}"),
        _ => found,
    })
}

fn socket(path: &str) -> String {
    if path.is_empty() || path.starts_with(['/', '@']) {
        return format!("unix:{path}");
    }
    let here = absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned());
    format!("unix:{here}")
}

fn of_url(written: &str, authority: &str) -> Result<String, String> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    match authority.find(['/', '?', '#']) {
        Some(at) => Err(format!(
            "'{written}' has a path, and paths are not rewritten in this version; write http://{}",
            &authority[..at]
        )),
        None => of_authority(authority, Some(HTTP_PORT)),
    }
}

fn of_authority(authority: &str, default_port: Option<u16>) -> Result<String, String> {
    if let Ok(address) = authority.parse::<SocketAddr>() {
        return with_port(address.ip(), &address.port().to_string());
    }
    let alone = authority.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    if let Some(ip) = alone {
        return match default_port {
            Some(port) => with_port(ip, &port.to_string()),
            None => Err(format!("'{authority}' has no port; add one, as in {}", SocketAddr::new(ip, 8080))),
        };
    }
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match (authority.rsplit_once(':'), default_port) {
        (Some(("" | "localhost", port)), _) => with_port(loopback, port),
        (Some(("*", port)), _) => {
            Err(format!("'{authority}': write 0.0.0.0:{port} or [::]:{port} for all addresses of this machine"))
        }
        (None, Some(port)) if authority == "localhost" => with_port(loopback, &port.to_string()),
        (None, None) if !authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_digit()) => {
            with_port(loopback, authority)
        }
        (None, None) if authority == "localhost" => {
            Err("'localhost' has no port; add one, as in localhost:8080".to_owned())
        }
        (Some((host, port)), _) if is_name(host) && port.parse::<u16>().is_ok() => {
            Err(format!("'{authority}': names are not looked up; write the IP address of {host}"))
        }
        (None, _) if is_name(authority) => {
            Err(format!("'{authority}': names are not looked up; write IP:PORT or unix:PATH"))
        }
        _ => Err(format!("'{authority}' is no address; write IP:PORT, :PORT or unix:PATH")),
    }
}

fn is_name(host: &str) -> bool {
    host.starts_with(|first: char| first.is_ascii_alphabetic())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn with_port(ip: IpAddr, port: &str) -> Result<String, String> {
    match port.parse::<u16>() {
        Ok(number @ 1..) => Ok(SocketAddr::new(ip, number).to_string()),
        _ => Err(format!("'{port}' is no port; it is a number from 1 to 65535")),
    }
}

/// Returns whether a TCP address is not of this machine's loopback.
pub(crate) fn is_elsewhere(address: &str) -> bool {
    address.parse::<SocketAddr>().is_ok_and(|a| !IpAddr::is_loopback(&a.ip()))
}

/// Returns an address as people read it: a URL, or `unix:PATH`.
pub(crate) fn shown(address: &str) -> String {
    if address.starts_with("unix:") { address.to_owned() } else { format!("http://{address}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_means_one() {
        for (written, meant) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("http://[::1]:3000", "[::1]:3000"),
            ("http://[::1]", "[::1]:80"),
            ("http://localhost", "127.0.0.1:80"),
            ("localhost:3000", "127.0.0.1:3000"),
            (":8080", "127.0.0.1:8080"),
            ("5000", "127.0.0.1:5000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:///run/app.sock", "unix:/run/app.sock"),
            ("/run/app.sock", "unix:/run/app.sock"),
        ] {
            assert_eq!(address(written).as_deref(), Ok(meant), "{written}");
        }
        let here = std::env::current_dir().unwrap().join("app.sock");
        assert_eq!(address("unix:app.sock").unwrap(), format!("unix:{}", here.display()));
    }

    #[test]
    fn a_server_on_this_machine_is_in_either_family() {
        for (written, meant) in [
            ("localhost:3000", "localhost:3000"),
            ("http://localhost", "localhost:80"),
            (":3000", "localhost:3000"),
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(server_address(written).as_deref(), Ok(meant), "{written}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_cure() {
        for (written, why) in [
            (
                "https://127.0.0.1:5000",
                "'https://127.0.0.1:5000': TLS to servers is for fosse.toml(5), and --tls-cert is for that to clients; write http:// or ADDRESS:PORT",
            ),
            (
                "http://127.0.0.1:5000/app",
                "'http://127.0.0.1:5000/app' has a path, and paths are not rewritten in this version; write http://127.0.0.1:5000",
            ),
            ("ftp://a", "'ftp://a': ftp:// is no scheme that is spoken here; write http://"),
            ("*:80", "'*:80': write 0.0.0.0:80 or [::]:80 for all addresses of this machine"),
            ("app:3000", "'app:3000': names are not looked up; write the IP address of app"),
            ("http://app", "'app': names are not looked up; write IP:PORT or unix:PATH"),
            ("127.0.0.1", "'127.0.0.1' has no port; add one, as in 127.0.0.1:8080"),
            ("localhost", "'localhost' has no port; add one, as in localhost:8080"),
            ("::1", "'::1' has no port; add one, as in [::1]:8080"),
            (":0", "'0' is no port; it is a number from 1 to 65535"),
            ("70000", "'70000' is no port; it is a number from 1 to 65535"),
            ("", "'' is no address; write IP:PORT, :PORT or unix:PATH"),
            ("\"x\"", "'\"x\"' is no address; write IP:PORT, :PORT or unix:PATH"),
        ] {
            assert_eq!(address(written).unwrap_err(), why);
        }
    }
}
