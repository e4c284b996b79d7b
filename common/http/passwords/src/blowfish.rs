//! bcrypt: `$2b$COST$SALT DIGEST`, in base64 of its own.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::BCRYPT,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD},
};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    limits::{BCRYPT_COST_MAX, BCRYPT_COST_MIN, BCRYPT_PASSWORD_BYTES_MAX, SALT_BYTES},
    unusable::{Cost, Unusable},
};

/// Bytes of a digest that its text has: the last one of 24 was always left out.
const DIGEST_BYTES: usize = 23;
/// Letters of a salt in its text.
const SALT_LETTERS: usize = 22;

// The bits that the last letter of a salt has too many are not 0 in what some programs wrote.
const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);
const LENIENT: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);

/// The hash of bcrypt.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bcrypt {
    cost: u32,
    salt: [u8; SALT_BYTES],
    digest: [u8; DIGEST_BYTES],
}

impl Bcrypt {
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let malformed = Unusable::Malformed("bcrypt");
        let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix)).ok_or(malformed)?;
        let (cost, rest) = rest.split_once('$').ok_or(malformed)?;
        if cost.len() != 2 || !cost.bytes().all(|byte| byte.is_ascii_digit()) || !rest.is_ascii() {
            return Err(malformed);
        }
        let cost = cost.parse().map_err(|_| malformed)?;
        let (salt, digest) = rest.split_at_checked(SALT_LETTERS).ok_or(malformed)?;
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| malformed);
        let salt = bytes(salt)?.try_into().map_err(|_| malformed)?;
        let digest = bytes(digest)?.try_into().map_err(|_| malformed)?;
        if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
            return Err(Unusable::Cost(Cost::Bcrypt(cost)));
        }
        Ok(Self { cost, salt, digest })
    }

    pub(crate) fn of(password: &[u8], cost: u32, salt: [u8; SALT_BYTES]) -> Result<Self, Unusable> {
        if password.len() > BCRYPT_PASSWORD_BYTES_MAX || password.contains(&0) {
            return Err(Unusable::Malformed("bcrypt"));
        }
        if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
            return Err(Unusable::Cost(Cost::Bcrypt(cost)));
        }
        Ok(Self { cost, salt, digest: digest(cost, salt, password) })
    }

    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        let is_sound = !password.contains(&0);
        let is_equal: bool = digest(self.cost, self.salt, password).ct_eq(&self.digest).into();
        is_equal && is_sound
    }

    pub(crate) const fn cost(&self) -> Cost {
        Cost::Bcrypt(self.cost)
    }
}

fn digest(cost: u32, salt: [u8; SALT_BYTES], password: &[u8]) -> [u8; DIGEST_BYTES] {
    // With its NUL, as C has it, and no more than is looked at.
    let mut seen = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    seen.extend_from_slice(password);
    seen.push(0);
    seen.truncate(BCRYPT_PASSWORD_BYTES_MAX);
    let whole = bcrypt::bcrypt(cost, salt, &seen);
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&whole[..DIGEST_BYTES]);
    digest
}

impl fmt::Display for Bcrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$2b${:02}${}{}", self.cost, BASE64.encode(self.salt), BASE64.encode(self.digest))
    }
}
