//! One record: its variables, its times, and what changes do to it.

use crate::{FIELDS_MAX, NAME_BYTES_MAX, RECORD_BYTES_MAX, VALUE_BYTES_MAX, number};

/// Names of the variables that a record computes itself and no rule can set. TIMEOUT is one more,
/// which rules may set.
const BUILT_IN: [&[u8]; 6] =
    [b"create_time", b"is_new", b"key", b"last_update_time", b"update_counter", b"update_rate"];

/// The variable that holds the seconds a record lives after its last change.
const TIMEOUT: &[u8] = b"timeout";

/// Seconds that a record lives after its last change, at most: 31 days. More would outlive any
/// reason for it.
pub(crate) const TIMEOUT_SECONDS_MAX: u64 = 31 * 24 * 3600;

/// One variable of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its name, in lower case.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// Expiry, in seconds since 1970; `None` as long as the record lives.
    pub expires: Option<u64>,
}

/// One change to a variable, as it is sent to the store: increments stay increments, so that two
/// requests at the same time both count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The variable has this value.
    Set(Vec<u8>),
    /// The variable, read as a number, grows by this (never below zero).
    Add(i64),
    /// The variable is removed.
    Unset,
    /// The variable expires at this time, in seconds since 1970.
    Expire(u64),
    /// The variable, read as a number, has fallen by `amount` for each full `seconds` since the
    /// record's last change.
    Deprecate {
        /// Subtracted per interval.
        amount: u32,
        /// Length of an interval, in seconds.
        seconds: u32,
    },
}

/// The variables of one key of a collection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// The variables, no two of one name.
    pub fields: Vec<Field>,
    /// First stored, in seconds since 1970.
    pub created: u64,
    /// Last changed, in seconds since 1970.
    pub updated: u64,
    /// Number of changes; 0 for a record that was never stored.
    pub updates: u64,
}

impl Record {
    /// Returns whether rules may set a variable of this name.
    #[must_use]
    pub fn may_be_set(name: &[u8]) -> bool {
        !BUILT_IN.iter().any(|built_in| built_in.eq_ignore_ascii_case(name))
    }

    /// Returns the value of a variable that has not expired.
    #[must_use]
    pub fn get(&self, name: &[u8], now: u64) -> Option<&[u8]> {
        let alive = self.fields.iter().find(|field| field.name == name && field.is_alive(now));
        alive.map(|field| field.value.as_slice())
    }

