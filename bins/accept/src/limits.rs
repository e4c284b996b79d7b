//! The bounds of fosse-accept, each with its reason.

/// Connections accepted in one turn: what one message to a lane carries, and little enough (some
/// 200 us) that lanes, start and the watchdog are never kept waiting.
pub(crate) const ACCEPT_TURN_MAX: usize = fosse_wire::channel::BATCH_FDS_MAX;

/// Seconds that the kernel waits for the first bytes of a connection before it reports one without
/// any. The shortest that it can (tcp(7), `TCP_DEFER_ACCEPT`): whoever connects and is silent costs
/// a request socket for that long, and from then on counts as everybody.
pub(crate) const SILENCE_S: u8 = 1;

/// Messages read from one lane or from start in one turn, so that a chatty one cannot keep the
/// others from their turn.
pub(crate) const READ_TURN_MAX: usize = 16;

/// Messages read from a lane that is gone, once: what it has said and given back before still
/// counts, and its socket holds fewer.
pub(crate) const LAST_MESSAGES_MAX: usize = 1024;

/// Send buffer of a lane's channel. The kernel doubles it; it then holds some 20 messages of one
/// connection or 5 of 64: a burst fits, and a lane that has stopped is noticed before it has
/// swallowed hundreds of clients.
pub(crate) const CHANNEL_BUFFER_BYTES: usize = 8 * 1024;

/// Milliseconds that a new accept waits for old lanes to say what they hold before it takes the
/// first connection; a lane that has stopped must not stop everything. Looked at once a tick.
pub const LIST_WAIT_MS: u64 = 100;

/// Milliseconds that an accept that leaves looks for lanes for those it has taken in. New clients
/// wait in the kernel meanwhile.
pub(crate) const LEAVE_MS: u64 = 500;

/// Two crashes, or too many requests that use up the rules' CPU time, within this number of
/// milliseconds make a penalty.
pub(crate) const CRASHES_WINDOW_MS: u64 = 60_000;

/// Milliseconds of a penalty.
pub(crate) const PENALTY_MS: u64 = 600_000;

/// Milliseconds that lists of an older generation stay after the first of a newer one has come:
/// start sends a generation at once, and none of it may be missing while the rest arrives.
pub(crate) const LIST_OVERLAP_MS: u64 = 1000;

/// Connections that no lane takes, at once. Reading from lanes stops at this number (a draining
/// lane gives back all its idle ones), so that they wait where they are.
pub(crate) const WAITING_COUNT_MAX: usize = 256;

/// Sources remembered for crashes. start lets a program die ten times in ten seconds at most, so
/// even a day of attacks from ever new addresses stays below what a window or a penalty can hold.
pub(crate) const CRASHES_COUNT_MAX: usize = 4096;

/// Milliseconds for which the connections of a source that was refused are counted, after the line
/// about the first one: an attack is a line now and then, not one for each connection. So is a want
/// of descriptors or of room.
pub(crate) const REFUSALS_WINDOW_MS: u64 = 10_000;

/// Sources whose refused connections are counted one by one at a time; those of further ones are
/// counted together. That many lines in a window are within what a log line limit lets through.
pub(crate) const REFUSALS_COUNT_MAX: usize = 256;

/// Connections remembered after their end, since a crash is reported after the lane has closed or
/// lost them. At 20,000 connections a second it reaches back three seconds, and start reports
/// within a tenth of one.
pub(crate) const ENDED_COUNT_MAX: usize = 65_536;

/// Lanes at once: 3 generations of 64 cores, and some.
pub(crate) const LANE_COUNT_MAX: usize = 256;

/// Listeners of one generation; the record has 16 bits, the epoll set and a configuration far
/// fewer.
pub(crate) const LISTENER_COUNT_MAX: usize = 256;

/// The part of all connections, and of those of a lane, that is kept free by ending idle ones: one
/// in this many, so that the next clients find room while the lanes do so.
const RESERVE_PART: usize = 16;

/// Returns the number of `max` connections above which idle ones make room. Of few at least one is
/// kept free, of one none.
pub(crate) fn pressed_above(max: usize) -> usize {
    max - (max / RESERVE_PART).max(1).min(max / 2)
}

/// Networks of which a lane may say what it has, in times of the connections it may hold: each of
/// them is in three at the most.
pub(crate) const LANE_NETWORKS_FACTOR: usize = 3;

/// Requests of a source within [`CRASHES_WINDOW_MS`] that use up the rules' CPU time, each of which
/// costs about as much as hundreds of others: one more makes a penalty. A page that the rules find
/// hard is not asked for as often.
pub const OVERRUNS_COUNT_MAX: u64 = 20;

/// Connections a lane may be ahead of the average before a source that belongs to it goes
/// elsewhere: enough for what one browser opens, too few for one source to keep the other cores
/// idle.
pub(crate) const LANE_LEAD_MAX: u32 = 8;
