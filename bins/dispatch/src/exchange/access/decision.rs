//! The response of a server that was asked, read whole within limits, and what it means.

use fosse_http1::{
    Field as Line, HeadLimits, NameSet, ResponseHead, find_response_end, other_challenges, strict_response,
};
use fosse_settings::{ForwardAuth, Page};

use super::{Decision, Denial, Field, Given};
use crate::{
    exchange::{
        failure::Failure,
        framing::{Next, body_bytes, framing},
    },
    limits,
    upstream::{connection::Connection, pins},
};

/// Fields of a response that does not let pass, which its client gets.
static OF_DENIAL: NameSet<4> = NameSet::new(["location", "www-authenticate", "set-cookie", "retry-after"]);

/// The outcome of reading once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// More is to come.
    More,
    /// The server has responded. `clean`: nothing follows, and all of it was read.
    Whole {
        /// Nothing follows, and all of it was read.
        clean: bool,
    },
    /// It has not.
    Failed(Failure),
}

/// As much of a response as has come.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// 0 before the head.
    status: u16,
    interims: u8,
    /// Fields for the request.
    request_fields: Vec<Field>,
    /// Fields for the client.
    client_fields: Vec<Field>,
    /// Content-Type of the body; empty where it is not to be shown.
    content_type: String,
    body: Vec<u8>,
    /// Bytes of the body that have come.
    body_bytes: usize,
}

impl Reply {
    /// Returns whether nothing of it has come.
    pub(super) const fn is_new(&self) -> bool {
        self.status == 0 && self.interims == 0
    }

    /// Returns the status.
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    const fn lets_pass(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Takes bytes that were just read.
    pub(super) fn take(
        &mut self,
        connection: &mut Connection,
        bytes: &[u8],
        auth: &ForwardAuth,
        limits: (&HeadLimits, bool),
    ) -> Reading {
        if !connection.at.is_head() {
            return self.body(connection, bytes);
        }
        let mut input = std::mem::take(&mut connection.input);
        input.extend_from_slice(bytes);
        match self.heads(connection, &input, auth, limits) {
            Ok(used) if connection.at.is_head() => {
                input.drain(..used);
                connection.input = input;
                Reading::More
            }
            Ok(used) => self.body(connection, &input[used..]),
            Err(why) => Reading::Failed(why),
        }
    }

    /// Reads heads up to the final one. Returns the number of bytes they take.
    fn heads(
        &mut self,
        connection: &mut Connection,
        bytes: &[u8],
        auth: &ForwardAuth,
        (limits, lenient): (&HeadLimits, bool),
    ) -> Result<usize, Failure> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let Some(end) = find_response_end(rest, connection.searched, lenient)? else {
                // The last three bytes may be the beginning of the empty line that ends a head.
                connection.searched = rest.len().max(3) - 3;
                return if rest.len() > limits.head_bytes { Err(Failure::HeadTooLong) } else { Ok(used) };
            };
            connection.searched = 0;
            used += end;
            let head = strict_response(&rest[..end], lenient)?;
            let head = ResponseHead::parse(&head, false, limits)?;
            match head.status {
                101 => return Err(Failure::UnaskedUpgrade),
                100..=199 if self.interims == limits::DECISION_INTERIMS_MAX => return Err(Failure::TooManyInterims),
                100..=199 => self.interims += 1,
                // Nothing was asked of which it could be known already.
                304 => return Err(Failure::NoDecision),
                _ => {
                    self.head(connection, &head, auth, lenient);
                    return Ok(used);
                }
            }
        }
    }

    fn head(&mut self, connection: &mut Connection, head: &ResponseHead<'_>, auth: &ForwardAuth, lenient: bool) {
        connection.at = framing(head, lenient).0;
        connection.keep &= head.keep_alive && !pins::asks_for_login(&head.fields);
        self.status = head.status;
        let is_plain = !head.fields.iter().any(|field| field.is("content-encoding"));
        for field in &head.fields {
            if self.lets_pass() {
                self.keep_of_pass(&field, auth);
            } else if field.is("content-type") && is_plain {
                self.content_type = String::from_utf8(field.value.to_vec()).unwrap_or_default();
            } else if OF_DENIAL.contains(field.name) {
                self.keep_of_denial(&field);
            }
        }
    }

    fn keep_of_pass(&mut self, field: &Line<'_>, auth: &ForwardAuth) {
        if field.is("set-cookie") {
            self.client_fields.push((b"Set-Cookie".to_vec(), field.value.to_vec()));
        }
        let named = auth.copy_headers.iter().find(|name| field.name.eq_ignore_ascii_case(name.as_bytes()));
        if let Some(name) = named.filter(|_| !field.value.is_empty()) {
            self.request_fields.push((name.as_bytes().to_vec(), field.value.to_vec()));
        }
    }

    fn keep_of_denial(&mut self, field: &Line<'_>) {
        let value = if pins::tells_of_login(field) {
            // The next question may go over another connection: no login that is bound to one ends.
            other_challenges(field.value).collect::<Vec<_>>().join(&b", "[..])
        } else {
            field.value.to_vec()
        };
        if !value.is_empty() {
            self.client_fields.push((field.name.to_vec(), value));
        }
    }

    /// Takes bytes of the body. Of one that is too long nothing is kept.
    fn body(&mut self, connection: &mut Connection, bytes: &[u8]) -> Reading {
        let mut used = 0;
        loop {
            let room = limits::DECISION_BODY_BYTES_MAX - self.body_bytes;
            let room = u64::try_from(room).unwrap_or(0);
            let (taken, data, next) = body_bytes(&mut connection.at, room, &bytes[used..]);
            used += taken;
            self.body_bytes += data.len();
            if !self.lets_pass() && !self.content_type.is_empty() {
                self.body.extend_from_slice(data);
            }
            match next {
                None => {}
                Some(Next::Read) => return Reading::More,
                Some(Next::Hold) => {
                    self.body = Vec::new();
                    return Reading::Whole { clean: false };
                }
                Some(Next::Done) => return Reading::Whole { clean: used == bytes.len() },
                Some(Next::Broken(why)) => return Reading::Failed(why),
            }
        }
    }

    /// Returns what a response means that is there. In place of a 401 the client is sent to
    /// `sign_in`, unless that is empty.
    pub(super) fn decision(self, sign_in: &[u8]) -> Decision {
        if self.lets_pass() {
            return Decision::Pass(Given { request_fields: self.request_fields, response_fields: self.client_fields });
        }
        if self.status == 401 && !sign_in.is_empty() {
            let mut fields = self.client_fields;
            fields.retain(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"));
            fields.push((b"Location".to_vec(), sign_in.to_vec()));
            return Decision::Deny(Denial { status: 302, fields, page: None });
        }
        let (content_type, mut fields) = (self.content_type, self.client_fields);
        let body = String::from_utf8(self.body).ok().filter(|body| !body.is_empty());
        let page = body.map(|body| Page { status: self.status, content_type, body, is_file: false });
        if page.is_some() {
            fields.push((b"Cache-Control".to_vec(), b"no-store".to_vec()));
        }
        Decision::Deny(Denial { status: self.status, fields, page })
    }
}
