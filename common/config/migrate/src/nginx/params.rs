//! What nginx tells scripts: `fastcgi_param`, and the parts of their paths.

use crate::php;

/// Parameters that fosse tells scripts as nginx does, with what they are told.
const SAME: &[(&str, &[&str])] = &[
    ("QUERY_STRING", &["$query_string", "$args"]),
    ("REQUEST_METHOD", &["$request_method"]),
    ("CONTENT_TYPE", &["$content_type"]),
    ("CONTENT_LENGTH", &["$content_length"]),
    ("SCRIPT_NAME", &["$fastcgi_script_name"]),
    ("SCRIPT_FILENAME", &["$request_filename"]),
    ("REQUEST_URI", &["$request_uri"]),
    ("DOCUMENT_URI", &["$document_uri", "$uri"]),
    ("DOCUMENT_ROOT", &["$document_root", "$realpath_root"]),
    ("SERVER_PROTOCOL", &["$server_protocol"]),
    ("REQUEST_SCHEME", &["$scheme"]),
    ("HTTPS", &["$https"]),
    ("GATEWAY_INTERFACE", &["CGI/1.1"]),
    ("REMOTE_ADDR", &["$remote_addr"]),
    ("REMOTE_PORT", &["$remote_port"]),
    ("SERVER_PORT", &["$server_port"]),
    ("SERVER_NAME", &["$server_name", "$host"]),
    ("REDIRECT_STATUS", &["200"]),
    ("PATH_INFO", &["$path_info", "$fastcgi_path_info"]),
    ("HTTP_HOST", &["$host", "$http_host"]),
    // No application hears of this header.
    ("HTTP_PROXY", &[""]),
];

/// Parameters that no script is told; the note about scripts names them.
const UNTOLD: &[(&str, &str)] = &[
    ("SERVER_SOFTWARE", "nginx/$nginx_version"),
    ("SERVER_ADDR", "$server_addr"),
    ("REMOTE_USER", "$remote_user"),
    ("PATH_TRANSLATED", "$document_root$fastcgi_path_info"),
];

/// Most parameters of a backend.
const PARAMS_COUNT_MAX: usize = 64;

/// Settings of scripts at a place.
#[derive(Clone, Debug, Default)]
pub(super) struct FastCgi {
    /// Their directory, where it is not that of the files.
    pub root: Option<String>,
    /// The script of all requests.
    pub script: Option<String>,
    pub params: Vec<(String, String)>,
    is_outer: bool,
    /// Paths may go on after a script, as PATH_INFO.
    pub splits: bool,
}

impl FastCgi {
    /// Returns what a block inside begins with: its parameters replace these, all of them.
    pub(super) fn enter(&self) -> Self {
        Self { is_outer: true, ..self.clone() }
    }

    /// Takes a directive; `None` where it is none of these, or is not carried over.
    pub(super) fn take(&mut self, name: &str, words: &[&str]) -> Option<()> {
        match (name, words) {
            ("fastcgi_param", [name, value] | [name, value, "if_not_empty"]) => self.param(name, value),
            ("fastcgi_split_path_info", [_]) => {
                self.splits = true;
                Some(())
            }
            // It is the script of a path that ends in a slash, which no expression for scripts has.
            ("fastcgi_index", [_]) | ("set", ["$path_info", "$fastcgi_path_info"]) => Some(()),
            _ => None,
        }
    }

    fn param(&mut self, name: &str, value: &str) -> Option<()> {
        if std::mem::take(&mut self.is_outer) {
            (self.root, self.script) = (None, None);
            self.params.clear();
        }
        let is_same = SAME.iter().any(|(there, values)| *there == name && values.contains(&value));
        if is_same || UNTOLD.contains(&(name, value)) {
            return Some(());
        }
        if name == "SCRIPT_FILENAME" {
            return self.filename(value);
        }
        let is_written = SAME.iter().any(|(there, _)| *there == name);
        (!is_written && php::is_param(name, value) && value.len() <= 4096).then_some(())?;
        self.params.retain(|(there, _)| there != name);
        (self.params.len() < PARAMS_COUNT_MAX).then(|| self.params.push((name.to_owned(), value.to_owned())))
    }

    /// Takes the file of a script: one for all requests, or by their paths.
    fn filename(&mut self, value: &str) -> Option<()> {
        let own = ["$document_root", "$realpath_root"].iter().find_map(|root| value.strip_prefix(root));
        match (own, value.strip_suffix("$fastcgi_script_name")) {
            (Some("$fastcgi_script_name" | "/$fastcgi_script_name"), _) => {}
            (Some(script), _) if is_script(script) => self.script = Some(script.to_owned()),
            (None, Some(root)) if root.starts_with('/') && !root.contains('$') => {
                self.root = Some(root.trim_end_matches('/').to_owned());
            }
            (None, None) if is_script(value) => {
                let at = value.rfind('/')?;
                self.root = Some(value[..at].to_owned());
                self.script = Some(value[at..].to_owned());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Returns whether a text is the plain path of a script.
pub(super) fn is_script(path: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    path.len() <= 200 && path.strip_prefix('/').is_some_and(|parts| parts.split('/').all(is_part))
}
