//! The reasons for which a text is no hash that is taken.

use std::fmt;

use crate::limits::{
    ARGON2_MEMORY_KIB_MAX, ARGON2_MEMORY_KIB_MIN, ARGON2_WORK_KIB_MAX, BCRYPT_COST_MAX, BCRYPT_COST_MIN,
};

/// The work of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// The logarithm of bcrypt's rounds.
    Bcrypt(u32),
    /// Memory in KiB, passes over it, lanes.
    Argon2id(u32, u32, u32),
}

/// The reason for which a text is no hash that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is a hash of that kind, which is guessed too fast.
    Weak(&'static str),
    /// It begins as the hash of that kind does, and does not go on so.
    Malformed(&'static str),
    /// Its cost is outside of the limits.
    Cost(Cost),
    /// It is nothing that is known: a password in plain text, or nothing at all.
    Unknown,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAKE: &str = "make another one with \"fosse password\" or \"htpasswd -B -C 11\"";
        match self {
            Self::Weak(kind) => write!(f, "{kind} is guessed by the billion a second; {MAKE}"),
            Self::Malformed(kind) => write!(f, "it begins like a hash of {kind} and is none; {MAKE}"),
            Self::Cost(Cost::Bcrypt(cost)) => {
                write!(f, "a bcrypt cost of {cost} is not between {BCRYPT_COST_MIN} and {BCRYPT_COST_MAX}; {MAKE}")
            }
            Self::Cost(Cost::Argon2id(memory, passes, lanes)) => write!(
                f,
                "m={memory},t={passes},p={lanes} is outside of what is taken: m from {ARGON2_MEMORY_KIB_MIN} to \
                 {ARGON2_MEMORY_KIB_MAX} KiB, m times t up to {ARGON2_WORK_KIB_MAX} KiB; {MAKE}"
            ),
            Self::Unknown => write!(f, "this is no hash of a password; {MAKE}"),
        }
    }
}
