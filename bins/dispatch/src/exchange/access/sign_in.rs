//! The place to which a client is sent that has not signed in.

use fosse_routing::render;
use fosse_settings::{ForwardAuth, Part, Template, Variable};
use fosse_wire::request::RequestHead;

use crate::exchange::headers::with_facts;

/// Makes the location for a request; empty where there is none. What a POST has sent would be lost
/// on the way there and back.
pub(super) fn location(head: &RequestHead<'_>, auth: &ForwardAuth) -> Vec<u8> {
    let mut location = Vec::new();
    let Some(template) = auth.sign_in.as_ref().filter(|_| matches!(head.method, b"GET" | b"HEAD")) else {
        return location;
    };
    with_facts(head, |facts| {
        for part in &template.0 {
            if let Part::Text(text) = part {
                location.extend_from_slice(text.as_bytes());
                continue;
            }
            let mut value = Vec::new();
            render(&Template(vec![part.clone()]), facts, &[], &mut value);
            let is_path = matches!(part, Part::Variable(Variable::Target | Variable::Path));
            encode(&mut location, if is_path { with_one_slash(&value) } else { &value });
        }
    });
    location
}

/// Returns a path without the slashes, or what browsers take for some, that would make the name of
/// a host of its first part.
fn with_one_slash(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    &path[slashes.max(1) - 1..]
}

/// Writes a value as a query may have it (RFC 3986, section 3.4): all but unreserved characters and
/// slashes encoded.
fn encode(to: &mut Vec<u8>, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'/' => to.push(*byte),
            _ if byte.is_ascii_alphanumeric() => to.push(*byte),
            _ => to.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
}
