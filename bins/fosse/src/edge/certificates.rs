//! `fosse certs` and `fosse certs reload`: the certificates that a running edge serves with.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};

use super::Edge;
use crate::{PROGRAM, output::print};

/// Longest wait: as long as start gives fosse-certs, after a run and a reload that are under way.
const WAIT_MAX: Duration = Duration::from_secs(60);
const DAY_SECONDS: u64 = 86_400;
/// Days before its end from which on somebody should know: certificates of 45 days are renewed with
/// 15 left.
const SOON_DAYS: u64 = 14;

/// One certificate, as fosse-certs has written it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    /// The second since 1970 after which it is over.
    not_after: u64,
    kind: String,
    /// Its number among those by ACME.
    acme: Option<u16>,
    place: String,
    /// Its file; empty for one of the store.
    path: String,
    names: String,
    issuer: String,
    /// Of one that is ordered, once fosse-acme has said so.
    renewal: Option<Renewal>,
}

/// The renewal of a certificate that is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Renewal {
    number: u16,
    /// The second since 1970 at which it is ordered; 0 where nobody knows yet.
    next: u64,
    /// Failures since it was had last.
    failures: u32,
    names: String,
    /// The last error; empty without.
    error: String,
}

impl Renewal {
    /// Reads a line; `None` for one that is something else.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("renewal ")?.splitn(5, ' ');
        let (number, next) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let failures = words.next()?.parse().ok()?;
        let (names, error) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { number, next, failures, names, error })
    }

    /// Returns how long it is until it is ordered, for people.
    fn due(&self, now: u64) -> String {
        match self.next.checked_sub(now) {
            _ if self.next == 0 => "-".to_owned(),
            None | Some(0..60) => "now".to_owned(),
            Some(left @ 60..7200) => format!("{} min", left / 60),
            Some(left) => span(left),
        }
    }
}

impl Certificate {
    /// Returns the place of one that was ordered and has not come yet.
    fn ordered(renewal: Renewal) -> Self {
        let (nothing, names, acme) = (String::new, renewal.names.clone(), Some(renewal.number));
        let renewal = Some(renewal);
        Self {
            not_after: 0,
            kind: nothing(),
            acme,
            place: nothing(),
            path: nothing(),
            names,
            issuer: nothing(),
            renewal,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.split(',').any(|one| one == name)
    }

    const fn is_missing(&self) -> bool {
        self.kind.is_empty()
    }

    /// Reads a line; `None` for one that is something else.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let not_after = words.next()?.parse().ok()?;
        let kind = words.next()?.replace('-', " ").replace("P ", "P-");
        let acme = words.next()?.parse().ok();
        let mut word = || words.next().map(unescaped);
        let (place, path, names, issuer) = (word()?, word()?, word()?, word()?);
        let path = if path == "-" { String::new() } else { path };
        let renewal = None;
        words.next().is_none().then_some(Self { not_after, kind, acme, place, path, names, issuer, renewal })
    }

    fn source(&self) -> String {
        let file = if self.path.is_empty() { "ACME" } else { &self.path };
        if self.is_missing() { file.to_owned() } else { format!("{file} ({})", self.place) }
    }

    /// Returns how long it holds from `now` on, for people.
    fn holds(&self, now: u64) -> String {
        match self.not_after.checked_sub(now) {
            _ if self.is_missing() => "NONE YET".to_owned(),
            None => "EXPIRED".to_owned(),
            Some(left) => span(left),
        }
    }

