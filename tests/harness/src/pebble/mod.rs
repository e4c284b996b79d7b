//! A CA that speaks ACME: pebble(1), which forgets everything when it ends and has new roots each
//! time, and pebble-challtestsrv(1), which tells it that every name is 127.0.0.1.
//!
//! It does not wait before it validates, and otherwise is as it comes: it refuses one good nonce in
//! twenty, uses a valid authorisation again every other time, and asks for each token three times.

mod revoke;

use std::{fs, path::PathBuf, process::Command};

use crate::server::{Server, installed, output};
use crate::{Dir, free_port};

/// What a pebble does differently from what it does by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Accounts need this key id and MAC key, in base64url (RFC 8555, section 7.3.4).
    pub account: Option<(&'a str, &'a str)>,
    /// Names for which it refuses to make an order.
    pub blocked: &'a [&'a str],
    /// How long its certificates last, in seconds; 0 for the 90 days of its own.
    pub valid_seconds: u32,
    /// More variables of its environment: `PEBBLE_WFE_NONCEREJECT`, `PEBBLE_AUTHZREUSE`,
    /// `PEBBLE_VA_SLEEPTIME`, `PEBBLE_CHAIN_LENGTH`.
    pub variables: &'a [(&'a str, &'a str)],
}

/// A running CA. Dropped, it is ended.
#[derive(Debug)]
pub struct Pebble {
    /// Port of its directory.
    pub port: u16,
    management: u16,
    names: u16,
    dir: Dir,
    _resolver: Server,
    server: Option<Server>,
    variables: Vec<(String, String)>,
}

impl Pebble {
    /// Starts one that validates at these ports of 127.0.0.1: HTTP-01 at `http`, TLS-ALPN-01 at
    /// `tls`. `None` where it is not installed.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(http: u16, tls: u16) -> Option<Self> {
        Self::with(http, tls, &Options::default())
    }

    /// Starts one with options.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn with(http: u16, tls: u16, options: &Options<'_>) -> Option<Self> {
        let (_, resolver) = (installed("pebble")?, installed("pebble-challtestsrv")?);
        let (dir, dns, names) = (Dir::new(), free_port(), free_port());
        let (port, management) = (free_port(), free_port());
        make_certificates(&dir);
        fs::write(dir.join("pebble.json"), configuration([port, management, http, tls], options)).unwrap();
        let mut command = Command::new(resolver);
        command.args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{names}")]);
        // Nothing but names: the edge responds to what is validated, and it has no IPv6.
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]);
        let resolver = Server::start(&mut command, &dir).on_port(dns).on_port(names);
        fs::write(dir.join("dns"), format!("127.0.0.1:{dns}")).unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = options.variables.iter().map(owned).collect();
        let mut pebble = Self { port, management, names, dir, _resolver: resolver, server: None, variables };
        pebble.resume();
        Some(pebble)
    }

    /// Ends the CA itself: what it has known is gone, connections to its port are refused.
    pub fn pause(&mut self) {
        self.server = None;
    }

    /// Starts the CA again where it was, knowing nothing.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn resume(&mut self) {
        let mut command = Command::new("pebble");
        let resolver = fs::read_to_string(self.dir.join("dns")).unwrap();
        command.args(["-config", "pebble.json", "-dnsserver", &resolver]).env("PEBBLE_VA_NOSLEEP", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.server = Some(Server::start(&mut command, &self.dir).on_port(self.port).on_port(self.management));
    }

    /// Returns the URL of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// Returns the file with the root by which its directory is trusted. That is another one than
    /// [`Pebble::root`].
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("directory-ca.pem")
    }

    /// Returns the root of the certificates that it issues, in PEM.
    ///
    /// # Panics
    /// Where it does not respond.
    #[must_use]
    pub fn root(&self) -> String {
        self.ask("roots/0")
    }

    /// Returns what it knows of a certificate of that serial number (hexadecimal, as openssl(1)
    /// shows it): JSON with `Status`.
    ///
    /// # Panics
    /// Where it knows none.
    #[must_use]
    pub fn certificate_status(&self, serial: &str) -> String {
        self.ask(&format!("cert-status-by-serial/{}", serial.to_ascii_lowercase()))
    }

    /// Returns all that it has logged.
    ///
    /// # Panics
    /// Where that cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("server.log")).unwrap()
    }

    /// Has the name, and what is below it, resolve to another address.
    ///
    /// # Panics
    /// Where its resolver does not respond.
    pub fn resolve(&self, name: &str, address: &str) {
        self.tell("add-a", &format!(r#"{{"host":"{name}.","addresses":["{address}"]}}"#));
    }

    /// Has a name have a TXT record, as for DNS-01: `_acme-challenge.example.com`.
    ///
    /// # Panics
    /// Where its resolver does not respond.
    pub fn set_txt(&self, name: &str, value: &str) {
        self.tell("set-txt", &format!(r#"{{"host":"{name}.","value":"{value}"}}"#));
    }

    /// Returns the address of its resolver's HTTP interface, for a hook that sets records.
    #[must_use]
    pub fn resolver(&self) -> String {
        format!("http://127.0.0.1:{}", self.names)
    }

    fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "60", "--cacert"]).arg(self.ca_file());
        command
    }

    fn ask(&self, path: &str) -> String {
        output(self.curl().args(["--fail", &format!("https://localhost:{}/{path}", self.management)]))
    }

    fn tell(&self, path: &str, body: &str) {
        let url = format!("{}/{path}", self.resolver());
        let _ = output(Command::new("curl").args(["-sS", "--fail", "--max-time", "60", "-d", body, &url]));
    }
}

fn configuration([port, management, http, tls]: [u16; 4], options: &Options<'_>) -> String {
    let blocked: Vec<String> = options.blocked.iter().map(|name| format!("{name:?}")).collect();
    let keys = options.account.map(|(id, key)| format!("{id:?}:{key:?}")).unwrap_or_default();
    let valid = match options.valid_seconds {
        0 => String::new(),
        seconds => format!(r#""certificateValidityPeriod":{seconds},"#),
    };
    format!(
        r#"{{"pebble":{{"listenAddress":"127.0.0.1:{port}","managementListenAddress":"127.0.0.1:{management}",
"certificate":"directory.pem","privateKey":"directory.key","httpPort":{http},"tlsPort":{tls},{valid}
"externalAccountBindingRequired":{},"externalAccountMACKeys":{{{keys}}},"domainBlocklist":[{}]}}}}"#,
        options.account.is_some(),
        blocked.join(",")
    )
}

/// Makes the certificate of the directory, and the CA that has signed it.
fn make_certificates(dir: &Dir) {
    let openssl = |words: &str, rest: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(dir.path()).args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '));
        let _ = output(command.args(words.split(' ')).args(rest));
    };
    openssl("-days 90 -keyout ca.key -out directory-ca.pem", &["-subj", "/CN=CA of a directory"]);
    let name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    let signed = ["-CA", "directory-ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
    openssl("-days 90 -keyout directory.key -out directory.pem", &[&name[..], &signed[..]].concat());
}
