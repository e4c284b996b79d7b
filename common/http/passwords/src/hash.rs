//! One hash: its text, its cost, and whether a password is the one that it was made of.

use std::fmt;

use crate::{
    argon::Argon,
    blowfish::Bcrypt,
    limits::SALT_BYTES,
    unusable::{Cost, Unusable},
};

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(Kind);

/// A hash of one kind.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Bcrypt(Bcrypt),
    Argon2id(Argon),
}

impl Hash {
    /// Reads a hash.
    ///
    /// # Errors
    /// The reason for which it is not taken.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        const WEAK: &[(&str, &str)] = &[
            ("$apr1$", "MD5 (apr1)"),
            ("$1$", "MD5 (crypt)"),
            ("{SHA}", "SHA-1"),
            ("{SSHA}", "SHA-1"),
            ("$5$", "SHA-256 (crypt)"),
            ("$6$", "SHA-512 (crypt)"),
            ("$argon2i$", "Argon2i, beside Argon2id,"),
            ("$argon2d$", "Argon2d, beside Argon2id,"),
        ];
        if let Some((_, kind)) = WEAK.iter().find(|(prefix, _)| text.starts_with(prefix)) {
            return Err(Unusable::Weak(kind));
        }
        if text.starts_with("$argon2id$") {
            return Argon::parse(text).map(|argon| Self(Kind::Argon2id(argon)));
        }
        if text.starts_with("$2") {
            return Bcrypt::parse(text).map(|bcrypt| Self(Kind::Bcrypt(bcrypt)));
        }
        let is_crypt = text.len() == 13 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
        Err(if is_crypt { Unusable::Weak("crypt(3)") } else { Unusable::Unknown })
    }

    /// Makes the hash that is recommended today: Argon2id with 19 MiB and two passes (OWASP's
    /// Password Storage Cheat Sheet).
    #[must_use]
    pub fn of(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        Self(Kind::Argon2id(Argon::of(password, salt)))
    }

    /// Makes the hash of bcrypt with a cost within the limits.
    ///
    /// # Errors
    /// bcrypt sees no byte after `BCRYPT_PASSWORD_BYTES_MAX`,
    /// nor after a NUL: a password that has any is not taken.
    pub fn bcrypt_of(password: &[u8], cost: u32, salt: [u8; SALT_BYTES]) -> Result<Self, Unusable> {
        Bcrypt::of(password, cost, salt).map(|bcrypt| Self(Kind::Bcrypt(bcrypt)))
    }

    /// Returns whether it was made of this password. Takes as long and as much memory as its cost
    /// says, whatever the result; the memory is wiped.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> bool {
        match &self.0 {
            Kind::Bcrypt(bcrypt) => bcrypt.is_of(password),
            Kind::Argon2id(argon) => argon.is_of(password),
        }
    }

    /// Returns its cost.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        match &self.0 {
            Kind::Bcrypt(bcrypt) => bcrypt.cost(),
            Kind::Argon2id(argon) => argon.cost(),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bcrypt(bcrypt) => bcrypt.fmt(f),
            Kind::Argon2id(argon) => argon.fmt(f),
        }
    }
}

