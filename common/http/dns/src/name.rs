//! Names of hosts, as a configuration has them and as messages have them.

/// Bytes of a name as it is written: 255 in a message, less the length of the first label and the
/// root (RFC 1035, section 2.3.4).
pub const NAME_BYTES_MAX: usize = 253;
/// Bytes of one label (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// The name of a host, in lower case, without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Reads a name: labels of letters, digits, `-` and `_`, of which the last is no number, so
    /// that no address with a mistake in it passes for a name. `None` for everything else.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let name = written.to_ascii_lowercase();
        let last = name.rsplit('.').next()?;
        let is_name = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label);
        (is_name && !last.bytes().all(|byte| byte.is_ascii_digit())).then_some(Self(name))
    }

    /// Returns it as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns it as a message has it: each label behind its length, the root last.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 2);
        for label in self.0.split('.') {
            // A label has 63 bytes at the most.
            out.push(u8::try_from(label.len()).unwrap_or(0));
            out.extend_from_slice(label.as_bytes());
        }
        out.push(0);
        out
    }
}

fn is_label(label: &str) -> bool {
    let ends_with_hyphen = label.starts_with('-') || label.ends_with('-');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && !ends_with_hyphen
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_host_may_be_called_and_no_address() {
        let long = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61));
        for name in ["app", "app.internal", "a-b.c_d.x1", "7.example", "_srv.a", long.as_str()] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(Name::parse("App.Internal").unwrap().as_str(), "app.internal");
        let wrong =
            ["", ".", "a..b", "a.", ".a", "-a", "a-", "a b", "10.0.0.300", "1", "a/b", "ä", "*.a", "a:b", "::1"];
        for name in wrong {
            assert_eq!(Name::parse(name), None, "{name}");
        }
        assert_eq!(Name::parse(&"x".repeat(64)), None);
        assert_eq!(Name::parse(&format!("{long}y")), None);
    }

    #[test]
    fn labels_come_behind_their_lengths() {
        assert_eq!(Name::parse("ab.c").unwrap().wire(), b"\x02ab\x01c\0");
    }
}
