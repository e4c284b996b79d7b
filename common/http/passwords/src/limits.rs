//! Every limit of this crate.

/// Bytes of a name: what counters and logs can show, and more than a mail address has.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Bytes of a line: the longest name and the longest hash.
pub const LINE_BYTES_MAX: usize = 512;
/// Users of one file. Beyond it they belong in a directory that an application asks.
pub const USERS_COUNT_MAX: usize = 10_000;

/// Least cost that is taken: bcrypt has none below it. htpasswd's own is 5.
pub const BCRYPT_COST_MIN: u32 = 4;
/// Highest cost that is taken: half a second of one core. Nothing interrupts a check, and all
/// others wait for it.
pub const BCRYPT_COST_MAX: u32 = 13;
/// Bytes of a password that bcrypt sees; those that follow are ignored by everybody who has it.
pub const BCRYPT_PASSWORD_BYTES_MAX: usize = 72;
/// Least memory that is taken, in KiB: below it a graphics card has room for thousands of guesses.
pub(crate) const ARGON2_MEMORY_KIB_MIN: u32 = 4096;
/// Highest memory that is taken, in KiB: that of the second recommendation of RFC 9106, section 4.
/// One check is made at a time, so all of them together take no more.
pub(crate) const ARGON2_MEMORY_KIB_MAX: u32 = 65_536;
/// Memory times passes that is taken, in KiB: half a second of one core. Nothing interrupts a
/// check, and all others wait for it.
pub(crate) const ARGON2_WORK_KIB_MAX: u32 = 262_144;
/// Bytes of a password: what people type, and tokens that programs make, several times over.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// Bytes of a salt that is made here (RFC 9106, section 3.1, and what bcrypt has).
pub const SALT_BYTES: usize = 16;
