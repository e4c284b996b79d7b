//! The verdict, which a filter puts in place of a request it denies. It travels on to dispatch,
//! which sends the response.

use crate::{
    WireError,
    cursor::{Cursor, put_short},
};

/// The cause of a denial. It decides nothing, it is logged and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// A rule said so.
    #[default]
    Rule = 0,
    /// The protocol checks that need no rules.
    Protocol = 1,
    /// The body is larger than the site allows.
    BodySize = 2,
    /// The body's encoding cannot be undone within limits.
    BodyEncoding = 3,
    /// The lane's memory for buffered bodies is used up.
    Memory = 4,
    /// The time for evaluation ran out.
    Budget = 5,
    /// A rate or connection limit.
    Rate = 6,
    /// The file for bodies has lost the body: it could not be used, did not respond in time, is
    /// gone, or gave back other bytes.
    Spool = 7,
    /// The file for bodies is full.
    SpoolFull = 8,
    /// The body is over a limit that the rules set (`SecRequestBodyLimit`,
    /// `SecResponseBodyLimit`).
    RulesLimit = 9,
}

impl Cause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Rule,
        Self::Protocol,
        Self::BodySize,
        Self::BodyEncoding,
        Self::Memory,
        Self::Budget,
        Self::Rate,
        Self::Spool,
        Self::SpoolFull,
        Self::RulesLimit,
    ];

    /// Returns the word in logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Protocol => "protocol",
            Self::BodySize => "body-size",
            Self::BodyEncoding => "body-encoding",
            Self::Memory => "memory",
            Self::Budget => "budget",
            Self::Rate => "rate",
            Self::Spool => "spool",
            Self::SpoolFull => "spool-full",
            Self::RulesLimit => "rules-limit",
        }
    }
}

/// A denial. The message is for the log, never for the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Status of the response, 300 to 599.
    pub status: u16,
    /// Its cause.
    pub cause: Cause,
    /// Rule id, 0 where no rule was involved.
    pub rule: u32,
    /// Seconds for Retry-After, 0 for none.
    pub retry_after: u32,
    /// Index of the site, so that its error page can be found.
    pub site: u32,
    /// Number of the request, shown to the client so that it can be found in the log.
    pub request: u64,
    /// Target of a redirect; empty without.
    pub location: &'a [u8],
    /// For the log.
    pub message: &'a [u8],
}

impl<'a> Verdict<'a> {
    /// Appends the body of the frame.
    ///
    /// # Errors
    /// [`WireError::Field`] for a text longer than a u16 can say.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        out.extend_from_slice(&self.status.to_le_bytes());
        out.push(self.cause as u8);
        out.extend_from_slice(&self.rule.to_le_bytes());
        out.extend_from_slice(&self.retry_after.to_le_bytes());
        out.extend_from_slice(&self.site.to_le_bytes());
        out.extend_from_slice(&self.request.to_le_bytes());
        put_short(out, self.location, "location")?;
        put_short(out, self.message, "message")
    }

    /// Reads the body of the frame, all of it.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(body);
        let status = c.u16()?;
        let cause = Cause::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("cause"))?;
        let verdict = Self {
            status,
            cause,
            rule: c.u32()?,
            retry_after: c.u32()?,
            site: c.u32()?,
            request: c.u64()?,
            location: c.short_bytes()?,
            message: c.short_bytes()?,
        };
        c.end()?;
        if (300..=599).contains(&status) { Ok(verdict) } else { Err(WireError::Field("status")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_comes_back_and_a_cut_one_does_not() {
        let verdict = Verdict {
            status: 403,
            cause: Cause::Budget,
            rule: 9,
            site: 1,
            request: 5,
            message: b"why",
            ..Default::default()
        };
        let mut out = Vec::new();
        verdict.encode(&mut out).unwrap();
        assert_eq!(Verdict::decode(&out), Ok(verdict));
        for cut in 0..out.len() {
            assert!(Verdict::decode(&out[..cut]).is_err());
        }
    }

    #[test]
    fn a_verdict_never_says_that_all_is_well() {
        for status in [0, 100, 200, 299, 600] {
            let mut out = Vec::new();
            Verdict { status, ..Default::default() }.encode(&mut out).unwrap();
            assert_eq!(Verdict::decode(&out), Err(WireError::Field("status")));
        }
    }
}
