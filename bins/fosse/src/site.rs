//! The flags of `fosse up` as the text of a configuration: one site for all hosts.

use std::fmt::Write as _;

use crate::address::is_elsewhere;

/// The values of the flags, not checked: that is the configuration's business.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// `--listen`, in a form of the configuration
    pub listen: String,
    /// `--backend` or `--files`
    pub serves: Serves,
    /// `--waf`
    pub waf: Option<String>,
    /// `--rules`, as a configuration names them; without any the configuration's own default holds.
    pub rules: Vec<String>,
    /// `--methods`; without any the configuration's own default holds.
    pub methods: Vec<String>,
    /// `--body-max`
    pub body_max: Option<String>,
    /// The file name in `--audit-log`
    pub audit_log: Option<String>,
    /// `--inspect-responses`: off by default, as buffered responses cost memory and leases.
    pub inspect_responses: bool,
    /// `--tls-cert` and `--tls-key`, absolute paths.
    pub tls: Option<(String, String)>,
    /// `--lanes`
    pub lanes: Option<u32>,
    /// Path, or `off`.
    pub status_socket: String,
}

/// The source of responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// An application, at an address in a form of the configuration.
    Backend(String),
    /// The files of a directory, by its absolute path.
    Files(String),
}

impl Default for Serves {
    fn default() -> Self {
        Self::Backend(String::new())
    }
}

impl Site {
    /// Returns the configuration. An address on the command line is the explicit word for itself.
    #[must_use]
    pub(crate) fn configuration(&self) -> String {
        let mut out = String::new();
        if let Some(lanes) = self.lanes {
            let _ = writeln!(out, "lanes = {lanes}");
        }
        if let Some(name) = &self.audit_log {
            let _ = writeln!(out, "audit_log = {}", quoted(name));
        }
        let _ = writeln!(out, "status_socket = {}", quoted(&self.status_socket));
        let _ = writeln!(out, "\n[[listen]]\naddress = {}", quoted(&self.listen));
        if is_elsewhere(&self.listen) {
            out.push_str("public = true\n");
        }
        if let Some((certificate, key)) = &self.tls {
            // The one site is for all hosts, whatever names the certificate has.
            let _ = writeln!(out, "tls = true\n\n[tls]\nunknown_names = \"default\"");
            let _ = writeln!(out, "\n[[certificate]]\nfile = {}\nkey = {}", quoted(certificate), quoted(key));
        }
        out.push_str("\n[[site]]\ndefault = true\nbackend = \"app\"\n");
        if let Some(waf) = &self.waf {
            let _ = writeln!(out, "waf = {}", quoted(waf));
        }
        list("rules", &self.rules, &mut out);
        list("methods", &self.methods, &mut out);
        if let Some(size) = &self.body_max {
            let _ = writeln!(out, "body_bytes_max = {}", quoted(size));
        }
        if self.inspect_responses {
            out.push_str("inspect_responses = true\n");
        }
        out.push_str("\n[[backend]]\nname = \"app\"\n");
        match &self.serves {
            Serves::Files(directory) => drop(writeln!(out, "files = {}", quoted(directory))),
            Serves::Backend(address) => {
                let _ = writeln!(out, "servers = [{}]", quoted(address));
                if is_elsewhere(address) {
                    out.push_str("remote = true\n");
                }
            }
        }
        out
    }
}

/// Writes a list; an empty one is left to the default of the configuration.
fn list(key: &str, entries: &[String], out: &mut String) {
    if !entries.is_empty() {
        let entries: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
        let _ = writeln!(out, "{key} = [{}]", entries.join(", "));
    }
}

/// Returns a TOML string that names no variable: the shell has put those of a command line in.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.replace("${", "$${").chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            plain if !plain.is_control() => out.push(plain),
            control => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_model::{Accounts, compile};

    fn site(listen: &str, backend: &str) -> Site {
        let serves = Serves::Backend(backend.into());
        Site { listen: listen.into(), serves, status_socket: "off".into(), ..Site::default() }
    }

    #[test]
    fn what_is_made_of_flags_compiles() {
        for (listen, backend) in [
            ("127.0.0.1:8080", "unix:/run/app.sock"),
            ("0.0.0.0:80", "127.0.0.1:3000"),
            ("[::1]:80", "192.0.2.7:3000"),
            ("unix:/run/in.sock", "unix:/tmp/a \"b\".sock"),
        ] {
            let (waf, audit_log) = (Some("detect".into()), Some("audit.json".into()));
            let (methods, body_max) = (vec!["GET".into(), "PROPFIND".into()], Some("64 MiB".into()));
            let base = site(listen, backend);
            let tls = (!listen.starts_with("unix:")).then(|| ("/etc/a.pem".into(), "/etc/a \"b\".key".into()));
            let site = Site { lanes: Some(2), waf, methods, body_max, audit_log, inspect_responses: true, tls, ..base };
            let text = site.configuration();
            compile("up", text.as_bytes(), &Accounts::default()).unwrap_or_else(|report| panic!("{text}{report}"));
        }
    }

    #[test]
    fn a_directory_takes_the_place_of_servers() {
        let site = Site { serves: Serves::Files("/srv/a \"b\"".into()), ..site("127.0.0.1:80", "") };
        let text = site.configuration();
        compile("up", text.as_bytes(), &Accounts::default()).unwrap_or_else(|report| panic!("{text}{report}"));
        assert!(text.contains("files = \"/srv/a \\\"b\\\"\"") && !text.contains("servers"), "{text}");
    }

    #[test]
    fn only_an_address_of_other_machines_gets_the_explicit_word() {
        assert!(site("0.0.0.0:80", "unix:/a").configuration().contains("public = true"));
        assert!(!site("127.0.0.1:80", "unix:/a").configuration().contains("public"));
        assert!(site("127.0.0.1:80", "10.0.0.1:1").configuration().contains("remote = true"));
        assert!(!site("127.0.0.1:80", "127.9.9.9:1").configuration().contains("remote"));
    }

    #[test]
    fn a_flag_cannot_write_a_second_line_of_configuration() {
        let text = site("127.0.0.1:80", "unix:/a\"]\nremote = true\n").configuration();
        assert!(!text.lines().any(|line| line == "remote = true"), "{text}");
    }
}
