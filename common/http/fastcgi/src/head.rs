//! Heads of CGI responses (RFC 3875, section 6), made into heads of HTTP/1.1.

use core::fmt;

use fosse_http1::{NameSet, same_name, trim, write_number};

/// Fields that a script has no word in: the framing and the connection are the web server's. What
/// begins with [`ACCELERATE`] is an order to nginx.
static DROPPED: NameSet<8> = NameSet::new([
    "status",
    "connection",
    "transfer-encoding",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "proxy-connection",
]);

const ACCELERATE: &[u8] = b"x-accel-";

/// The reason why a head is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// The status is not three digits from 200 on.
    Status,
    /// The status is there twice.
    StatusRepeated,
}

impl HeadFault {
    /// Returns the fault in an operator's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Status => "malformed Status",
            Self::StatusRepeated => "Status twice",
        }
    }
}

impl fmt::Display for HeadFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.words())
    }
}

impl core::error::Error for HeadFault {}

/// Returns the head of HTTP/1.1 that a CGI head stands for, its empty line included: the status is
/// that of `Status`, else 302 where there is a Location, else 200, as nginx has it. A local
/// redirect (RFC 3875, section 6.2.2) goes to the client like any other. Lines may end in LF alone.
/// Whether the fields are any is for [`fosse_http1::ResponseHead`] to say.
///
/// # Errors
/// [`HeadFault`]
pub fn http_head(cgi: &[u8]) -> Result<Vec<u8>, HeadFault> {
    let (mut status, mut location) = (None, false);
    let mut fields = Vec::with_capacity(cgi.len() + 32);
    for line in cgi.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], trim(&line[colon + 1..])),
            None => (&[][..], line),
        };
        if same_name(name, b"status") && status.replace(code(value)?).is_some() {
            return Err(HeadFault::StatusRepeated);
        }
        location |= same_name(name, b"location");
        if DROPPED.contains(name) || is_order(name) {
            continue;
        }
        fields.extend_from_slice(line);
        fields.extend_from_slice(b"\r\n");
    }
    let mut head = b"HTTP/1.1 ".to_vec();
    write_number(&mut head, u64::from(status.unwrap_or(if location { 302 } else { 200 })));
    head.extend_from_slice(b" \r\n");
    head.append(&mut fields);
    Ok(head)
}

/// Reads a status and passes over its reason.
fn code(value: &[u8]) -> Result<u16, HeadFault> {
    let (digits, rest) = value.split_at_checked(3).ok_or(HeadFault::Status)?;
    let code = core::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let code = code.and_then(|text| text.parse().ok()).ok_or(HeadFault::Status)?;
    let ends = rest.is_empty() || rest.starts_with(b" ");
    if code >= 200 && ends { Ok(code) } else { Err(HeadFault::Status) }
}

fn is_order(name: &[u8]) -> bool {
    name.get(..ACCELERATE.len()).is_some_and(|start| same_name(start, ACCELERATE))
}
