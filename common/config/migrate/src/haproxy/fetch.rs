//! What a test asks for: `path_beg /api`, `hdr(host) -i a.example`, `src 10.0.0.0/8`.

use super::atom::Atom;
use super::path::Path;
use super::units::is_host;
use crate::edge::escaped;
use crate::pcre::pcre;

/// Fetches of what is counted.
const COUNTS: &[&str] = &[
    "sc",
    "src_",
    "be_",
    "fe_",
    "nbsrv",
    "connslots",
    "queue",
    "srv_",
    "avg_queue",
    "rand",
    "table_",
    "so_",
    "wait_end",
];

/// A test in its parts.
struct Test<'t> {
    fetch: &'t str,
    name: &'t str,
    /// Way of comparing: "str", "beg", "end", "sub", "reg", "found", ...
    way: &'t str,
    is_any_case: bool,
    values: Vec<&'t str>,
}

/// Returns the atoms of which one has to hold.
pub(super) fn atoms(test: &[&str], has_tls: bool) -> Vec<Atom> {
    parsed(test).and_then(|test| test.atoms(has_tls)).unwrap_or_else(|| vec![Atom::Unknown])
}

fn parsed<'t>(test: &[&'t str]) -> Option<Test<'t>> {
    let (first, mut rest) = test.split_first()?;
    let (first, any_case) = first.strip_suffix(",lower").map_or((*first, false), |first| (first, true));
    let (fetch, name) = match first.split_once('(') {
        Some((fetch, name)) => (fetch, name.strip_suffix(')')?),
        None => (first, ""),
    };
    let fetch = fetch.strip_prefix("req.").unwrap_or(fetch);
    let (fetch, mut way) = match fetch.rsplit_once('_') {
        Some((stem @ ("path" | "url" | "hdr" | "cook" | "base"), way)) => (stem, way),
        _ => (fetch, "str"),
    };
    let (mut is_any_case, mut values) = (any_case, Vec::new());
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        match *word {
            "-i" => is_any_case = true,
            "-m" => {
                way = rest.first()?;
                rest = &rest[1..];
            }
            "--" => {
                values.extend(rest);
                break;
            }
            flag if flag.starts_with('-') && flag.len() == 2 => return None,
            value => values.push(value),
        }
    }
    Some(Test { fetch, name, way, is_any_case, values })
}

