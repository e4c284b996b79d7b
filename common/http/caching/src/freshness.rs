//! Whether a response is kept, and for how long it is fresh (RFC 9111, sections 3 and 4.2).

use std::time::{Duration, SystemTime};

use fosse_http1::members;
use fosse_wire::{cache::Terms, fields::Fields};

use crate::{
    Directives, Stored,
    directives::{DELTA_SECONDS_MAX, delta_seconds},
    record::{VARY_BYTES_MAX, names},
};

/// The times of a response that is kept, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its age as it came.
    pub age_s: u32,
    /// The age up to which it is fresh.
    pub fresh_s: u32,
    /// The time after that for which it may be used while it is made fresh.
    pub stale_while_s: u32,
    /// The time after that for which it may be used where it cannot be made fresh.
    pub stale_error_s: u32,
    /// Names of the request's fields that it varies by, in lower case, a comma after each.
    pub vary: Vec<u8>,
}

impl Kept {
    /// Iterates over the names of the request's fields that it varies by.
    pub fn varies_by(&self) -> impl Iterator<Item = &[u8]> + Clone {
        names(&self.vary)
    }
}

/// The reason why a response is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// No cache understands its status, or the route keeps no errors.
    Status,
    /// It says so: no-store, private.
    Said,
    /// It sets a cookie.
    Cookie,
    /// The request was authorised, and it does not say that this does not matter.
    Authorized,
    /// It varies by everything, or by too much.
    Vary,
    /// It is never fresh, and there is no way to ask whether it still holds.
    Stale,
}

/// The state of a kept response for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may be used.
    Fresh,
    /// It may be used while it is made fresh.
    StaleWhileRevalidate,
    /// It may be used where it cannot be made fresh.
    StaleIfError,
    /// It may not be used.
    Stale,
}

/// Decides whether a response is kept that came at `now`, `delay` after it was asked for.
///
/// # Errors
/// The reason why it is not.
pub fn keep(status: u16, fields: Fields<'_>, terms: &Terms, now: SystemTime, delay: Duration) -> Result<Kept, NotKept> {
    let said = Directives::of(fields.all(b"cache-control"));
    let by_default = match status {
        200 | 203 | 204 | 300 | 301 | 308 => true,
        302 | 303 | 307 => false,
        404 | 405 | 410 | 414 | 501 if terms.errors => true,
        400..=599 if terms.errors => false,
        _ => return Err(NotKept::Status),
    };
    if said.no_store || said.private {
        return Err(NotKept::Said);
    }
    if !terms.set_cookie && fields.has(b"set-cookie") {
        return Err(NotKept::Cookie);
    }
    if terms.authorized && !said.public && !said.must_revalidate {
        return Err(NotKept::Authorized);
    }
    let vary = vary(fields)?;
    let said_s = lifetime(&said, fields, now);
    let silent_s = if by_default { terms.silent_seconds } else { 0 };
    let fresh_s = if said.no_cache { 0 } else { said_s.unwrap_or(silent_s) };
    let has_validator = fields.has(b"etag") || fields.has(b"last-modified");
    let is_silent = said_s.is_none() && !said.no_cache;
    let age_s = age(fields, now, delay);
    if fresh_s <= age_s && (is_silent || !has_validator) {
        return Err(NotKept::Stale);
    }
    let after = |time: Option<u32>| if said.must_revalidate || said.no_cache { 0 } else { time.unwrap_or(0) };
    let (stale_while_s, stale_error_s) = (after(said.stale_while_revalidate), after(said.stale_if_error));
    Ok(Kept { age_s, fresh_s, stale_while_s, stale_error_s, vary })
}

/// Returns the state of a kept response at `now_s`, in seconds since 1970, for a request with these
/// directives. One from the future is stale: a clock that has gone back says nothing of its age.
#[must_use]
pub fn state(stored: &Stored<'_>, wanted: &Directives, now_s: u64) -> State {
    let Some(age_s) = stored.age_s_at(now_s) else { return State::Stale };
    let fresh_s = u64::from(stored.fresh_s);
    let min_fresh_s = u64::from(wanted.min_fresh.unwrap_or(0));
    if wanted.no_cache || wanted.max_age.is_some_and(|max_s| age_s > u64::from(max_s)) {
        return State::Stale;
    }
    // A request for something fresher than this is none for something stale.
    let stale_s = if wanted.min_fresh.is_some() { [0; 2] } else { [stored.stale_while_s, stored.stale_error_s] };
    let within = |time: u32| age_s < fresh_s + u64::from(time);
    match (age_s + min_fresh_s < fresh_s, within(stale_s[0]), within(stale_s[1])) {
        (true, ..) => State::Fresh,
        (false, true, _) if stale_s[0] > 0 => State::StaleWhileRevalidate,
        (false, _, true) if stale_s[1] > 0 => State::StaleIfError,
        _ => State::Stale,
    }
}

