//! Limits, each with its reason.

/// Lanes that are connected at a time: three generations of the most that there can be.
pub(crate) const LANES_COUNT_MAX: usize = 192;
/// Replies that wait for a lane, from which on it is not read from: some thousand of them.
pub(crate) const REPLIES_BYTES_MAX: usize = 64 * 1024;
/// Fills under way. More would ask more of applications at once than they are given without a cache
/// by the connections of one lane.
pub(crate) const FILLS_COUNT_MAX: usize = 1024;
/// Of those, the ones of one source: a page asks for fewer things at once.
pub(crate) const FILLS_SOURCE_MAX: usize = 128;
/// Requests that wait for one fill, of all lanes.
pub(crate) const WAITERS_COUNT_MAX: usize = 16_384;
/// Bytes of all bodies that are being filled.
pub(crate) const FILL_BYTES_MAX: u64 = 64 << 20;
/// Time in which a fill has to be whole. Those that wait for it have gone on by themselves long
/// before; the time is there so that a place does not belong to an application that stands still.
pub(crate) const FILL_MS_MAX: u64 = 60_000;
/// Time after which the next request for the same asks the application too: a lane passes a
/// response on no faster than its client takes it, once that has all the lane reads ahead for it.
pub(crate) const LEAD_MS_MAX: u64 = 2000;
/// Variants of a response that are kept for requests with other fields. What honest responses vary
/// by has a handful of values that are asked for again: languages, codings, kinds of device.
pub(crate) const VARIANTS_COUNT_MAX: usize = 16;
/// Time for which a variant gives way to no other one: with as many clients as one likes, and
/// values as they like, a response has sixteen variants a minute written into the memory.
pub(crate) const VARIANT_MS_MIN: u64 = 60_000;
/// Bytes that are read of a response that is not kept, so that its connection can be used again.
pub(crate) const UNKEPT_BYTES_MAX: u64 = 256 * 1024;
/// Time for which a key whose response was not one to keep is not asked for again: its requests
/// pass by at once, rather than wait for each other.
pub(crate) const UNKEPT_MS: u64 = 60_000;
/// Keys that are known to be so.
pub(crate) const UNKEPT_COUNT_MAX: usize = 65_536;
/// Purges under way: one of each lane, and 64 more, since fosse-status has fewer clients than that.
pub(crate) const PURGES_COUNT_MAX: usize = LANES_COUNT_MAX + 64;
/// Kept responses that a purge looks at in a turn, which is some milliseconds of work: lanes wait
/// no longer for a purge of a million.
pub(crate) const PURGE_TURN_RESPONSES_MAX: usize = 512;
/// Bytes of a kept response that are read to see whether a purge is about it. Most keys and heads
/// are shorter; others are read whole.
pub(crate) const PURGE_LOOK_BYTES: usize = 2048;
/// Part of the memory that a source may fill in [`SHARE_MS`]: who asks for made up names pushes out
/// an eighth of what others have asked for, and not more.
pub(crate) const SHARE_DIVISOR: u64 = 8;
/// The time to which such a share belongs.
pub(crate) const SHARE_MS: u64 = 60_000;
/// Sources whose share is counted; when there are more all begin again.
pub(crate) const SHARES_COUNT_MAX: usize = 65_536;
/// Time that a call to the disk may take before the disk is left alone for a while: lanes wait for
/// it.
pub(crate) const DISK_SLOW_MS: u64 = 1000;
/// That while, and the time after a write that has failed.
pub(crate) const DISK_PAUSE_MS: u64 = 10_000;
/// Responses that a purge reads from the disk in a turn, where their marks do not say that it is
/// not about them: some milliseconds where the disk has to be asked.
pub(crate) const PURGE_TURN_READS_MAX: usize = 64;
/// Slots of the disk's index that a purge looks at in a turn, in memory.
pub(crate) const PURGE_TURN_SLOTS_MAX: usize = 16_384;
/// Bytes that are written to the disk in a turn: what lanes wait for comes in between.
pub(crate) const DISK_TURN_BYTES_MAX: usize = 16 << 20;
