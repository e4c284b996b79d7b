//! Via (RFC 9110, section 7.6.3): the name that this proxy has there, and how often a request had
//! it already.

use crate::class::members;
use crate::fields::Fields;

/// The name of this proxy in Via. It is the same for all, since it goes to applications, and an
/// edge may stand in front of another: only the number of passages tells a loop.
pub const VIA_NAME: &str = "fosse";

/// Returns how often a request has passed a proxy of this name.
#[must_use]
pub fn via_passages(fields: &Fields<'_>) -> usize {
    let values = fields.iter().filter(|field| field.is("via")).map(|field| field.value);
    values.flat_map(members).filter(|member| received_by(member) == VIA_NAME.as_bytes()).count()
}

/// Returns the second word of a member, which names who received the message.
fn received_by(member: &[u8]) -> &[u8] {
    let mut words = member.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    words.nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::{HeadLimits, RequestHead, via_passages};

    #[test]
    fn passages_are_counted_in_all_fields_and_members_and_no_other_names() {
        for (lines, count) in [
            ("", 0),
            ("Via: 1.1 fosse\r\n", 1),
            ("Via: 1.0 fosse, 1.1 nginx, HTTP/1.1  fosse (edge)\r\nvia: 1.1 fosse\r\n", 3),
            ("Via: 1.1 fosse:80, 1.1 fosse.example, fosse\r\nX-Via: 1.1 fosse\r\n", 0),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
            assert_eq!(
                (via_passages(&head.fields), head.has_via),
                (count, lines.contains("Via: ") && !lines.starts_with("X"))
            );
        }
    }
}
