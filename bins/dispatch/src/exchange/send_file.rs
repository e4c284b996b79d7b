//! Files that an application names in place of a body: X-Accel-Redirect, by a path, and X-Sendfile,
//! by the file's path on the machine. The client gets the file from fosse-static, which asks the
//! client's conditions and ranges, and the application's word on how it is to be taken.

use fosse_http1::{Field, HeadWriter, Name, NameSet, ResponseHead, Unwritable, is_target};
use fosse_settings::SendFiles;
use fosse_wire::request::RequestHead;

use crate::policies::Policy;

const HOST: Name = Name::new("Host");

/// Fields of a request that are about the file that it gets: conditions (RFC 9110, section 13.1),
/// ranges and codings.
static ABOUT_FILE: NameSet<7> = NameSet::new([
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "accept-encoding",
]);

/// Fields of the application's response that go with the file, as in nginx: ETag and Last-Modified
/// are the file's own.
static KEPT: NameSet<5> =
    NameSet::new(["content-type", "content-disposition", "set-cookie", "cache-control", "expires"]);

/// A request whose response may name a file.
#[derive(Debug)]
pub(crate) struct SendFile {
    /// Fields of the request that are about the file.
    asked: Vec<(Vec<u8>, Vec<u8>)>,
    stage: Stage,
}

/// A field with its value.
type Owned = (Vec<u8>, Vec<u8>);

#[derive(Debug)]
enum Stage {
    /// The application has not responded.
    Waiting,
    /// It has named a file: the target by which that is asked for, `None` where there is none, and
    /// the fields that go with it.
    Named(Option<Vec<u8>>, Vec<Owned>),
    /// The file has been asked for.
    Asked(Vec<Owned>),
}

impl SendFile {
    /// Notes what a request says of the file that it may get; `None` where its policy has none.
    pub(crate) fn of(head: &RequestHead<'_>, policy: &Policy) -> Option<Box<Self>> {
        policy.settings.send_files.as_ref()?;
        let inspects = policy.settings.inspect_responses;
        // Of other methods a condition is about something else than the file.
        let reads = matches!(head.method, b"GET" | b"HEAD");
        let about = |name: &[u8]| reads && ABOUT_FILE.contains(name);
        let asked = head.fields.into_iter().filter(|(name, _)| about(name));
        let asked = asked.filter(|(name, _)| !(inspects && super::passing::hinders_inspection(name)));
        let asked = asked.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        Some(Box::new(Self { asked, stage: Stage::Waiting }))
    }

