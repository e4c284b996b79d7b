//! Directives whose settings become keys of a site or a route.

use super::codings::Codings;
use super::directive::Directive;
use super::units::{seconds, size};
use super::variables::template;
use crate::edge::{Keys, list, quoted, size as written_size};
use crate::http::{is_error, is_own};
use crate::notes::Notes;

/// Values of a directive that may stand several times: those of a block replace those around it,
/// all of them.
#[derive(Clone, Debug)]
struct Several<T> {
    values: Vec<T>,
    is_outer: bool,
}

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self { values: Vec::new(), is_outer: false }
    }
}

impl<T> Several<T> {
    fn add(&mut self, value: T) {
        if std::mem::take(&mut self.is_outer) {
            self.values.clear();
        }
        self.values.push(value);
    }
}

/// The settings of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    body_bytes_max: Option<u64>,
    body_seconds: Option<String>,
    header_buffers: Option<(u64, u64)>,
    added: Several<(String, String)>,
    written: Several<(String, String)>,
    hidden: Several<String>,
    access: Several<(bool, String)>,
    realm: Option<String>,
    users_file: Option<String>,
    codings: Codings,
    rate: Option<u64>,
    rate_after: Option<u64>,
    retry: Option<String>,
    attempts_max: Option<String>,
    retry_seconds: Option<String>,
    is_cached: bool,
    cache_seconds: Option<String>,
    expires: Option<String>,
    errors: Several<(Vec<String>, String)>,
    intercepts: bool,
    /// The only methods.
    pub methods: Option<Vec<String>>,
    pub auth_request: Option<String>,
    /// Variables that take a header of the response that auth_request gets, by its name.
    pub of_auth: Vec<(String, String)>,
    pub mirror: Option<String>,
}

/// The value of lane_held_bytes_max where it is not written.
const HELD_BYTES_MAX: u64 = 64 << 20;

/// Headers that fosse writes besides.
const OWN_HEADERS: [&str; 4] = ["host", "forwarded", "via", "x-real-ip"];

impl Settings {
    /// Returns the settings that a block inside has to begin with.
    pub(super) fn enter(&self) -> Self {
        let mut inner = self.clone();
        inner.added.is_outer = true;
        inner.written.is_outer = true;
        inner.hidden.is_outer = true;
        inner.access.is_outer = true;
        inner.errors.is_outer = true;
        inner
    }

    /// Returns whether nobody is let in.
    pub(super) fn is_closed(&self) -> bool {
        self.access.values.first().is_some_and(|(is_allow, network)| !is_allow && network == "all")
    }

