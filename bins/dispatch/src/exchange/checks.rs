//! Checks of who asks, as a request meets them: what is asked about it, and what those that let it
//! pass add to it.

use std::collections::VecDeque;

use fosse_fastcgi::{END_OF_PARAMS, ParamsWriter};
use fosse_http1::{Unwritable, write_field};
use fosse_settings::{Access as Settings, Backend};
use fosse_wire::request::RequestHead;

use super::{
    Outcome,
    access::{Access, Ask, Field, Given, Login, Question},
    buffering::EMPTY_LINE,
    refused::Refused,
    stream::Stream,
};
use crate::policies::Policy;

/// Makes the checks of a request that has just been admitted, those that decide at once first.
///
/// # Errors
/// [`Refused`] where a question about it cannot be written.
pub(crate) fn check(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    (policy, settings): (&Policy, &Settings),
    backends: &[Backend],
) -> Result<Outcome, Refused> {
    let mut questions = VecDeque::new();
    if let Some(auth) = &settings.basic_auth {
        questions.push_back(Question::Password(Box::new((Login::of(head, auth), None))));
    }
    if let Some(auth) = &settings.forward_auth {
        let ask = Ask::of(head, stream.source(), (policy, auth), backends)?;
        questions.push_back(Question::Server(Box::new(ask)));
    }
    let fields_at = stream.fields_at();
    stream.access = Some(Box::new(Access { questions, fields_at, ..Access::default() }));
    Ok(Outcome::Ask)
}

impl Stream {
    /// Returns whether some check has not let it pass.
    pub(crate) fn awaits_access(&self) -> bool {
        self.access.as_ref().is_some_and(|access| !access.has_passed)
    }

    /// Returns the question that is out, or is to be put.
    pub(crate) fn question(&mut self) -> Option<&mut Question> {
        self.access.as_mut()?.questions.front_mut()
    }

    /// Returns the question that is out, where a server is asked.
    pub(crate) fn ask(&mut self) -> Option<&mut Ask> {
        let Question::Server(ask) = self.question()? else { return None };
        Some(ask)
    }

    /// Takes the questions away. It never gets access then.
    pub(crate) fn take_question(&mut self) -> Option<Question> {
        let questions = std::mem::take(&mut self.access.as_mut()?.questions);
        questions.into_iter().next()
    }

    /// Notes that the check whose question was out lets it pass.
    ///
    /// # Errors
    /// [`Refused`] where what the check has given cannot be written.
    pub(crate) fn passed(&mut self, given: Given) -> Result<(), Refused> {
        self.add_fields(&given.request_fields)?;
        if let Some(access) = &mut self.access {
            access.questions.pop_front();
            access.response_fields.extend(given.response_fields);
        }
        Ok(())
    }

    /// Lets it go on, once there is no question left.
    pub(crate) fn release(&mut self) {
        self.timer.stop();
        match &mut self.access {
            Some(access) if access.response_fields.is_empty() => self.access = None,
            Some(access) => access.has_passed = true,
            None => {}
        }
    }

    /// Returns the fields that checks have for the client.
    pub(crate) fn response_fields(&self) -> &[Field] {
        self.access.as_ref().map_or(&[], |access| &access.response_fields)
    }

    /// Returns the place in the bytes for the backend, of which there is the head alone, at which
    /// more fields may be put in.
    fn fields_at(&self) -> usize {
        let end = if self.fastcgi { &END_OF_PARAMS[..] } else { EMPTY_LINE };
        let head = self.out.strip_suffix(end).unwrap_or(&self.out);
        self.framing_at.unwrap_or(head.len())
    }

    /// Puts the conditions into its head by which what is kept is confirmed: a request of which
    /// there is the head alone, for a server that speaks HTTP. Returns false for any other.
    ///
    /// # Errors
    /// [`Unwritable`] where one cannot be written; nothing is put in then.
    pub(crate) fn put_conditions(&mut self, conditions: &[Field]) -> Result<bool, Unwritable> {
        if self.fastcgi || self.out_sent > 0 || !self.out.ends_with(EMPTY_LINE) {
            return Ok(false);
        }
        let (mut bytes, at) = (Vec::new(), self.fields_at());
        conditions.iter().try_for_each(|(name, value)| write_field(&mut bytes, name, value))?;
        self.put_into_head(at, bytes);
        Ok(true)
    }

    /// Puts lines into the head that is written already: before its framing.
    fn put_into_head(&mut self, at: usize, lines: Vec<u8>) {
        self.framing_at = self.framing_at.map(|framing_at| framing_at + lines.len());
        self.out.splice(at..at, lines);
    }

    /// Puts fields into the head that is written already.
    fn add_fields(&mut self, fields: &[Field]) -> Result<(), Refused> {
        let Some(access) = self.access.as_mut().filter(|_| self.routed && !fields.is_empty()) else { return Ok(()) };
        let mut bytes = Vec::new();
        if self.fastcgi {
            let mut to = ParamsWriter::new(&mut bytes);
            for (name, values) in joined(fields) {
                to.put_field(name, &values)?;
            }
            to.pause();
        } else {
            fields.iter().try_for_each(|(name, value)| write_field(&mut bytes, name, value))?;
        }
        let at = access.fields_at;
        access.fields_at += bytes.len();
        self.put_into_head(at, bytes);
        Ok(())
    }
}

/// Returns the fields by name, with the parts of one value for each (RFC 3875, section 4.1.18).
fn joined(fields: &[Field]) -> Vec<(&[u8], Vec<&[u8]>)> {
    let mut all: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    for (name, value) in fields {
        match all.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.extend([&b", "[..], value]),
            None => all.push((name, vec![value])),
        }
    }
    all
}
