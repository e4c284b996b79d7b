//! An order of people about what is kept: which of it is to go.

use crate::{
    WireError,
    cursor::{Cursor, put_short},
};

/// Bytes of the host and of the text together: as many as a line of a request that brings them.
const PURGE_BYTES_MAX: usize = 4096;

/// The thing by which kept responses are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum By {
    /// Nothing: all go.
    All = 0,
    /// The target: exactly this path and query.
    Target = 1,
    /// The beginning of the target.
    Prefix = 2,
    /// A tag in the response's Cache-Tag or Surrogate-Key.
    Tag = 3,
}

impl By {
    const ALL: [Self; 4] = [Self::All, Self::Target, Self::Prefix, Self::Tag];
}

/// A choice of kept responses: `u8 by | u16 port | u16 length, host | text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge<'a> {
    /// The thing by which they are chosen.
    pub by: By,
    /// The host that they are of, in lower case; empty for every one.
    pub host: &'a [u8],
    /// The port of that as clients write it; 0 for every one.
    pub port: u16,
    /// Target, prefix or tag; empty for all.
    pub text: &'a [u8],
}

impl<'a> Purge<'a> {
    /// Appends it.
    ///
    /// # Errors
    /// [`WireError::Field`] for one that [`Purge::check`] does not let pass.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.check()?;
        out.push(self.by as u8);
        out.extend_from_slice(&self.port.to_le_bytes());
        put_short(out, self.host, "purge host")?;
        out.extend_from_slice(self.text);
        Ok(())
    }

    /// Reads what is left of a message.
    ///
    /// # Errors
    /// [`WireError::Short`] or [`WireError::Field`].
    pub fn decode(c: &mut Cursor<'a>) -> Result<Self, WireError> {
        let by = By::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("purge"))?;
        let port = c.u16()?;
        let purge = Self { by, port, host: c.short_bytes()?, text: c.rest() };
        purge.check().map(|()| purge)
    }

    /// Checks that its parts go with one another.
    ///
    /// # Errors
    /// [`WireError::Field`].
    pub fn check(&self) -> Result<(), WireError> {
        let Self { by, host, port, text } = *self;
        let is_graphic = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
        let fits = match by {
            By::All => text.is_empty(),
            By::Target | By::Prefix => text.starts_with(b"/") && !host.is_empty(),
            By::Tag => !text.is_empty() && !text.contains(&b','),
        };
        let is_whole = fits && (port == 0 || !host.is_empty()) && host.len() + text.len() <= PURGE_BYTES_MAX;
        // Fields and hosts may have other bytes; nobody can say them.
        if is_whole && is_graphic(host) && is_graphic(text) { Ok(()) } else { Err(WireError::Field("purge")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Purge<'static> = Purge { by: By::Target, host: b"a.example", port: 8080, text: b"/x?y" };

    #[test]
    fn a_purge_comes_back_and_a_cut_one_is_another_or_none() {
        let all = Purge { by: By::All, host: b"", port: 0, text: b"" };
        for purge in [URL, all, Purge { by: By::Prefix, port: 0, ..URL }, Purge { by: By::Tag, text: b"t", ..all }] {
            let mut bytes = Vec::new();
            purge.encode(&mut bytes).unwrap();
            assert_eq!(Purge::decode(&mut Cursor::new(&bytes)), Ok(purge));
            for cut in 0..bytes.len() {
                assert_ne!(Purge::decode(&mut Cursor::new(&bytes[..cut])), Ok(purge));
            }
        }
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        for purge in [
            Purge { host: b"", ..URL },
            Purge { text: b"x", ..URL },
            Purge { text: b"", ..URL },
            Purge { text: b"/a b", ..URL },
            Purge { text: b"/\xe9", ..URL },
            Purge { by: By::All, ..URL },
            Purge { by: By::Tag, text: b"", ..URL },
            Purge { by: By::Tag, text: b"a,b", ..URL },
            Purge { by: By::Tag, host: b"", ..URL },
            Purge { text: &[b'/'; PURGE_BYTES_MAX], ..URL },
        ] {
            assert!(purge.encode(&mut Vec::new()).is_err(), "{purge:?}");
        }
    }
}
