//! The response as it came, and the variables out of it.

use super::outcome::Taken;
use super::request::append;
use super::variables::Variables;
use crate::variable::Variable;

/// The response of a transaction. Its header fields are among the variables from the start.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub status: u16,
    pub protocol: Vec<u8>,
    pub body: Vec<u8>,
    /// More of the body came, or is to come, than the limit takes.
    pub is_cut: bool,
    /// Its type is one whose bodies are looked at.
    pub type_listed: bool,
}

impl Response {
    /// Creates an empty response in the memory of another one's body.
    pub(super) fn new(mut body: Vec<u8>) -> Self {
        body.clear();
        Self { body, ..Self::default() }
    }

    /// Takes a piece of the body, up to a limit of bytes; `refuses` tells whether a longer body is
    /// to be refused.
    pub(super) fn take(&mut self, piece: &[u8], limit: usize, refuses: bool) -> Taken {
        if append(&mut self.body, piece, limit) {
            return Taken::All;
        }
        self.is_cut = true;
        if refuses { Taken::Refused } else { Taken::Part }
    }

    /// Fills in what is known once the response head is complete.
    pub(super) fn fill_head(&mut self, variables: &mut Variables<'_>) {
        variables.add_number(Variable::ResponseStatus, u64::from(self.status));
        variables.add_single(Variable::ResponseProtocol, &self.protocol);
        let line = [&self.protocol, b" ".as_slice(), self.status.to_string().as_bytes()].concat();
        variables.add_single(Variable::StatusLine, &line);
        let kind = header(b"content-type", variables).unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        variables.add_single(Variable::ResponseContentType, &kind);
        // Version 2 says 0 where the length is not known.
        let length = header(b"content-length", variables).unwrap_or_else(|| b"0".to_vec());
        variables.add_single(Variable::ResponseContentLength, &length);
        let kind = if kind.is_empty() { b"null".as_slice() } else { &kind };
        let mut types = variables.rules.settings.response_body_types.iter();
        self.type_listed = types.any(|known| known.as_bytes() == kind);
    }

    /// Fills in what the response body gives, if the rules look at it.
    pub(super) fn fill_body(&self, is_wanted: bool, variables: &mut Variables<'_>) {
        variables.set_flag(Variable::OutboundDataError, self.is_cut);
        if is_wanted {
            variables.add_single(Variable::ResponseBody, &self.body);
            variables.add_single(Variable::StreamOutputBody, &self.body);
        }
    }
}

/// Returns the value of the first response header field of a name, in lower case.
fn header(wanted: &[u8], variables: &Variables<'_>) -> Option<Vec<u8>> {
    let mut entries = variables.values.column(Variable::ResponseHeaders).iter();
    let found = entries.find(|entry| variables.text(entry.key).eq_ignore_ascii_case(wanted));
    found.map(|entry| variables.text(entry.value).to_vec())
}
