//! waf-filter and store: records of persistent collections are asked for and changed.
//!
//! A message is `u32 length | u8 kind | body`, little-endian, over a stream socket; `length` counts
//! kind and body. Both sides greet first. A filter asks and changes as it likes; the store responds
//! to each LOAD with one RECORD, in the order they came. What a filter has changed before it asks
//! is in the response. Where no record at all is kept the store says so, and again when that
//! changes: a filter that knows it need not ask.

mod layout;

use fosse_collections::{
    Change, FIELDS_MAX, KEY_BYTES_MAX, NAME_BYTES_MAX, RECORD_BYTES_MAX, Record, RecordAddress, VALUE_BYTES_MAX,
};

use crate::{WireError, cursor::Cursor, session};
use layout::{put_address, put_change, put_record, take_address, take_change, take_record};

pub use layout::can_be_sent;

/// The number of this conversation in HELLO. A start upgraded in place may bring a store together
/// with filters of another build.
pub const PROTOCOL: u16 = 2;

/// Changes in one SAVE: an ordinary transaction makes a handful; more go into a next message.
pub const CHANGES_MAX: usize = 64;

/// Bytes of a message, kind and body: all changes of a SAVE with the largest names and values fit.
pub(crate) const STORE_MESSAGE_BYTES_MAX: usize = 96 * 1024;

const FIELD_BYTES: usize = 2 + 2 + 8;
const _: () =
    assert!(STORE_MESSAGE_BYTES_MAX > KEY_BYTES_MAX + 128 + CHANGES_MAX * (NAME_BYTES_MAX + VALUE_BYTES_MAX + 16));
const _: () = assert!(STORE_MESSAGE_BYTES_MAX > 64 + RECORD_BYTES_MAX + FIELDS_MAX * FIELD_BYTES);

/// From a filter to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToStore<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Asks for a record: `u32 tag | place`.
    Load {
        /// The filter's tag, given back in the response.
        tag: u32,
        /// The place of the record.
        place: RecordAddress<'a>,
    },
    /// Changes a record: `place | u32 timeout | u16 count | changes`.
    Save {
        /// The place of the record.
        place: RecordAddress<'a>,
        /// SecCollectionTimeout of the rules that change it, in seconds.
        timeout: u32,
        /// Name and change, in order.
        changes: Vec<(&'a [u8], Change)>,
    },
}

/// From the store to a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromStore {
    /// First: `u16 protocol`.
    Hello,
    /// Responds to a LOAD:
    /// `u32 tag | u64 created | u64 updated | u64 updates | u16 count | fields`.
    Record {
        /// The tag of the LOAD.
        tag: u32,
        /// The record; one of no updates where none is kept.
        record: Record,
    },
    /// Says whether there is any record of any filter: `u8 some | u32 saves`.
    Kept {
        /// There is one.
        some: bool,
        /// SAVEs of this filter that the store had received by then, modulo 2^32: later ones may
        /// have made records.
        saves: u32,
    },
}

const HELLO: u8 = 1;
const LOAD: u8 = 2;
const SAVE: u8 = 3;
const RECORD: u8 = 4;
const KEPT: u8 = 5;

/// Cuts the first message off: kind and body as one, and the bytes it took with its length.
///
/// # Errors
/// [`WireError::Length`] for a length outside its limits.
pub fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, WireError> {
    session::split(bytes, STORE_MESSAGE_BYTES_MAX)
}

fn put(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> Result<(), WireError> {
    session::put(out, STORE_MESSAGE_BYTES_MAX, kind, fill)
}

fn put_hello(out: &mut Vec<u8>) -> Result<(), WireError> {
    out.extend_from_slice(&PROTOCOL.to_le_bytes());
    Ok(())
}

fn take_bool(c: &mut Cursor<'_>) -> Result<bool, WireError> {
    match c.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::Field("kept")),
    }
}