/// Shows the cost alone.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hash").field(&self.cost()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Hash {
        Hash::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn hashes_of_other_programs_are_read_as_they_are() {
        // PHP's password_hash made these, over crypt_blowfish and the reference implementation of
        // Argon2; the last is a test vector of OpenBSD's.
        let cases = [
            ("$2y$04$4I2QtmfwLH5cqpBvaZDpqeko7gZsfbb8.FyMxpEfnlxSinf36G/46", "secret"),
            ("$2y$04$7mON4EaK4TlmpUOQHyzs0u/PbCUvoJEYloz4v/wOuVcDDnXUAC1Du", "pässwort"),
            ("$2y$04$gUyRE1c7b4WeEWVprZxSA.yplrcN/K2ZOeWFZ2G4YRioTtvwwedDi", "x"),
            (
                "$argon2id$v=19$m=8192,t=1,p=2$cUZBS2gxaGlQenBpd0dvZw$TDhGeW946UsF+nE5DiCcpvQ27QDXnesRihnYyBxRh1M",
                "secret",
            ),
            (
                "$argon2id$v=19$m=8192,t=1,p=2$TGRSRThXTHZXZ3dyeEtDaw$dZq9WoTBxtLk7TMzJmHaSw0PU8WWqGW5UAq4wbqIR04",
                "pässwort",
            ),
            ("$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", ""),
        ];
        for (text, password) in cases {
            let hash = hash(text);
            assert!(hash.is_of(password.as_bytes()), "{text}");
            assert!(!hash.is_of(b"another") && !hash.is_of(format!("{password} ").as_bytes()), "{text}");
            assert_eq!(hash.to_string(), text.replace("$2y$", "$2b$").replace("$2a$", "$2b$"));
        }
    }

    #[test]
    fn a_hash_that_was_made_is_read_again() {
        for hash in [Hash::of(b"secret", [7; 16]), Hash::bcrypt_of(b"secret", 4, [7; 16]).unwrap()] {
            let again = Hash::parse(&hash.to_string()).unwrap();
            assert!(again == hash && again.is_of(b"secret") && !again.is_of(b"Secret"));
            assert!(!format!("{hash:?}").contains('$'), "{hash:?}");
        }
        assert_eq!(Hash::bcrypt_of(&[b'x'; 73], 4, [7; 16]), Err(Unusable::Malformed("bcrypt")));
        assert_eq!(Hash::bcrypt_of(b"a\0b", 4, [7; 16]), Err(Unusable::Malformed("bcrypt")));
        assert!(Hash::bcrypt_of(&[b'x'; 72], 4, [7; 16]).unwrap().is_of(&[b'x'; 72]));
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a case a line")]
    fn what_is_weak_dear_or_no_hash_is_refused_with_its_reason() {
        let cases = [
            ("$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", Unusable::Weak("MD5 (apr1)")),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", Unusable::Weak("SHA-1")),
            ("rqXexS6ZhobKA", Unusable::Weak("crypt(3)")),
            ("$6$x$y", Unusable::Weak("SHA-512 (crypt)")),
            ("secret", Unusable::Unknown),
            ("", Unusable::Unknown),
            ("$2y$14$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", Unusable::Cost(Cost::Bcrypt(14))),
            ("$2y$03$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", Unusable::Cost(Cost::Bcrypt(3))),
            ("$2y$5$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", Unusable::Malformed("bcrypt")),
            ("$2x$05$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", Unusable::Malformed("bcrypt")),
            ("$2y$05$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s", Unusable::Malformed("bcrypt")),
            ("$2y$05$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s!", Unusable::Malformed("bcrypt")),
            (
                "$argon2id$v=19$m=2097152,t=1,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Cost(Cost::Argon2id(2_097_152, 1, 4)),
            ),
            (
                "$argon2id$v=19$m=65536,t=5,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Cost(Cost::Argon2id(65_536, 5, 4)),
            ),
            (
                "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Cost(Cost::Argon2id(8, 1, 1)),
            ),
            (
                "$argon2id$v=16$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Malformed("Argon2id"),
            ),
            ("$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAAAAAAAAAAAAAAAAAAAA", Unusable::Malformed("Argon2id")),
            ("$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAA", Unusable::Malformed("Argon2id")),
            (
                "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA$x",
                Unusable::Malformed("Argon2id"),
            ),
            (
                "$argon2id$v=19$t=3,m=65536,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Malformed("Argon2id"),
            ),
            (
                "$argon2id$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
                Unusable::Malformed("Argon2id"),
            ),
        ];
        for (text, why) in cases {
            assert_eq!(Hash::parse(text), Err(why), "{text}");
        }
    }
}
