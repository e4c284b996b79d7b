//! Values out of the response.

use super::Transaction;
use super::request::{Taken, flag};
use crate::variable::Variable;

impl Transaction<'_> {
    /// The response's status and protocol, before its headers.
    pub fn response(&mut self, status: u16, protocol: &[u8]) {
        self.status = status;
        self.response_protocol = protocol.to_vec();
    }

    /// A response header, as sent.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (self.values.bytes.push(name), self.values.bytes.push(value));
        self.values.add(self.rules, Variable::ResponseHeaders, name, value);
        if self.rules.uses(Variable::ResponseHeadersNames) {
            self.values.add(self.rules, Variable::ResponseHeadersNames, name, name);
        }
    }

    fn response_value(&self, wanted: &[u8]) -> Option<Vec<u8>> {
        let entries = self.values.shelf(Variable::ResponseHeaders);
        let found = entries.iter().find(|entry| self.values.text(self.rules, entry.key).eq_ignore_ascii_case(wanted));
        found.map(|entry| self.values.text(self.rules, entry.value).to_vec())
    }

    /// Fills in what is known once the response head is complete.
    pub(super) fn fill_response_head(&mut self) {
        let status = u64::from(self.status);
        self.values.add_number(self.rules, Variable::ResponseStatus, status);
        let protocol = std::mem::take(&mut self.response_protocol);
        self.values.add_single(self.rules, Variable::ResponseProtocol, &protocol);
        let line = [&protocol, b" ".as_slice(), status.to_string().as_bytes()].concat();
        self.values.add_single(self.rules, Variable::StatusLine, &line);
        self.response_protocol = protocol;
        let kind = self.response_value(b"content-type").unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        self.values.add_single(self.rules, Variable::ResponseContentType, &kind);
        // Version 2 says 0 where the length is not known.
        let length = self.response_value(b"content-length").unwrap_or_else(|| b"0".to_vec());
        self.values.add_single(self.rules, Variable::ResponseContentLength, &length);
        let kind = if kind.is_empty() { b"null".to_vec() } else { kind };
        let types = &self.rules.settings.response_body_types;
        self.response_type_listed = types.iter().any(|known| known.as_bytes() == kind);
    }

    /// Takes a piece of the response body, between phases 3 and 4.
    pub fn response_body(&mut self, piece: &[u8]) -> Taken {
        if !self.wants_response_body() {
            return Taken::All;
        }
        let limit = self.response_body_limit();
        let room = limit.saturating_sub(self.response_body.len());
        self.response_body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() <= room {
            return Taken::All;
        }
        self.outbound_data_error = true;
        if self.refuses_long_response() { Taken::Refused } else { Taken::Part }
    }

    /// The body is longer than what was given of it.
    pub fn response_is_longer(&mut self) {
        self.outbound_data_error = true;
    }

    /// Fills in what the response body gives.
    pub(super) fn fill_response_body(&mut self) {
        self.values.set_single(self.rules, Variable::OutboundDataError, flag(self.outbound_data_error));
        if self.wants_response_body() {
            let body = std::mem::take(&mut self.response_body);
            self.values.add_single(self.rules, Variable::ResponseBody, &body);
            self.values.add_single(self.rules, Variable::StreamOutputBody, &body);
            self.response_body = body;
        }
    }
}