    /// Returns the bytes of all names and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(Field::bytes).sum()
    }

    /// Drops the variables that have expired.
    pub fn prune(&mut self, now: u64) {
        self.fields.retain(|field| field.is_alive(now));
    }

    /// Makes a change; returns false if a limit or the name forbids it.
    pub fn apply(&mut self, name: &[u8], change: &Change, now: u64) -> bool {
        if !Self::may_be_set(name) || name.is_empty() || name.len() > NAME_BYTES_MAX {
            return false;
        }
        self.prune(now);
        let known = self.fields.iter().position(|field| field.name == name);
        let before = known.map(|at| number(&self.fields[at].value));
        match change {
            Change::Set(value) => self.set(known, name, value.clone()),
            Change::Add(amount) => {
                // Saturates: clients drive such counters, and the top is as good as beyond it.
                let sum = before.unwrap_or(0).saturating_add(*amount).max(0);
                self.set(known, name, sum.to_string().into_bytes())
            }
            Change::Unset => {
                self.fields.retain(|field| field.name != name);
                true
            }
            Change::Expire(at) => {
                if let Some(known) = known {
                    self.fields[known].expires = Some(*at);
                }
                true
            }
            Change::Deprecate { amount, seconds } => {
                // One that was never kept has no last change to count from.
                let since = if self.updates == 0 { 0 } else { now.saturating_sub(self.updated) };
                let steps = since.checked_div(u64::from(*seconds)).unwrap_or(0);
                let fallen = i64::try_from(steps.saturating_mul(u64::from(*amount))).unwrap_or(i64::MAX);
                match before.filter(|_| fallen > 0) {
                    Some(before) => {
                        self.set(known, name, before.saturating_sub(fallen).max(0).to_string().into_bytes())
                    }
                    None => true,
                }
            }
        }
    }

    /// Sets a variable, within the limits. Its expiry is unchanged.
    fn set(&mut self, known: Option<usize>, name: &[u8], value: Vec<u8>) -> bool {
        let others = self.bytes() - known.map_or(0, |at| self.fields[at].bytes());
        let after = others + name.len() + value.len();
        if value.len() > VALUE_BYTES_MAX || after > RECORD_BYTES_MAX {
            return false;
        }
        if let Some(known) = known {
            self.fields[known].value = value;
            return true;
        }
        let room = self.fields.len() < FIELDS_MAX;
        if room {
            // There are very many records of very few variables.
            self.fields.reserve_exact(1);
            self.fields.push(Field { name: name.to_vec(), value, expires: None });
        }
        room
    }

    /// Notes that it was changed and is stored.
    pub fn kept(&mut self, now: u64) {
        if self.updates == 0 {
            self.created = now;
        }
        self.updated = now;
        self.updates = self.updates.saturating_add(1);
    }

    /// Returns the seconds it lives after its last change: TIMEOUT, where rules have set it, else
    /// SecCollectionTimeout.
    #[must_use]
    pub fn timeout(&self, collection_timeout: u32, now: u64) -> u64 {
        let own = self.get(TIMEOUT, now).map(|text| u64::try_from(number(text)).unwrap_or(0));
        own.unwrap_or(u64::from(collection_timeout)).min(TIMEOUT_SECONDS_MAX)
    }

    /// Returns all that rules see of it: its variables that have not expired, then those it
    /// computes itself.
    #[must_use]
    pub fn shown(&self, key: &[u8], collection_timeout: u32, now: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let alive = self.fields.iter().filter(|field| field.is_alive(now));
        let mut all: Vec<_> = alive.map(|field| (field.name.clone(), field.value.clone())).collect();
        let is_new = self.updates == 0;
        let mut say = |name: &[u8], value: u64| all.push((name.to_vec(), value.to_string().into_bytes()));
        say(b"create_time", if is_new { now } else { self.created });
        say(b"is_new", u64::from(is_new));
        say(b"update_counter", self.updates);
        say(b"update_rate", self.update_rate(now));
        if !is_new {
            say(b"last_update_time", self.updated);
        }
        if self.get(TIMEOUT, now).is_none() {
            say(TIMEOUT, self.timeout(collection_timeout, now));
        }
        all.push((b"key".to_vec(), key.to_vec()));
        all
    }

    /// Returns the changes per minute since it was first stored.
    fn update_rate(&self, now: u64) -> u64 {
        let age = now.saturating_sub(self.created);
        self.updates.saturating_mul(60).checked_div(age).unwrap_or(self.updates)
    }
}