    fn json(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let text = |text: &str| if text.is_empty() { "null".to_owned() } else { quoted(text) };
        let number = |number: Option<u64>| number.map_or("null".to_owned(), |number| number.to_string());
        let names: Vec<String> = self.names.split(',').map(quoted).collect();
        let of = |value: fn(&Renewal) -> u64| number(self.renewal.as_ref().map(value));
        let rows = [
            ("names", format!("[{}]", names.join(", "))),
            ("not_after", number((!self.is_missing()).then_some(self.not_after))),
            ("key", text(&self.kind)),
            ("issuer", text(&self.issuer)),
            ("file", text(&self.path)),
            ("acme", number(self.acme.map(u64::from))),
            ("place", text(&self.place)),
            ("next_renewal", number(self.renewal.as_ref().map(|renewal| renewal.next).filter(|next| *next > 0))),
            ("failures", of(|renewal| renewal.failures.into())),
            ("last_error", text(self.renewal.as_ref().map_or("", |renewal| &renewal.error))),
        ];
        let rows: Vec<String> = rows.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        format!("{{{}}}", rows.join(", "))
    }
}

/// Returns a time for people.
fn span(seconds: u64) -> String {
    if seconds < 2 * DAY_SECONDS { format!("{} h", seconds / 3600) } else { format!("{} days", seconds / DAY_SECONDS) }
}

/// Reads the page: all certificates, and those that were ordered and have not come yet, the first
/// to end first.
fn read(page: &str) -> Vec<Certificate> {
    let mut all: Vec<Certificate> = page.lines().filter_map(Certificate::read).collect();
    for renewal in page.lines().filter_map(Renewal::read) {
        // For a moment after a reload numbers may be those of the configuration before.
        let first = renewal.names.split(',').next().unwrap_or_default();
        let is_its = |one: &&mut Certificate| one.acme == Some(renewal.number) && one.has(first);
        match all.iter_mut().find(is_its) {
            Some(one) => one.renewal = Some(renewal),
            None => all.push(Certificate::ordered(renewal)),
        }
    }
    all.sort_by(|one, other| (one.not_after, &one.names).cmp(&(other.not_after, &other.names)));
    all
}

/// Reads a word in which bytes are written as `\xNN`; what is no ASCII stays as it is written.
fn unescaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find("\\x") {
        let (before, escaped) = rest.split_at(at);
        out.push_str(before);
        let byte = escaped.get(2..4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|byte| matches!(byte, b' '..=b'~')) {
            Some(byte) => out.push(char::from(byte)),
            None => out.push_str(escaped.get(..4).unwrap_or(escaped)),
        }
        rest = escaped.get(4..).unwrap_or_default();
    }
    out + rest
}

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    let fail = |why: String, code| {
        say(PROGRAM, Severity::Fatal, why);
        code
    };
    if words.positional(0) == Some("reload") {
        return match Edge::of(words).and_then(|edge| edge.change("/certificates/reload", WAIT_MAX)) {
            Ok(said) => print(&format!("{said}\n")),
            Err(why) => fail(why, EXIT_PERMANENT),
        };
    }
    let page = match Edge::of(words).and_then(|edge| edge.page("/certificates.txt")) {
        Ok(page) => page,
        Err(why) => return fail(why, EXIT_TEMPORARY),
    };
    for line in page.lines().filter_map(|line| line.strip_prefix("refused ")) {
        say(PROGRAM, Severity::Warning, format_args!("the last reload of certificates was refused: {line}"));
    }
    let all = read(&page);
    if words.has("--json") {
        let rows: Vec<String> = all.iter().map(Certificate::json).collect();
        return print(&format!("[{}]\n", rows.join(",\n ")));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    for (one, renewal) in all.iter().filter_map(|one| Some((one, one.renewal.as_ref()?))) {
        if renewal.failures > 0 {
            let (name, times) = (one.names.split(',').next().unwrap_or_default(), renewal.failures);
            let Renewal { error, .. } = renewal;
            say(PROGRAM, Severity::Warning, format_args!("{name} could not be renewed, {times} times by now: {error}"));
        }
    }
    let is_soon = |one: &&Certificate| !one.is_missing() && one.not_after < now + SOON_DAYS * DAY_SECONDS;
    let soon = all.iter().filter(is_soon).count();
    if soon > 0 {
        say(PROGRAM, Severity::Warning, format_args!("{soon} of {} hold for less than {SOON_DAYS} days", all.len()));
    }
    print(&table(&all, now))
}