impl Test<'_> {
    fn atoms(&self, has_tls: bool) -> Option<Vec<Atom>> {
        let each = |one: &dyn Fn(&str) -> Option<Atom>| self.values.iter().map(|value| one(value)).collect();
        match self.fetch {
            "path" | "url" => each(&|value| self.path(value)),
            "hdr" | "fhdr" if self.name.eq_ignore_ascii_case("host") => {
                self.values.iter().map(|value| self.host(value)).collect::<Option<Vec<_>>>().map(|all| all.concat())
            }
            "hdr" | "fhdr" => self.named("header"),
            "cook" => self.named("cookie"),
            "url_param" | "urlp" => self.named("query"),
            "src" => self.list("network", &is_network),
            "method" => self.methods(),
            "ssl_fc" if self.values.is_empty() => Some(vec![Atom::Always(has_tls)]),
            "http_auth" => Some(vec![Atom::Users(self.name.to_owned())]),
            "always_true" => Some(vec![Atom::Always(true)]),
            "always_false" => Some(vec![Atom::Always(false)]),
            fetch if COUNTS.iter().any(|count| fetch.starts_with(count)) => Some(vec![Atom::Count]),
            _ => None,
        }
        .filter(|atoms: &Vec<Atom>| !atoms.is_empty())
    }

    fn path(&self, value: &str) -> Option<Atom> {
        let is_one_case = !self.is_any_case || !value.bytes().any(|byte| byte.is_ascii_alphabetic());
        if value.is_empty() || !value.is_ascii() || value.len() > 200 || value.chars().any(char::is_control) {
            return None;
        }
        let path = match (self.way, is_one_case) {
            // A whole target has a query, too.
            ("str" | "end" | "sub" | "reg" | "dir", _) if self.fetch == "url" => return None,
            ("str" | "beg", _) if !value.starts_with('/') => return Some(Atom::Always(false)),
            ("beg", _) if value == "/" => return Some(Atom::Always(true)),
            ("str", true) if Path::Exact(value.to_owned()).is_plain() => Path::Exact(value.to_owned()),
            ("beg", true) => Path::Beginning(value.to_owned()),
            ("end", true) => Path::End(value.to_owned()),
            ("sub", true) => Path::Part(value.to_owned()),
            ("dir", true) => Path::Regex(format!("/{}(/|$)", escaped(value.trim_matches('/')))),
            ("reg", _) => Path::Regex(pcre(value, self.is_any_case)?),
            ("str", _) => Path::Regex(format!("(?i)^{}$", escaped(value))),
            ("beg", _) => Path::Regex(format!("(?i)^{}", escaped(value))),
            ("end", _) => Path::Regex(format!("(?i){}$", escaped(value))),
            ("sub", _) => Path::Regex(format!("(?i){}", escaped(value))),
            ("dir", _) => Path::Regex(format!("(?i)/{}(/|$)", escaped(value.trim_matches('/')))),
            _ => return None,
        };
        Some(Atom::Path(path))
    }

    fn host(&self, value: &str) -> Option<Vec<Atom>> {
        let value = value.to_ascii_lowercase();
        let value = value.strip_suffix(":80").unwrap_or(&value);
        let bare = value.strip_prefix('.').filter(|_| matches!(self.way, "end" | "dom"));
        is_host(bare.unwrap_or(value).trim_end_matches('.')).then_some(())?;
        let one = |host: String| vec![Atom::Host(host)];
        match (self.way, bare) {
            ("str", _) => Some(one(value.to_owned())),
            ("end", Some(bare)) => Some(one(format!("*.{bare}"))),
            ("dom", _) => {
                let bare = bare.unwrap_or(value);
                Some(vec![Atom::Host(bare.to_owned()), Atom::Host(format!("*.{bare}"))])
            }
            ("beg", _) => Some(one(format!("~^{}", escaped(value)))),
            _ => None,
        }
    }

    /// Returns tests of a header, a cookie or a parameter.
    fn named(&self, key: &'static str) -> Option<Vec<Atom>> {
        super::format::is_name(self.name).then_some(())?;
        let test = |text: String| Atom::When(key, vec![crate::edge::quoted(&text)]);
        if self.way == "found" {
            return Some(vec![test(self.name.to_owned())]);
        }
        // Whoever is kept out by these lets himself in by another word.
        if self.is_any_case && ["user-agent", "referer"].contains(&self.name.to_ascii_lowercase().as_str()) {
            return Some(vec![Atom::Count]);
        }
        if self.name.eq_ignore_ascii_case("upgrade")
            && self.values.iter().all(|value| value.eq_ignore_ascii_case("websocket"))
        {
            return Some(["websocket", "WebSocket"].map(|value| test(format!("Upgrade={value}"))).to_vec());
        }
        let one = |value: &&str| {
            let is_plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'*') && value.len() <= 100;
            // A value is compared as it is written.
            (is_plain && !self.is_any_case && !value.is_empty()).then_some(())?;
            let shape = match self.way {
                "str" => (*value).to_owned(),
                "beg" => format!("{value}*"),
                "end" => format!("*{value}"),
                "sub" => format!("*{value}*"),
                _ => return None,
            };
            Some(test(format!("{}={shape}", self.name)))
        };
        self.values.iter().map(one).collect()
    }

    /// Returns a test of methods, but for those that fosse serves to nobody.
    fn methods(&self) -> Option<Vec<Atom>> {
        let is_method =
            |word: &&str| (1..20).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase());
        (!self.values.is_empty() && self.values.iter().all(is_method)).then_some(())?;
        let served = self.values.iter().filter(|word| !matches!(**word, "TRACE" | "CONNECT"));
        let served: Vec<String> = served.map(|word| crate::edge::quoted(word)).collect();
        Some(vec![if served.is_empty() { Atom::Always(false) } else { Atom::When("method", served) }])
    }

    fn list(&self, key: &'static str, is_sound: &dyn Fn(&str) -> bool) -> Option<Vec<Atom>> {
        let is_known = self.values.iter().all(|value| is_sound(value)) && self.values.len() <= 200;
        let values = self.values.iter().map(|value| crate::edge::quoted(value)).collect::<Vec<_>>();
        (is_known && !values.is_empty()).then(|| vec![Atom::When(key, values)])
    }
}

/// Returns whether a word is an address, or a network without a bit after its length.
pub(super) fn is_network(word: &str) -> bool {
    let (address, bits) = word.split_once('/').map_or((word, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let Some(bits) = bits else { return true };
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match address {
        std::net::IpAddr::V4(address) => bits <= 32 && u32::from(address).checked_shl(bits).unwrap_or(0) == 0,
        std::net::IpAddr::V6(address) => bits <= 128 && u128::from(address).checked_shl(bits).unwrap_or(0) == 0,
    }
}
