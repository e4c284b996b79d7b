//! Argon2id: `$argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$DIGEST`, in base64 without padding.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use crate::{
    limits::{ARGON2_MEMORY_KIB_MAX, ARGON2_MEMORY_KIB_MIN, ARGON2_WORK_KIB_MAX, SALT_BYTES},
    unusable::{Cost, Unusable},
};

/// Lanes: they are computed one after the other.
const LANES_MAX: u32 = 16;
/// Bytes of a salt and of a digest (RFC 9106, section 3.1, and what is no risk).
const SALT_BYTES_RANGE: std::ops::RangeInclusive<usize> = 8..=64;
const DIGEST_BYTES_RANGE: std::ops::RangeInclusive<usize> = 16..=64;

/// The costs of what `fosse password` makes.
const USUAL: (u32, u32, u32) = (19_456, 2, 1);
const USUAL_DIGEST_BYTES: usize = 32;

/// The hash of Argon2id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Argon {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Argon {
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let malformed = Unusable::Malformed("Argon2id");
        let fields: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", costs, salt, digest] = fields[..] else { return Err(malformed) };
        let costs: Vec<&str> = costs.split(',').collect();
        let [memory, passes, lanes] = costs[..] else { return Err(malformed) };
        let number = |text: &str, name: &str| {
            let digits = text.strip_prefix(name).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<u32>().ok()).ok_or(malformed)
        };
        let (memory_kib, passes, lanes) = (number(memory, "m=")?, number(passes, "t=")?, number(lanes, "p=")?);
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| malformed);
        let (salt, digest) = (bytes(salt)?, bytes(digest)?);
        if !SALT_BYTES_RANGE.contains(&salt.len()) || !DIGEST_BYTES_RANGE.contains(&digest.len()) {
            return Err(malformed);
        }
        let is_within = (ARGON2_MEMORY_KIB_MIN..=ARGON2_MEMORY_KIB_MAX).contains(&memory_kib)
            && (1..=LANES_MAX).contains(&lanes)
            && passes >= 1
            && memory_kib.checked_mul(passes).is_some_and(|work| work <= ARGON2_WORK_KIB_MAX);
        if !is_within {
            return Err(Unusable::Cost(Cost::Argon2id(memory_kib, passes, lanes)));
        }
        Ok(Self { memory_kib, passes, lanes, salt, digest })
    }

    pub(crate) fn of(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        let (memory_kib, passes, lanes) = USUAL;
        let mut argon = Self { memory_kib, passes, lanes, salt: salt.to_vec(), digest: vec![0; USUAL_DIGEST_BYTES] };
        argon.digest = argon.digest_of(password).unwrap_or_default();
        argon
    }

    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        self.digest_of(password).is_some_and(|digest| digest.ct_eq(&self.digest).into())
    }

    pub(crate) const fn cost(&self) -> Cost {
        Cost::Argon2id(self.memory_kib, self.passes, self.lanes)
    }

    /// Computes the digest of a password; `None` for parameters outside of those of the algorithm,
    /// which those that were read never are.
    fn digest_of(&self, password: &[u8]) -> Option<Vec<u8>> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(self.digest.len())).ok()?;
        let mut memory = vec![Block::default(); params.block_count()];
        let mut digest = vec![0; self.digest.len()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let computed = argon.hash_password_into_with_memory(password, &self.salt, &mut digest, &mut memory);
        // What it holds depends on the password.
        memory.iter_mut().for_each(Block::zeroize);
        computed.ok().map(|()| digest)
    }
}

impl fmt::Display for Argon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kib, passes, lanes, salt, digest } = self;
        let [salt, digest] = [salt, digest].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}")
    }
}