/// Returns the time for which it says that it is fresh; `None` where it says nothing. What cannot
/// be read has ended.
fn lifetime(said: &Directives, fields: Fields<'_>, now: SystemTime) -> Option<u32> {
    let time = said.s_maxage.or(said.max_age);
    time.or_else(|| {
        let mut expires = fields.all(b"expires");
        let expires = expires.next().map(|first| date(first).filter(|_| expires.next().is_none()))?;
        let since = date_of(fields).unwrap_or(now);
        Some(expires.and_then(|expires| seconds_between(since, expires)).unwrap_or(0))
    })
}

/// Returns the age of a response as it comes (section 4.2.3).
fn age(fields: Fields<'_>, now: SystemTime, delay: Duration) -> u32 {
    // Of a list the first member counts (section 5.1).
    let said = fields.all(b"age").flat_map(members).next().and_then(delta_seconds).unwrap_or(0);
    let delay_s = u32::try_from(delay.as_secs()).unwrap_or(DELTA_SECONDS_MAX);
    let apparent = date_of(fields).and_then(|date| seconds_between(date, now)).unwrap_or(0);
    // Both are 2^31 at the most.
    apparent.max(said.min(DELTA_SECONDS_MAX - 1) + delay_s.min(DELTA_SECONDS_MAX)).min(DELTA_SECONDS_MAX)
}

fn vary(fields: Fields<'_>) -> Result<Vec<u8>, NotKept> {
    let mut names = Vec::new();
    for name in fields.all(b"vary").flat_map(members) {
        if name == b"*" || names.len() + name.len() >= VARY_BYTES_MAX {
            return Err(NotKept::Vary);
        }
        names.extend(name.iter().map(u8::to_ascii_lowercase));
        names.push(b',');
    }
    Ok(names)
}