    /// Takes a directive; `None` where it is none of these, or has a value that is not carried
    /// over.
    #[expect(clippy::too_many_lines, reason = "a table, one arm for each directive")]
    pub(super) fn take(&mut self, directive: &Directive, notes: &mut Notes) -> Option<()> {
        let arguments = directive.arguments();
        match (directive.name(), arguments.as_slice()) {
            ("client_max_body_size", [bytes]) => self.body_size(directive, bytes, notes)?,
            ("client_body_timeout", [time]) => self.body_seconds = Some(seconds(time)?),
            ("large_client_header_buffers", [count, bytes]) => {
                self.header_buffers = Some((count.parse().ok()?, size(bytes)?));
            }
            ("add_header", [name, value, rest @ ..]) => self.add_header(directive, name, value, rest, notes)?,
            ("proxy_set_header", [name, value]) => self.set_header(name, value)?,
            ("proxy_hide_header" | "fastcgi_hide_header", [name]) if is_name(name) => {
                self.hidden.add((*name).to_owned())
            }
            ("allow", ["all"]) => self.access.add((true, "all".to_owned())),
            ("deny", ["all"]) => self.access.add((false, "all".to_owned())),
            ("allow", [network]) if super::units::is_network(network) => self.access.add((true, (*network).to_owned())),
            ("deny", [network]) if super::units::is_network(network) => self.access.add((false, (*network).to_owned())),
            ("auth_basic", ["off"]) => self.realm = None,
            ("auth_basic", [realm]) if !realm.contains(['$', '"', '\\']) && realm.is_ascii() => {
                self.realm = Some((*realm).to_owned());
            }
            ("auth_basic_user_file", [file]) if !file.contains('$') => {
                self.users_file = Some((*file).to_owned());
                directive.left_out("carried over; hashes of MD5 ($apr1$), SHA1 and crypt are refused: make them again with htpasswd -B", notes);
            }
            ("auth_request", ["off"]) => self.auth_request = None,
            ("auth_request", [uri]) if uri.starts_with('/') && !uri.contains('$') => {
                self.auth_request = Some((*uri).to_owned());
            }
            ("auth_request_set", [variable, value]) => {
                let header = value.strip_prefix("$upstream_http_")?;
                self.of_auth.push(((*variable).to_owned(), header.replace('_', "-")));
            }
            ("mirror", ["off"]) => self.mirror = None,
            ("mirror", [uri]) if uri.starts_with('/') && !uri.contains('$') => self.mirror = Some((*uri).to_owned()),
            ("limit_rate", ["0"]) => self.rate = None,
            ("limit_rate", [bytes]) => self.rate = Some(size(bytes).filter(|bytes| *bytes >= 1024)?),
            ("limit_rate_after", [bytes]) => self.rate_after = Some(size(bytes)?),
            ("proxy_next_upstream", words) => self.next_upstream(directive, words, notes)?,
            ("proxy_next_upstream_tries", [count]) => {
                self.attempts_max =
                    Some(count.parse::<u32>().ok().filter(|count| (1..=64).contains(count))?.to_string());
            }
            ("proxy_next_upstream_timeout", [time]) => self.retry_seconds = Some(seconds(time)?),
            ("proxy_cache" | "fastcgi_cache", ["off"]) => self.is_cached = false,
            ("proxy_cache" | "fastcgi_cache", [_]) => {
                self.is_cached = true;
                directive.left_out("carried over; what is kept follows RFC 9111: requests with cookies pass by, see the cache keys of [[site]]", notes);
            }
            ("proxy_cache_valid" | "fastcgi_cache_valid", [time]) => self.cache_seconds = Some(seconds(time)?),
            ("proxy_cache_valid" | "fastcgi_cache_valid", ["200", codes @ .., time])
                if codes.iter().all(|code| *code < "400") =>
            {
                self.cache_seconds = Some(seconds(time)?);
            }
            ("proxy_cache_path" | "fastcgi_cache_path", _) => {
                directive.left_out(
                    "carried over without its place: what is kept is in memory, cache_bytes_max of [limits]",
                    notes,
                );
            }
            ("expires", words) => self.expires = expires(words)?,
            ("error_page", [codes @ .., uri]) if codes.iter().all(|code| is_error(code)) && !codes.is_empty() => {
                let is_file = uri.starts_with('/') && !uri.contains(['$', '?']);
                is_file.then(|| {
                    self.errors.add((codes.iter().map(|code| (*code).to_owned()).collect(), (*uri).to_owned()))
                })?;
            }
            ("proxy_intercept_errors" | "fastcgi_intercept_errors", [word]) => self.intercepts = *word == "on",
            (name, words) => return self.codings.take(name, words),
        }
        Some(())
    }

    /// Takes the longest body, in nginx's units; 0 is no limit.
    fn body_size(&mut self, directive: &Directive, written: &str, notes: &mut Notes) -> Option<()> {
        const BYTES_MAX: u64 = 16 << 30;
        let bytes = size(written)?;
        if bytes == 0 || bytes > BYTES_MAX {
            directive.left_out("carried over as 16 GiB, the most there is", notes);
        }
        self.body_bytes_max = Some(if bytes == 0 { BYTES_MAX } else { bytes.min(BYTES_MAX) });
        Some(())
    }

    fn add_header(
        &mut self,
        directive: &Directive,
        name: &str,
        value: &str,
        rest: &[&str],
        notes: &mut Notes,
    ) -> Option<()> {
        if is_own_header(&name.to_ascii_lowercase()) || !is_name(name) || !matches!(rest, [] | ["always"]) {
            return None;
        }
        let text = template(value)?;
        if !self.added.is_outer && self.added.values.iter().any(|(there, _)| there.eq_ignore_ascii_case(name)) {
            return None;
        }
        self.added.add((name.to_owned(), text));
        if rest.is_empty() {
            directive.left_out("carried over for responses of every status, as with \"always\"", notes);
        }
        Some(())
    }