impl Field {
    fn is_alive(&self, now: u64) -> bool {
        self.expires.is_none_or(|at| at > now)
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(record: &Record, name: &str, now: u64) -> Option<String> {
        let all = record.shown(b"the key", 3600, now);
        let of_name: Vec<_> = all.iter().filter(|(known, _)| known == name.as_bytes()).collect();
        assert!(of_name.len() <= 1, "{name} twice");
        of_name.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn counters_grow_fall_and_never_go_below_zero() {
        let mut record = Record::default();
        for (amount, expected) in [(1, "1"), (5, "6"), (-2, "4"), (-9, "0")] {
            assert!(record.apply(b"x", &Change::Add(amount), 10));
            assert_eq!(shown(&record, "x", 10).as_deref(), Some(expected));
        }
        record.apply(b"x", &Change::Set(b"text".to_vec()), 10);
        record.apply(b"x", &Change::Add(3), 10);
        assert_eq!(shown(&record, "x", 10).as_deref(), Some("3"), "what is no number counts as 0");
        record.apply(b"x", &Change::Unset, 10);
        assert_eq!(shown(&record, "x", 10), None);
    }

    #[test]
    fn a_variable_ends_at_its_time_and_begins_again() {
        let mut record = Record::default();
        record.apply(b"x", &Change::Add(7), 100);
        record.apply(b"x", &Change::Expire(160), 100);
        assert_eq!(shown(&record, "x", 159).as_deref(), Some("7"));
        assert_eq!(shown(&record, "x", 160), None);
        record.apply(b"x", &Change::Add(1), 160);
        assert_eq!(shown(&record, "x", 100_000).as_deref(), Some("1"), "the old end went with the old variable");
        assert!(record.apply(b"never set", &Change::Expire(5), 1) && record.get(b"never set", 1).is_none());
    }

    #[test]
    fn a_deprecated_variable_falls_by_full_periods_since_the_last_change() {
        let mut record = Record::default();
        let falls = Change::Deprecate { amount: 60, seconds: 300 };
        record.apply(b"score", &Change::Set(b"150".to_vec()), 1000);
        record.apply(b"score", &falls, 9000);
        assert_eq!(shown(&record, "score", 9000).as_deref(), Some("150"), "never kept: nothing to count from");
        record.kept(1000);
        for (now, expected) in [(1299, "150"), (1300, "90"), (1900, "0")] {
            let mut then = record.clone();
            assert!(then.apply(b"score", &falls, now));
            assert_eq!(shown(&then, "score", now).as_deref(), Some(expected), "{now}");
        }
        assert!(record.apply(b"score", &Change::Deprecate { amount: 1, seconds: 0 }, 5000));
        assert!(record.apply(b"other", &falls, 5000) && record.get(b"other", 5000).is_none());
    }

    #[test]
    fn a_record_says_what_it_is() {
        let mut record = Record::default();
        let say = |record: &Record, name: &str, now| shown(record, name, now).unwrap_or_default();
        assert_eq!((say(&record, "is_new", 50), say(&record, "create_time", 50)), ("1".into(), "50".into()));
        assert_eq!((say(&record, "update_counter", 50), say(&record, "last_update_time", 50)), ("0".into(), "".into()));
        record.kept(100);
        record.kept(130);
        assert_eq!((say(&record, "is_new", 160), say(&record, "create_time", 160)), ("0".into(), "100".into()));
        assert_eq!(
            (say(&record, "update_counter", 160), say(&record, "last_update_time", 160)),
            ("2".into(), "130".into())
        );
        assert_eq!(say(&record, "update_rate", 160), "2", "two changes in the minute since its first");
        assert_eq!(say(&record, "update_rate", 100), "2", "less than a second old");
        assert_eq!((say(&record, "key", 1), say(&record, "timeout", 1)), ("the key".into(), "3600".into()));
    }

    #[test]
    fn rules_set_the_time_it_lives_and_nothing_else_of_what_it_says() {
        let mut record = Record::default();
        assert!(record.apply(b"timeout", &Change::Set(b"60".to_vec()), 1));
        assert_eq!((record.timeout(3600, 1), shown(&record, "timeout", 1).as_deref()), (60, Some("60")));
        record.apply(b"timeout", &Change::Set(u64::MAX.to_string().into_bytes()), 1);
        assert_eq!(record.timeout(3600, 1), TIMEOUT_SECONDS_MAX);
        record.apply(b"timeout", &Change::Set(b"-5".to_vec()), 1);
        assert_eq!(record.timeout(3600, 1), 0);
        for name in BUILT_IN {
            assert!(!record.apply(name, &Change::Set(b"9".to_vec()), 1));
        }
        assert!(!Record::may_be_set(b"IS_NEW") && Record::may_be_set(b"counter"));
    }

    #[test]
    fn a_change_beyond_a_limit_is_not_taken() {
        let mut record = Record::default();
        let set = |length: usize| Change::Set(vec![b'v'; length]);
        assert!(!record.apply(b"", &set(1), 1) && !record.apply(&[b'n'; NAME_BYTES_MAX + 1], &set(1), 1));
        assert!(record.apply(&[b'n'; NAME_BYTES_MAX], &set(1), 1));
        assert!(!record.apply(b"v", &set(VALUE_BYTES_MAX + 1), 1) && record.apply(b"v", &set(VALUE_BYTES_MAX), 1));
        let mut many = Record::default();
        for number in 0..FIELDS_MAX {
            assert!(many.apply(number.to_string().as_bytes(), &Change::Add(1), 1));
        }
        assert!(!many.apply(b"one more", &Change::Add(1), 1) && many.apply(b"0", &Change::Add(1), 1));
        let mut large = Record::default();
        let taken = (0..20u8).filter(|name| large.apply(&[*name, b'n'], &set(VALUE_BYTES_MAX), 1)).count();
        assert_eq!(taken, RECORD_BYTES_MAX / (VALUE_BYTES_MAX + 2));
        assert!(large.bytes() <= RECORD_BYTES_MAX && large.apply(&[0, b'n'], &set(VALUE_BYTES_MAX), 1));
    }
}