fn date_of(fields: Fields<'_>) -> Option<SystemTime> {
    date(fields.all(b"date").next()?)
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Returns the seconds from one time to a later one; `None` where it is earlier.
fn seconds_between(from: SystemTime, to: SystemTime) -> Option<u32> {
    let seconds = to.duration_since(from).ok()?.as_secs();
    Some(u32::try_from(seconds).unwrap_or(DELTA_SECONDS_MAX).min(DELTA_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use fosse_wire::{cursor::Cursor, fields};

    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW_S)
    }

    fn at(offset: i64) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(NOW_S.checked_add_signed(offset).unwrap()))
    }

    fn kept_as(status: u16, list: &[(&str, &str)], terms: &Terms) -> Result<Kept, NotKept> {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        keep(status, fields, terms, now(), Duration::from_secs(2))
    }

    fn kept(list: &[(&str, &str)]) -> Result<Kept, NotKept> {
        kept_as(200, list, &Terms::default())
    }

    fn fresh_s(list: &[(&str, &str)]) -> Option<u32> {
        kept(list).ok().map(|kept| kept.fresh_s)
    }

    #[test]
    fn the_time_for_shared_caches_outweighs_the_one_for_all_and_that_outweighs_expires() {
        let expires = at(900);
        let date = at(0);
        let all = [("Cache-Control", "max-age=60, s-maxage=30"), ("Expires", &*expires), ("Date", &*date)];
        assert_eq!(fresh_s(&all), Some(30));
        assert_eq!(fresh_s(&[("Cache-Control", "max-age=60"), ("Expires", &expires), ("Date", &date)]), Some(60));
        assert_eq!(fresh_s(&[("Expires", &expires), ("Date", &date)]), Some(900));
        assert_eq!(fresh_s(&[("Expires", &expires)]), Some(900));
    }

    #[test]
    fn what_says_nothing_of_its_time_is_not_kept_unless_the_route_says_how_long() {
        for list in [&[][..], &[("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")], &[("ETag", "\"a\"")]] {
            assert_eq!(kept(list), Err(NotKept::Stale), "{list:?}");
        }
        let terms = Terms { silent_seconds: 9, ..Terms::default() };
        assert_eq!(kept_as(200, &[], &terms).unwrap().fresh_s, 9);
        assert_eq!(kept_as(302, &[], &terms), Err(NotKept::Stale));
        assert_eq!(kept_as(302, &[("Cache-Control", "max-age=5")], &terms).unwrap().fresh_s, 5);
    }

    #[test]
    fn an_end_that_has_passed_or_cannot_be_read_is_no_time_at_all() {
        let past = at(-5);
        for expires in ["0", "-1", "Thu, 99 Foo", "", &past] {
            assert_eq!(kept(&[("Expires", expires)]), Err(NotKept::Stale), "{expires}");
        }
        let later = at(50);
        assert_eq!(kept(&[("Expires", &later), ("Expires", &later)]), Err(NotKept::Stale));
        assert_eq!(fresh_s(&[("Cache-Control", "max-age=0"), ("ETag", "\"a\"")]), Some(0));
        assert_eq!(fresh_s(&[("Cache-Control", "no-cache, max-age=60"), ("ETag", "\"a\"")]), Some(0));
        assert_eq!(kept(&[("Cache-Control", "no-cache, max-age=60")]), Err(NotKept::Stale));
    }

    #[test]
    fn what_is_for_one_user_or_says_so_is_never_kept() {
        let with = |value| kept(&[("Cache-Control", value)]);
        for value in ["no-store, max-age=9", "private, max-age=9", "Private=\"x\", max-age=9"] {
            assert_eq!(with(value), Err(NotKept::Said), "{value}");
        }
        assert_eq!(kept(&[("Cache-Control", "max-age=9"), ("Set-Cookie", "a=b")]), Err(NotKept::Cookie));
        let terms = Terms { set_cookie: true, ..Terms::default() };
        assert!(kept_as(200, &[("Cache-Control", "max-age=9"), ("Set-Cookie", "a=b")], &terms).is_ok());
    }

    #[test]
    fn the_response_to_an_authorised_request_must_say_that_it_may_be_kept() {
        let terms = Terms { authorized: true, ..Terms::default() };
        let with = |value| kept_as(200, &[("Cache-Control", value)], &terms);
        assert_eq!(with("max-age=9"), Err(NotKept::Authorized));
        for value in ["max-age=9, public", "s-maxage=9", "max-age=9, must-revalidate"] {
            assert!(with(value).is_ok(), "{value}");
        }
    }

    #[test]
    fn errors_parts_and_what_nobody_knows_are_not_kept() {
        let list = [("Cache-Control", "max-age=9")];
        for status in [206, 304, 305, 400, 404, 410, 416, 421, 500, 502, 503, 599, 600] {
            assert_eq!(kept_as(status, &list, &Terms::default()), Err(NotKept::Status), "{status}");
        }
        let terms = Terms { errors: true, ..Terms::default() };
        assert!(kept_as(404, &list, &terms).is_ok() && kept_as(500, &list, &terms).is_ok());
        assert_eq!(kept_as(206, &list, &terms), Err(NotKept::Status));
    }

    #[test]
    fn what_varies_by_everything_is_not_kept_and_names_are_noted() {
        let with = |vary: &str| kept(&[("Cache-Control", "max-age=9"), ("Vary", vary)]);
        assert_eq!(with("*"), Err(NotKept::Vary));
        assert_eq!(with("a, *"), Err(NotKept::Vary));
        assert_eq!(with("Accept-Language,, X-A").unwrap().vary, b"accept-language,x-a,");
        assert_eq!(with(&"x".repeat(2000)), Err(NotKept::Vary));
    }

    #[test]
    fn the_age_is_what_was_said_or_what_the_date_shows_whichever_is_more() {
        let age = |list: &[(&str, &str)]| kept(&[&[("Cache-Control", "max-age=1000")], list].concat()).unwrap().age_s;
        let (early, late) = (at(-30), at(30));
        assert_eq!(age(&[]), 2);
        assert_eq!(age(&[("Age", "10")]), 12);
        assert_eq!(age(&[("Age", "10"), ("Date", &early)]), 30);
        assert_eq!(age(&[("Age", "x"), ("Date", &late)]), 2);
        assert_eq!([age(&[("Age", "10, 20")]), age(&[("Age", "10"), ("Age", "20")])], [12, 12]);
        // What is no number says nothing (section 5.1).
        for value in ["-10", "10.0", "abc", "10;a=1", "10;20", "0, 20"] {
            assert_eq!(age(&[("Age", value)]), 2, "{value}");
        }
        assert_eq!(kept(&[("Cache-Control", "max-age=10"), ("Age", "10")]), Err(NotKept::Stale));
    }

    #[test]
    fn a_kept_response_becomes_stale_and_may_then_be_used_as_it_says() {
        let stored = Stored {
            stored_s: 100,
            age_s: 10,
            fresh_s: 60,
            stale_while_s: 20,
            stale_error_s: 40,
            ..Default::default()
        };
        let of = |now_s| state(&stored, &Directives::default(), now_s);
        assert_eq!([of(100), of(149)], [State::Fresh; 2]);
        assert_eq!([of(150), of(169)], [State::StaleWhileRevalidate; 2]);
        assert_eq!([of(170), of(189)], [State::StaleIfError; 2]);
        assert_eq!([of(190), of(99)], [State::Stale; 2]);
    }

    #[test]
    fn a_request_may_want_something_fresher() {
        let stored = Stored { stored_s: 100, age_s: 10, fresh_s: 60, stale_while_s: 99, ..Default::default() };
        let of = |value: &str, now_s| state(&stored, &Directives::of([value.as_bytes()].into_iter()), now_s);
        assert_eq!(of("no-cache", 100), State::Stale);
        assert_eq!([of("max-age=10", 100), of("max-age=10", 101)], [State::Fresh, State::Stale]);
        assert_eq!([of("min-fresh=10", 139), of("min-fresh=10", 140)], [State::Fresh, State::Stale]);
        assert_eq!(of("max-stale=5", 151), State::StaleWhileRevalidate);
    }
}
