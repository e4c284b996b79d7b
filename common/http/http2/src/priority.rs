//! Priorities (RFC 9218, section 4).

/// The priority of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priority {
    /// 0 to 7; 0 goes first.
    pub(crate) urgency: u8,
    /// Part of it is of use: such ones take turns, the others go one after the other.
    pub(crate) turns: bool,
}

/// Urgencies there are.
pub(crate) const URGENCIES: usize = 8;

impl Priority {
    /// The priority of a client that has said nothing. The standard would have them go one after
    /// the other; but who says nothing is mostly no browser, and has streams that wait for each
    /// other.
    pub(crate) const UNSAID: Self = Self { urgency: 3, turns: true };

    /// Reads the value of a Priority field: a dictionary of structured fields. What is malformed is
    /// as if it were not there.
    pub(crate) fn read(value: &[u8]) -> Self {
        let mut priority = Self { urgency: 3, turns: false };
        for member in fosse_http1::members(value) {
            // Parameters of a member mean nothing here.
            let member = member.split(|byte| *byte == b';').next().unwrap_or_default();
            match fosse_http1::trim(member) {
                [b'u', b'=', urgency @ b'0'..=b'7'] => priority.urgency = urgency - b'0',
                b"i" | b"i=?1" => priority.turns = true,
                b"i=?0" => priority.turns = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send_and_skips_the_rest() {
        for (value, urgency, turns) in [
            ("", 3, false),
            ("u=0", 0, false),
            ("u=7, i", 7, true),
            ("i;x=1,u=5;y", 5, true),
            ("i=?1", 3, true),
            ("u=1, i=?0", 1, false),
            ("u=8", 3, false),
            ("u=-1, i=1", 3, false),
            ("u = 2", 3, false),
            ("u=2,u=4", 4, false),
            ("\u{e9},,;;=", 3, false),
        ] {
            assert_eq!(Priority::read(value.as_bytes()), Priority { urgency, turns }, "{value:?}");
        }
    }
}