fn table(all: &[Certificate], now: u64) -> String {
    if all.is_empty() {
        return "no certificates: no listener has TLS\n".to_owned();
    }
    let names = |one: &Certificate| match one.names.split_once(',') {
        Some((first, rest)) => format!("{first} and {} more", rest.split(',').count()),
        None => one.names.clone(),
    };
    let width = all.iter().map(|one| names(one).len()).max().unwrap_or(0).max("NAMES".len());
    let issuers = all.iter().map(|one| one.issuer.chars().count()).max().unwrap_or(0).max("ISSUER".len());
    let head = ("NAMES", "HOLDS FOR", "RENEWED IN", "KEY", "ISSUER");
    let mut out = row(width, issuers, head, "FROM");
    for one in all {
        let renewal = one.renewal.as_ref().map_or("-".to_owned(), |renewal| renewal.due(now));
        out += &row(width, issuers, (&names(one), &one.holds(now), &renewal, &one.kind, &one.issuer), &one.source());
    }
    out
}

fn row(width: usize, issuers: usize, (names, holds, renewed, kind, issuer): Row<'_>, from: &str) -> String {
    format!("{names:<width$}  {holds:<10}  {renewed:<10}  {kind:<11}  {issuer:<issuers$}  {from}\n")
}

/// Names, how long it holds and when it is renewed, kind of the key, issuer.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "1000000 ECDSA-P-256 - my\\x20fosse.toml:2 /a\\x5cb a.example,*.a.example CN=\\xc3\\xa9";

    #[test]
    fn a_line_is_read_and_a_broken_one_is_left_out() {
        let one = Certificate::read(LINE).unwrap();
        let expected = ("my fosse.toml:2", "/a\\b", "a.example,*.a.example", "CN=\\xc3\\xa9", "ECDSA P-256");
        let Certificate { place, path, names, issuer, kind, .. } = &one;
        assert_eq!((place.as_str(), path.as_str(), names.as_str(), issuer.as_str(), kind.as_str()), expected);
        for broken in ["set 3", "refused 7", "", "1 RSA - a b c", &format!("{LINE} x"), "x RSA - a b c d"] {
            assert_eq!(Certificate::read(broken), None, "{broken}");
        }
        assert_eq!(Certificate::read("9 RSA 3 a:1 - b c").unwrap().source(), "ACME (a:1)");
        assert_eq!(unescaped("a\\x2"), "a\\x2");
    }

    #[test]
    fn time_that_is_left_is_said_in_days_then_hours() {
        let one = Certificate::read(LINE).unwrap();
        let holds = [0, 1_000_000 - 3 * DAY_SECONDS, 1_000_000 - 7300, 1_000_001].map(|now| one.holds(now));
        assert_eq!(holds, ["11 days", "3 days", "2 h", "EXPIRED"]);
        let shown = table(&[one], 0);
        assert!(shown.contains("a.example and 1 more  11 days"), "{shown}");
    }

    #[test]
    fn what_is_ordered_says_when_it_is_renewed_and_what_went_wrong() {
        let page = "set 3\nrenewal 3 400000 0 b.example \nrenewal 4 130 2 c.example,d.example no such name\n\
                    1000000 RSA 3 a:1 - a.example,b.example CN=x\n1000000 RSA - a:9 /f b.example CN=x\n";
        let all = read(page);
        let shown = table(&all, 100);
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
        let words = |at: usize| lines[at].iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>();
        assert_eq!(words(1), ["c.example and 1 more", "NONE YET", "now", "ACME"]);
        assert_eq!(words(2), ["a.example and 1 more", "11 days", "4 days", "RSA", "CN=x", "ACME (a:1)"]);
        assert_eq!(words(3), ["b.example", "11 days", "-", "RSA", "CN=x", "/f (a:9)"]);
        let missing = all[0].json();
        assert!(missing.contains(r#""not_after": null"#) && missing.contains(r#""failures": 2"#), "{missing}");
        assert!(missing.ends_with(r#""next_renewal": 130, "failures": 2, "last_error": "no such name"}"#), "{missing}");
    }
}