    fn set_header(&mut self, name: &str, value: &str) -> Option<()> {
        let lower = name.to_ascii_lowercase();
        if is_own_header(&lower) || lower.starts_with("x-forwarded-") || !is_name(name) {
            return None;
        }
        let of_auth = self.of_auth.iter().any(|(variable, header)| variable == value && *header == lower);
        let text = if of_auth { value.to_owned() } else { template(value)? };
        if !self.written.is_outer {
            self.written.values.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
        }
        self.written.add((name.to_owned(), text));
        Some(())
    }

    fn next_upstream(&mut self, directive: &Directive, words: &[&str], notes: &mut Notes) -> Option<()> {
        if words == ["off"] {
            self.retry = Some("false".to_owned());
            return Some(());
        }
        let (mut on, mut status, mut methods, mut others) = (vec!["\"connect\""], Vec::new(), "", Vec::new());
        for word in words {
            match *word {
                "error" => on.push("\"reset\""),
                "timeout" => on.push("\"timeout\""),
                "non_idempotent" => methods = ", methods = \"any\"",
                word => match word.strip_prefix("http_").filter(|code| is_error(code)) {
                    Some(code) => status.push(code),
                    None => others.push(word),
                },
            }
        }
        if !others.is_empty() {
            directive.left_out(&format!("carried over without {}: see [backend.retry]", others.join(" ")), notes);
        }
        let status = if status.is_empty() { String::new() } else { format!(", status = [{}]", status.join(", ")) };
        self.retry = Some(format!("on = [{}]{status}{methods}", on.join(", ")));
        Some(())
    }