impl<'a> ToStore<'a> {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is beyond its limit; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello => put(out, HELLO, put_hello),
            Self::Load { tag, place } => put(out, LOAD, |out| {
                out.extend_from_slice(&tag.to_le_bytes());
                put_address(out, place)
            }),
            Self::Save { place, timeout, changes } => put(out, SAVE, |out| {
                put_address(out, place)?;
                out.extend_from_slice(&timeout.to_le_bytes());
                let count = u16::try_from(changes.len()).ok().filter(|_| changes.len() <= CHANGES_MAX);
                out.extend_from_slice(&count.ok_or(WireError::Field("changes"))?.to_le_bytes());
                changes.iter().try_for_each(|(name, change)| put_change(out, name, change))
            }),
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            LOAD => Self::Load { tag: c.u32()?, place: take_address(&mut c)? },
            SAVE => {
                let (place, timeout, count) = (take_address(&mut c)?, c.u32()?, usize::from(c.u16()?));
                if count > CHANGES_MAX {
                    return Err(WireError::Field("changes"));
                }
                let changes = (0..count).map(|_| take_change(&mut c)).collect::<Result<_, _>>()?;
                Self::Save { place, timeout, changes }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

impl FromStore {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is beyond its limit; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello => put(out, HELLO, put_hello),
            Self::Record { tag, record } => put(out, RECORD, |out| put_record(out, *tag, record)),
            Self::Kept { some, saves } => put(out, KEPT, |out| {
                out.push(u8::from(*some));
                out.extend_from_slice(&saves.to_le_bytes());
                Ok(())
            }),
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            RECORD => Self::Record { tag: c.u32()?, record: take_record(&mut c)? },
            KEPT => Self::Kept { some: take_bool(&mut c)?, saves: c.u32()? },
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

/// Appends a RECORD without a copy of the record.
///
/// # Errors
/// As [`FromStore::encode`].
pub fn put_response(out: &mut Vec<u8>, tag: u32, record: &Record) -> Result<(), WireError> {
    put(out, RECORD, |out| put_record(out, tag, record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_collections::{APPLICATION_BYTES_MAX, Collection, Field};

    fn whole(bytes: &[u8]) -> &[u8] {
        let (message, taken) = split(bytes).unwrap().unwrap();
        assert_eq!(taken, bytes.len());
        message
    }

    fn saves() -> ToStore<'static> {
        let changes = vec![
            (&b"hits"[..], Change::Add(-3)),
            (b"name", Change::Set(b"Ann".to_vec())),
            (b"gone", Change::Unset),
            (b"hits", Change::Expire(u64::MAX)),
            (b"hits", Change::Deprecate { amount: 6, seconds: 7 }),
        ];
        ToStore::Save { place: RecordAddress::new(Collection::User, b"shop", b"ann"), timeout: 3600, changes }
    }

    fn record() -> FromStore {
        let field = |name: &[u8], expires| Field { name: name.to_vec(), value: b"7".to_vec(), expires };
        let fields = vec![field(b"a", None), field(b"b", Some(9))];
        FromStore::Record { tag: 5, record: Record { fields, created: 1, updated: 2, updates: 3 } }
    }

    #[test]
    fn every_message_comes_back_and_a_cut_one_does_not() {
        let load = ToStore::Load { tag: 9, place: RecordAddress::new(Collection::Ip, b"shop", b"192.0.2.1") };
        for message in [ToStore::Hello, load, saves()] {
            let mut out = Vec::new();
            message.encode(&mut out).unwrap();
            assert_eq!(ToStore::decode(whole(&out)), Ok(message));
            for cut in 0..out.len() {
                assert_eq!(split(&out[..cut]), Ok(None));
                assert!(ToStore::decode(out.get(4..cut).unwrap_or_default()).is_err(), "{cut}");
            }
            out.push(0);
            assert!(ToStore::decode(&out[4..]).is_err());
        }
        for message in [FromStore::Hello, record(), FromStore::Kept { some: true, saves: u32::MAX }] {
            let mut out = Vec::new();
            message.encode(&mut out).unwrap();
            assert_eq!(FromStore::decode(whole(&out)), Ok(message));
            for cut in 4..out.len() {
                assert!(FromStore::decode(&out[4..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_neither_sent_nor_taken() {
        let mut out = Vec::new();
        let long = vec![b'k'; KEY_BYTES_MAX + 1];
        let place = RecordAddress::new(Collection::Ip, b"", b"k");
        assert!(ToStore::Load { tag: 1, place: RecordAddress { key: &long, ..place } }.encode(&mut out).is_err());
        let changes = vec![(&b"x"[..], Change::Add(1)); CHANGES_MAX + 1];
        assert!(ToStore::Save { place, timeout: 1, changes }.encode(&mut out).is_err());
        assert!(out.is_empty(), "nothing of it stays");
        for bad in [Change::Set(vec![b'v'; VALUE_BYTES_MAX + 1]), Change::Set(vec![b'v'; usize::from(u16::MAX)])] {
            let mut out = Vec::new();
            ToStore::Save { place, timeout: 1, changes: vec![(b"x", bad.clone())] }.encode(&mut out).unwrap();
            assert_eq!(ToStore::decode(whole(&out)), Err(WireError::Field("value")));
            assert!(
                !can_be_sent(b"x", &bad) && can_be_sent(b"x", &Change::Unset) && !can_be_sent(b"X", &Change::Unset)
            );
        }
        for length in [0, u32::try_from(STORE_MESSAGE_BYTES_MAX + 1).unwrap(), u32::MAX] {
            assert_eq!(split(&length.to_le_bytes()), Err(WireError::Length(length)));
        }
        // An address of one application: addresses are everybody's.
        let mut out = Vec::new();
        ToStore::Load { tag: 1, place: RecordAddress { application: b"shop", ..place } }.encode(&mut out).unwrap();
        assert_eq!(ToStore::decode(whole(&out)), Err(WireError::Field("place")));
    }

    #[test]
    fn the_largest_messages_fit() {
        let (name, value) = ([b'n'; NAME_BYTES_MAX], vec![b'v'; VALUE_BYTES_MAX]);
        let key = [b'k'; KEY_BYTES_MAX];
        let application = [b'a'; APPLICATION_BYTES_MAX];
        let place = RecordAddress::new(Collection::Session, &application, &key);
        let changes = vec![(&name[..], Change::Set(value)); CHANGES_MAX];
        let mut out = Vec::new();
        let save = ToStore::Save { place, timeout: 1, changes };
        save.encode(&mut out).unwrap();
        assert_eq!(ToStore::decode(whole(&out)), Ok(save));
    }

    #[test]
    fn another_protocol_and_what_is_no_truth_are_refused() {
        assert_eq!(ToStore::decode(&[HELLO, 9, 0]), Err(WireError::Protocol(9)));
        assert_eq!(FromStore::decode(&[KEPT, 2, 0, 0, 0, 0]), Err(WireError::Field("kept")));
    }
}
