//! Cache-Control (RFC 9111, section 5.2; RFC 5861).

use fosse_http1::trim;

/// The longest time that is told apart from for ever: 2^31 seconds (RFC 9111, section 1.2.2).
pub const DELTA_SECONDS_MAX: u32 = 1 << 31;

/// Directives of one message that are looked at: honest ones have a handful.
const DIRECTIVES_COUNT_MAX: usize = 64;

/// The directives of a request or a response. One that has fields as its argument counts as the
/// same without: that keeps less, never more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Nothing of it is to be kept.
    pub no_store: bool,
    /// It is not to be used without the word of the application.
    pub no_cache: bool,
    /// It is for one user.
    pub private: bool,
    /// It may be kept although the request was authorised.
    pub public: bool,
    /// Once stale it is not to be used without the word of the application: must-revalidate,
    /// proxy-revalidate, or s-maxage, which means the latter.
    pub must_revalidate: bool,
    /// The request is to be responded to with what is kept, or not at all.
    pub only_if_cached: bool,
    /// The time for which it is fresh in a shared cache.
    pub s_maxage: Option<u32>,
    /// The time for which it is fresh.
    pub max_age: Option<u32>,
    /// The time for which a response still has to be fresh.
    pub min_fresh: Option<u32>,
    /// The time after its end for which it may be used while it is made fresh.
    pub stale_while_revalidate: Option<u32>,
    /// The time after its end for which it may be used where it cannot be made fresh.
    pub stale_if_error: Option<u32>,
}

impl Directives {
    /// Reads the values of all Cache-Control fields of a message. Of a time that is said twice the
    /// shorter one counts, and one that cannot be read is none at all: both make a response stale
    /// rather than fresh (section 4.2.1).
    #[must_use]
    pub fn of<'f>(values: impl Iterator<Item = &'f [u8]>) -> Self {
        let mut all = Self::default();
        for (count, member) in values.flat_map(Members).enumerate() {
            if count == DIRECTIVES_COUNT_MAX {
                // What follows may forbid what this allows.
                return Self { no_store: true, ..all };
            }
            let equals = member.iter().position(|byte| *byte == b'=');
            let (name, argument) = equals.map_or((member, None), |at| (&member[..at], Some(&member[at + 1..])));
            all.take(name, argument);
        }
        all
    }

    fn take(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        let flags: [(&str, &mut bool); 6] = [
            ("no-store", &mut self.no_store),
            ("no-cache", &mut self.no_cache),
            ("private", &mut self.private),
            ("public", &mut self.public),
            ("must-revalidate", &mut self.must_revalidate),
            ("only-if-cached", &mut self.only_if_cached),
        ];
        if let Some((_, flag)) = flags.into_iter().find(|(word, _)| is(word)) {
            *flag = true;
        }
        self.must_revalidate |= is("proxy-revalidate") || is("s-maxage");
        let times: [(&str, &mut Option<u32>); 5] = [
            ("s-maxage", &mut self.s_maxage),
            ("max-age", &mut self.max_age),
            ("min-fresh", &mut self.min_fresh),
            ("stale-while-revalidate", &mut self.stale_while_revalidate),
            ("stale-if-error", &mut self.stale_if_error),
        ];
        if let Some((_, time)) = times.into_iter().find(|(word, _)| is(word)) {
            let said = argument.and_then(delta_seconds).unwrap_or(0);
            *time = Some(time.map_or(said, |before| before.min(said)));
        }
    }
}

/// Reads a number of seconds, with or without quotes; one that is too large is the largest.
pub(crate) fn delta_seconds(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(text);
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, byte| {
        let sum = u64::from(sum) * 10 + u64::from(digit(byte)?);
        Some(u32::try_from(sum).unwrap_or(DELTA_SECONDS_MAX).min(DELTA_SECONDS_MAX))
    })
}

/// The members of a list, in which a quoted text may have commas. A quote without an end reaches to
/// the end of the value.
struct Members<'a>(&'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let (mut quoted, mut escaped) = (false, false);
            let end = self.0.iter().position(|byte| {
                let is_end = *byte == b',' && !quoted;
                (quoted, escaped) = (quoted ^ (*byte == b'"' && !escaped), quoted && *byte == b'\\' && !escaped);
                is_end
            });
            let (member, rest) = end.map_or((self.0, &[][..]), |at| (&self.0[..at], &self.0[at + 1..]));
            self.0 = rest;
            let member = trim(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Directives {
        Directives::of([value.as_bytes()].into_iter())
    }

    #[test]
    fn directives_are_read_whatever_their_case_and_whatever_lies_between() {
        let read = of("Public , MAX-AGE=60,, s-maxage=\"30\",\tno-transform, foo=bar, stale-while-revalidate=5");
        let expected = Directives {
            public: true,
            must_revalidate: true,
            max_age: Some(60),
            s_maxage: Some(30),
            stale_while_revalidate: Some(5),
            ..Directives::default()
        };
        assert_eq!(read, expected);
        for value in ["must-revalidate", "proxy-revalidate", "s-maxage=1"] {
            assert!(of(value).must_revalidate, "{value}");
        }
    }

    #[test]
    fn one_with_fields_as_its_argument_counts_as_the_same_without() {
        assert!(of("private=\"set-cookie\"").private && of("no-cache=\"a, b\"").no_cache);
    }

    #[test]
    fn what_is_in_quotes_is_no_directive() {
        assert_eq!(of("foo=\"max-age=9, no-store\", max-age=1"), Directives { max_age: Some(1), ..Default::default() });
        assert_eq!(of("foo=\"a\\\", no-store\", private"), Directives { private: true, ..Default::default() });
        assert_eq!(of("foo=\"unfinished, max-age=9"), Directives::default());
    }

    #[test]
    fn a_time_that_cannot_be_read_or_is_said_twice_is_the_shorter_one() {
        for (value, expected) in [
            ("max-age=-1", 0),
            ("max-age=", 0),
            ("max-age", 0),
            ("max-age=1.5", 0),
            ("max-age=6 0", 0),
            ("max-age=60, max-age=5", 5),
            ("max-age=60, max-age=x", 0),
            ("max-age=99999999999999999999", DELTA_SECONDS_MAX),
            ("max-age=007", 7),
        ] {
            assert_eq!(of(value).max_age, Some(expected), "{value}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_forbids_to_keep_it() {
        assert!(
            !of(&"a,".repeat(DIRECTIVES_COUNT_MAX)).no_store && of(&"a,".repeat(DIRECTIVES_COUNT_MAX + 1)).no_store
        );
    }
}