    /// Returns the keys of a place whose files are below `root`.
    #[expect(clippy::too_many_lines, reason = "a table, one line for each key")]
    pub(super) fn keys(&self, root: Option<&str>) -> Keys {
        let mut keys = Keys::new();
        let mut add = |key, value: Option<String>| keys.extend(value.map(|value| (key, value)));
        add("body_bytes_max", self.body_bytes_max.map(written_size));
        // Rules look at bodies in memory, of which a lane has that much where nothing else is said.
        let is_long = self.body_bytes_max.is_some_and(|bytes| bytes > HELD_BYTES_MAX);
        add("waf", is_long.then(|| "\"off\" # bodies of this length have no room in lane_held_bytes_max".to_owned()));
        if let Some((count, bytes)) = self.header_buffers {
            let within = |bytes: u64| bytes.clamp(1024, 65_536);
            // Four of 8 KiB are nginx's; more than 64 of a KiB are as good as 64.
            let whole = within(bytes) * count.clamp(1, 64);
            add("head_bytes_max", Some(written_size(within(whole))));
            add("header_bytes_max", Some(written_size(within(bytes))));
        }
        add("body_seconds", self.body_seconds.clone());
        add(
            "methods",
            self.methods.as_ref().map(|names| list(&names.iter().map(|name| quoted(name)).collect::<Vec<_>>())),
        );
        let (allow, deny) = self.networks();
        add("allow_networks", allow);
        add("deny_networks", deny);
        if let (Some(realm), Some(file)) = (&self.realm, &self.users_file) {
            add("basic_auth", Some(format!("{{ realm = {}, users_file = {} }}", quoted(realm), quoted(file))));
        }
        self.codings.keys().into_iter().for_each(|(key, value)| add(key, Some(value)));
        if let Some(rate) = self.rate {
            add("response_bytes_per_second", Some(written_size(rate)));
            add("response_rate_after_bytes", self.rate_after.map(written_size));
        }
        add("retry", self.retries());
        if self.is_cached {
            add("cache", Some("true".to_owned()));
            add("cache_seconds", self.cache_seconds.clone());
        }
        add("error", root.and_then(|root| self.error_pages(root)));
        add("intercept_errors", self.intercepted());
        let written: Vec<_> = self.written.values.iter().filter(|(_, value)| !value.starts_with('$')).collect();
        let kept: Vec<_> = written.iter().filter(|(_, value)| !value.is_empty()).map(|pair| table_row(pair)).collect();
        let gone: Vec<_> = written.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| quoted(name)).collect();
        add("request_headers.set", (!kept.is_empty()).then(|| format!("{{ {} }}", kept.join(", "))));
        add("request_headers.remove", (!gone.is_empty()).then(|| list(&gone)));
        let expires = self.expires.iter().map(|value| format!("\"Cache-Control\" = {}", quoted(value)));
        let set: Vec<String> = expires.collect();
        let added: Vec<String> = self.added.values.iter().map(table_row).collect();
        let hidden: Vec<String> = self.hidden.values.iter().map(|name| quoted(name)).collect();
        add("response_headers.set", (!set.is_empty()).then(|| format!("{{ {} }}", set.join(", "))));
        add("response_headers.add", (!added.is_empty()).then(|| format!("{{ {} }}", added.join(", "))));
        add("response_headers.remove", (!hidden.is_empty()).then(|| list(&hidden)));
        keys
    }

    /// Returns the headers that the application gets from who is asked by auth_request.
    pub(super) fn copied(&self) -> Vec<String> {
        let is_copied = |(_, value): &&(String, String)| value.starts_with('$');
        self.written.values.iter().filter(is_copied).map(|(name, _)| quoted(name)).collect()
    }

    /// Returns the networks that are let in and kept out. nginx takes the first line that has a
    /// client, fosse the smallest network, which is the same where the smaller ones come first.
    fn networks(&self) -> (Option<String>, Option<String>) {
        let end = self.access.values.iter().position(|(_, network)| network == "all");
        let lines = &self.access.values[..end.unwrap_or(self.access.values.len())];
        let is_closed = end.is_some_and(|end| !self.access.values[end].0);
        let of = |allow: bool| -> Vec<String> {
            lines.iter().filter(|(is_allow, _)| *is_allow == allow).map(|(_, network)| quoted(network)).collect()
        };
        let (allow, deny) = (of(true), of(false));
        match (is_closed, allow.is_empty()) {
            (true, true) => (None, Some("[\"0.0.0.0/0\", \"::/0\"]".to_owned())),
            (true, false) => (Some(list(&allow)), (!deny.is_empty()).then(|| list(&deny))),
            (false, _) => (None, (!deny.is_empty()).then(|| list(&deny))),
        }
    }

    fn retries(&self) -> Option<String> {
        let terms = self.retry.clone();
        if terms.as_deref() == Some("false") {
            return terms;
        }
        let more = [("attempts_max", &self.attempts_max), ("seconds_max", &self.retry_seconds)];
        let more = more.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key} = {value}")));
        let all: Vec<String> = terms.into_iter().chain(more).collect();
        (!all.is_empty()).then(|| format!("{{ {} }}", all.join(", ")))
    }

    fn error_pages(&self, root: &str) -> Option<String> {
        let page = |(codes, uri): &(Vec<String>, String)| {
            format!("{{ status = [{}], file = {} }}", codes.join(", "), quoted(&format!("{root}{uri}")))
        };
        let pages: Vec<String> = self.errors.values.iter().map(page).collect();
        (!pages.is_empty()).then(|| list(&pages))
    }

    fn intercepted(&self) -> Option<String> {
        let codes: Vec<String> = self.errors.values.iter().flat_map(|(codes, _)| codes.clone()).collect();
        (self.intercepts && !codes.is_empty()).then(|| list(&codes))
    }

    /// Returns the paths of the pages for errors.
    pub(super) fn error_paths(&self) -> impl Iterator<Item = &str> {
        self.errors.values.iter().map(|(_, uri)| uri.as_str())
    }

    /// Returns whether it asks for a password that there are no users for.
    pub(super) fn lacks_users(&self) -> bool {
        self.realm.is_some() && self.users_file.is_none()
    }
}

fn table_row((name, value): &(String, String)) -> String {
    format!("{} = {}", quoted(name), quoted(value))
}

fn is_own_header(lower: &str) -> bool {
    is_own(lower) || OWN_HEADERS.contains(&lower)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns the value of Cache-Control that `expires` says; the inner `None` for none.
fn expires(words: &[&str]) -> Option<Option<String>> {
    match words {
        ["off"] => Some(None),
        ["max"] => Some(Some("max-age=315360000".to_owned())),
        ["epoch" | "-1"] => Some(Some("no-cache".to_owned())),
        [time] => {
            let unit = time.trim_start_matches(|one: char| one.is_ascii_digit());
            let scale: u64 = match unit {
                "" | "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                "w" => 604_800,
                "M" => 2_592_000,
                "y" => 31_536_000,
                _ => return None,
            };
            let seconds = time[..time.len() - unit.len()].parse::<u64>().ok()?.checked_mul(scale)?;
            Some(Some(format!("max-age={seconds}")))
        }
        _ => None,
    }
}