    /// Returns the fields of the application's response that go with that of a file.
    pub(crate) fn kept(&self, head: &ResponseHead<'_>) -> impl Iterator<Item = Field<'_>> {
        let is_of_parts = |field: Field<'_>| field.is("content-type") && field.value.starts_with(b"multipart/");
        // Parts have a type of their own, by which their boundary is known.
        let (status, in_parts) = (head.status, head.fields.iter().any(is_of_parts));
        let fields: &[Owned] = if let Stage::Asked(fields) = &self.stage { fields } else { &[] };
        let fields = fields.iter().map(|(name, value)| Field { name, value });
        fields.filter(move |field| match status {
            200 | 206 => !(in_parts && field.is("content-type")),
            304 => !field.is("content-type"),
            // What it says of the file it does not say of an error.
            _ => field.is("set-cookie"),
        })
    }

    /// Notes the file that the application's response names. Returns whether it names one: its own
    /// body goes nowhere then.
    pub(super) fn note(&mut self, files: &SendFiles, head: &ResponseHead<'_>, cookie: Option<String>) -> bool {
        if !matches!(self.stage, Stage::Waiting) {
            return false;
        }
        let value = |name| head.fields.iter().find(|field| field.is(name)).map(|field| field.value);
        let target = match (value("x-accel-redirect"), value("x-sendfile")) {
            (Some(path), _) => of_path(path, files),
            (None, Some(path)) => of_file(path, files),
            (None, None) => return false,
        };
        let kept = head.fields.iter().filter(|field| KEPT.contains(field.name));
        let mut kept: Vec<Owned> = kept.map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
        kept.extend(cookie.map(|cookie| (b"Set-Cookie".to_vec(), cookie.into_bytes())));
        self.stage = Stage::Named(target, kept);
        true
    }

    /// Returns whether a file is named that is not asked for yet.
    pub(super) const fn is_named(&self) -> bool {
        matches!(self.stage, Stage::Named(..))
    }

    /// Returns whether the file has been asked for: what still comes of the request's body is for
    /// nobody.
    pub(super) const fn is_asked_for(&self) -> bool {
        matches!(self.stage, Stage::Asked(_))
    }

    /// Writes the request for the file that is named.
    ///
    /// # Errors
    /// There is no such file, whatever the directory holds.
    pub(super) fn write_request(&mut self, out: &mut Vec<u8>, to_head: bool) -> Result<(), Unwritable> {
        let Stage::Named(target, kept) = std::mem::replace(&mut self.stage, Stage::Waiting) else {
            return Err(Unwritable::Target);
        };
        self.stage = Stage::Asked(kept);
        let method: &[u8] = if to_head { b"HEAD" } else { b"GET" };
        let mut head = HeadWriter::request(out, method, &target.ok_or(Unwritable::Target)?)?;
        head.own(HOST, b"localhost")?;
        for (name, value) in &self.asked {
            head.field(name, value)?;
        }
        head.finish();
        Ok(())
    }
}

/// Returns the target for the path of X-Accel-Redirect, which is escaped as in a URL; what should
/// be and is not is escaped here. A query has no meaning for a file.
fn of_path(path: &[u8], files: &SendFiles) -> Option<Vec<u8>> {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let below = path.strip_prefix(files.send_files_prefix.as_bytes())?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    target(below, plain)
}

/// Returns the target for the path of a file, of which nothing is escaped: one below the directory,
/// or relative to it.
fn of_file(path: &[u8], files: &SendFiles) -> Option<Vec<u8>> {
    let below = if path.starts_with(b"/") {
        path.strip_prefix(files.root.trim_end_matches('/').as_bytes())?.to_vec()
    } else {
        [b"/", path].concat()
    };
    target(&below, |byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte))
}

/// Returns a target with all bytes escaped but those that are `plain`; `None` where it is no path.
/// Whether it stays below the directory is for fosse-static to say, which holds that alone.
fn target(below: &[u8], plain: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut target = Vec::with_capacity(below.len());
    for byte in below {
        if plain(*byte) {
            target.push(*byte);
        } else {
            target.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    (target.starts_with(b"/") && is_target(&target)).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(prefix: &str) -> SendFiles {
        SendFiles { send_files: 0, send_files_prefix: prefix.to_owned(), root: "/srv/files/".to_owned() }
    }

    #[test]
    fn a_path_is_below_the_prefix_or_none() {
        let target =
            |path: &str, prefix| of_path(path.as_bytes(), &files(prefix)).map(|t| String::from_utf8(t).unwrap());
        for (path, prefix, expected) in [
            ("/a.txt", "", Some("/a.txt")),
            ("/p/a.txt", "/p", Some("/a.txt")),
            ("/p/a%20b?c=d", "/p", Some("/a%20b")),
            ("/p/a b\u{e9}<", "/p", Some("/a%20b%C3%A9%3C")),
            ("/p/..%2f..%2fetc/passwd", "/p", Some("/..%2f..%2fetc/passwd")),
            ("/pa.txt", "/p", None),
            ("/p", "/p", None),
            ("/q/a", "/p", None),
            ("", "", None),
            ("a", "", None),
            ("http://x/", "", None),
            ("@named", "", None),
            ("*", "", None),
        ] {
            assert_eq!(target(path, prefix).as_deref(), expected, "{path} {prefix}");
        }
    }

    #[test]
    fn a_file_is_below_the_directory_or_none() {
        let target = |path: &str| of_file(path.as_bytes(), &files("/p")).map(|t| String::from_utf8(t).unwrap());
        for (path, expected) in [
            ("/srv/files/a.txt", Some("/a.txt")),
            ("/srv/files/a%20b?#", Some("/a%2520b%3F%23")),
            ("a/b.txt", Some("/a/b.txt")),
            ("../etc/passwd", Some("/../etc/passwd")),
            ("/srv/filesystem/a", None),
            ("/srv/files", None),
            ("/etc/passwd", None),
            ("", Some("/")),
        ] {
            assert_eq!(target(path).as_deref(), expected, "{path}");
        }
    }
}
