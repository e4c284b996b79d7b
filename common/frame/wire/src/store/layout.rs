//! The pieces messages with the store are made of: places, changes, records.

use fosse_collections::{
    APPLICATION_BYTES_MAX, Change, Collection, FIELDS_MAX, Field, KEY_BYTES_MAX, NAME_BYTES_MAX, RECORD_BYTES_MAX,
    Record, RecordAddress, VALUE_BYTES_MAX,
};

use crate::{
    WireError,
    cursor::{Cursor, put_short},
};

const SET: u8 = 0;
const ADD: u8 = 1;
const UNSET: u8 = 2;
const EXPIRE: u8 = 3;
const DEPRECATE: u8 = 4;

/// `u8 collection | short application | short key`.
pub(super) fn put_address(out: &mut Vec<u8>, place: &RecordAddress<'_>) -> Result<(), WireError> {
    if !place.fits() {
        return Err(WireError::Field("place"));
    }
    out.push(place.collection as u8);
    put_short(out, place.application, "application")?;
    put_short(out, place.key, "key")
}

pub(super) fn take_address<'a>(c: &mut Cursor<'a>) -> Result<RecordAddress<'a>, WireError> {
    let number = usize::from(c.u8()?);
    let collection = Collection::ALL.get(number).copied().ok_or(WireError::Field("collection"))?;
    let (application, key) = (bounded(c, APPLICATION_BYTES_MAX, "application")?, bounded(c, KEY_BYTES_MAX, "key")?);
    let place = RecordAddress::new(collection, application, key);
    // What all applications share has no application.
    if place.application == application && place.fits() { Ok(place) } else { Err(WireError::Field("place")) }
}

fn bounded<'a>(c: &mut Cursor<'a>, most: usize, name: &'static str) -> Result<&'a [u8], WireError> {
    let bytes = c.short_bytes()?;
    if bytes.len() > most { Err(WireError::Field(name)) } else { Ok(bytes) }
}

/// A variable's name: not empty, in lower case, as [`Record::apply`] finds it.
fn take_name<'a>(c: &mut Cursor<'a>) -> Result<&'a [u8], WireError> {
    let name = bounded(c, NAME_BYTES_MAX, "name")?;
    if name.is_empty() || name.iter().any(u8::is_ascii_uppercase) { Err(WireError::Field("name")) } else { Ok(name) }
}

/// `short name | u8 change | what it needs`.
pub(super) fn put_change(out: &mut Vec<u8>, name: &[u8], change: &Change) -> Result<(), WireError> {
    put_short(out, name, "name")?;
    match change {
        Change::Set(value) => {
            out.push(SET);
            put_short(out, value, "value")?;
        }
        Change::Add(amount) => {
            out.push(ADD);
            out.extend_from_slice(&amount.to_le_bytes());
        }
        Change::Unset => out.push(UNSET),
        Change::Expire(at) => {
            out.push(EXPIRE);
            out.extend_from_slice(&at.to_le_bytes());
        }
        Change::Deprecate { amount, seconds } => {
            out.push(DEPRECATE);
            out.extend_from_slice(&amount.to_le_bytes());
            out.extend_from_slice(&seconds.to_le_bytes());
        }
    }
    Ok(())
}

pub(super) fn take_change<'a>(c: &mut Cursor<'a>) -> Result<(&'a [u8], Change), WireError> {
    let name = take_name(c)?;
    let change = match c.u8()? {
        SET => Change::Set(bounded(c, VALUE_BYTES_MAX, "value")?.to_vec()),
        ADD => Change::Add(i64::from_le_bytes(c.array()?)),
        UNSET => Change::Unset,
        EXPIRE => Change::Expire(c.u64()?),
        DEPRECATE => Change::Deprecate { amount: c.u32()?, seconds: c.u32()? },
        _ => return Err(WireError::Field("change")),
    };
    Ok((name, change))
}

/// Returns whether a change can be sent: one beyond its limits would end the conversation.
#[must_use]
pub fn can_be_sent(name: &[u8], change: &Change) -> bool {
    let value = if let Change::Set(value) = change { value.len() } else { 0 };
    let lower = !name.iter().any(u8::is_ascii_uppercase);
    !name.is_empty() && lower && name.len() <= NAME_BYTES_MAX && value <= VALUE_BYTES_MAX
}

pub(super) fn put_record(out: &mut Vec<u8>, tag: u32, record: &Record) -> Result<(), WireError> {
    out.extend_from_slice(&tag.to_le_bytes());
    for number in [record.created, record.updated, record.updates] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let count = u16::try_from(record.fields.len()).map_err(|_| WireError::Field("fields"))?;
    out.extend_from_slice(&count.to_le_bytes());
    for field in &record.fields {
        put_short(out, &field.name, "name")?;
        put_short(out, &field.value, "value")?;
        out.extend_from_slice(&field.expires.unwrap_or(0).to_le_bytes());
    }
    Ok(())
}

pub(super) fn take_record(c: &mut Cursor<'_>) -> Result<Record, WireError> {
    let (created, updated, updates, count) = (c.u64()?, c.u64()?, c.u64()?, usize::from(c.u16()?));
    if count > FIELDS_MAX {
        return Err(WireError::Field("fields"));
    }
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, value) = (take_name(c)?.to_vec(), bounded(c, VALUE_BYTES_MAX, "value")?.to_vec());
        let expires = Some(c.u64()?).filter(|at| *at != 0);
        fields.push(Field { name, value, expires });
    }
    let record = Record { fields, created, updated, updates };
    if record.bytes() > RECORD_BYTES_MAX { Err(WireError::Field("record")) } else { Ok(record) }
}
