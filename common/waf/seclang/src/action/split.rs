//! An action list cut into its actions.

use super::act::Fault;
use super::item::Item;
use crate::reader::Argument;

/// Cuts an action list at its commas. A value in single quotes may hold commas; a backslash before
/// a single quote is dropped.
pub(super) fn split(text: &Argument) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.bytes.get(at) {
        if byte.is_ascii_whitespace() || *byte == b',' {
            at += 1;
            continue;
        }
        let (item, next) = next_item(text, at)?;
        items.push(item);
        at = next;
    }
    Ok(items)
}

fn next_item(text: &Argument, start: usize) -> Result<(Item, usize), Fault> {
    let bytes = &text.bytes;
    let rest = &bytes[start..];
    let len = rest.iter().position(|byte| matches!(byte, b',' | b':')).unwrap_or(rest.len());
    let colon = start + len;
    let name = text.part(start..colon).text().trim().to_ascii_lowercase();
    let mut item = Item { name, name_offset: text.offset(start), value: Argument::default() };
    if bytes.get(colon) != Some(&b':') {
        item.value.close(text.offset(colon));
        return Ok((item, colon));
    }
    let mut at = colon + 1;
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    let quoted = bytes.get(at) == Some(&b'\'');
    let opened = at;
    at += usize::from(quoted);
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (None, _) if quoted => return Err((text.offset(opened), "this quote is not closed".to_owned())),
            (None, _) => break,
            (Some(b'\\'), Some(b'\'')) => {
                item.value.push(b'\'', text.offset(at));
                at += 1;
            }
            (Some(b'\''), _) if quoted => break,
            (Some(b','), _) if !quoted => break,
            (Some(byte), _) => item.value.push(*byte, text.offset(at)),
        }
        at += 1;
    }
    item.value.close(text.offset(at));
    if !quoted {
        let end = item.value.bytes.trim_ascii_end().len();
        item.value = item.value.part(0..end);
    }
    Ok((item, at + usize::from(quoted)))
}
