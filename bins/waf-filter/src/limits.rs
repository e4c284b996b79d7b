//! Every limit of fosse-waf-filter.

use fosse_wire::frame::WINDOW_BYTES_INITIAL;

/// Memory for buffered bodies where no configuration says otherwise (in a shell).
pub(crate) const LANE_HELD_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Bytes of a body that is evaluated where no configuration says otherwise.
pub(crate) const BODY_BYTES_DEFAULT: u64 = 1024 * 1024;

/// CPU time of one evaluation where no configuration says otherwise, in milliseconds: a hundred
/// times what an ordinary request takes.
pub(crate) const RULES_MILLISECONDS_DEFAULT: u32 = 50;

/// KiB of a body for which an evaluation gets its CPU time once more: a MiB of honest text or
/// fields takes the Core Rule Set 75 to 110 ms, so that a time that is right for heads and forms
/// would deny it for nothing but its length.
pub(crate) const BODY_KIB_PER_BUDGET: u64 = 256;

/// Bytes of a body from which on its CPU time is counted from the first microsecond, since reading
/// the clock is nothing beside it, and from which on it waits for its turn to be evaluated.
pub(crate) const LONG_BODY_BYTES: usize = 8 * 1024;

/// CPU time after which an evaluation lets others go first, in microseconds: what comes meanwhile
/// waits for as long.
pub(crate) const SLICE_US_MAX: u64 = 2_000;

/// Time in one turn of the loop after which requests that come are queued instead of being
/// evaluated at once, in microseconds: peers wait for what is already evaluated, and the sources
/// that come last in it for those that came first.
pub(crate) const TURN_US_MAX: u64 = 6_000;

/// Times that evaluations of one source may run out of time in [`OVERRUN_WINDOW_US`]. After that
/// its requests wait until no other source's does: an honest client sends what takes so long once,
/// and not again at once.
pub(crate) const OVERRUNS_MAX: u32 = 3;

/// The overruns of one source in [`OVERRUN_WINDOW_US`] for which fosse-accept penalises it where a
/// site denies (its `OVERRUNS_COUNT_MAX` and one more): where the site only detects, a line says so
/// instead.
pub(crate) const OVERRUNS_PENALISED: u32 = 21;

/// Time for which overruns are counted together, in microseconds, and after which they are
/// forgotten.
pub(crate) const OVERRUN_WINDOW_US: u64 = 60_000_000;

/// Sources whose overruns are remembered: each has taken its whole time at least once, so that a
/// minute has not many more.
pub(crate) const OVERRUN_SOURCES_MAX: usize = 4096;

/// Work below this is measured by the wall clock, which costs no system call, in microseconds.
/// Beyond it the CPU clock counts, so that an evaluation does not pay for a busy machine.
pub(crate) const LOOK_US: u64 = 1_000;

/// Time a request waits for a record of a persistent collection, in milliseconds: a thousand times
/// what fosse-store takes. Then the record is taken as empty, and so are all others until
/// fosse-store responds again.
pub(crate) const RECORD_WAIT_MS_MAX: u64 = 100;

/// Bytes for fosse-store that wait to be written. Beyond it changes are lost, and counted.
pub(crate) const CHANGES_BYTES_MAX: usize = 1024 * 1024;

/// Memory of finished evaluations kept for the next ones: as many as yield at a time when it is
/// busy.
pub(crate) const ARENAS_KEPT_MAX: usize = 64;

/// Requests at a time that have passed and whose response is pending, kept so that the rules can
/// evaluate it knowing the request. Each is counted in the lane's memory for buffered bodies as
/// well, with about what it takes; this bounds what the estimate leaves out.
pub(crate) const PENDING_RESPONSES_MAX: usize = 4096;

/// Room kept for decoded bodies between requests.
pub(crate) const DECODED_BYTES_KEPT_MAX: usize = 256 * 1024;

/// Longest Location a rule may send a client to: what clients take.
pub(crate) const LOCATION_BYTES_MAX: usize = 8 * 1024;

/// Matched rules named in a line: twice what any of the Core Rule Set's own tests matches at its
/// highest paranoia level.
pub(crate) const IDS_SHOWN_MAX: usize = 64;

/// Bytes of a target, a message or a value in a line.
pub(crate) const TEXT_BYTES_SHOWN_MAX: usize = 256;

/// Bytes of an audit line: more is cut by the logger, and half an object is none (pipe(7),
/// PIPE_BUF).
pub(crate) const AUDIT_BYTES_MAX: usize = 4095;

/// Errors in rules that are shown: the rest mostly follows from these.
pub(crate) const TROUBLES_SHOWN_MAX: usize = 20;

/// Part of the lane's memory for buffered bodies from which on long ones go to the spool, and that
/// may be on its way there at a time: a quarter. The rest is for short ones, and for what comes
/// while the disk is slow.
pub(crate) const SPOOL_MEMORY_SHARE: u64 = 4;

/// Bytes that are in memory of a body that goes to the spool: for fewer the way there is not worth
/// it, and it takes an extent of 256 KiB.
pub(crate) const SPOOL_BODY_BYTES_MIN: usize = 64 * 1024;

/// The same where half of the lane's memory for buffered bodies is in use: what a client may send
/// before anything is granted, so that no more than that lies in memory of each of thousands of
/// uploads while the disk stands still. Some 4,000 at a time fit into 64 MiB so.
pub(crate) const SPOOL_BODY_BYTES_LEAST: usize = WINDOW_BYTES_INITIAL as usize;

/// Bytes of a body in the spool for which the filter has one digest, of 16 bytes: it reads whole
/// blocks, and keeps what dispatch has no room for.
pub(crate) const SPOOL_BLOCK_BYTES: usize = 16 * 1024;

/// Bytes of a body that are asked for of the spool at a time.
pub(crate) const SPOOL_READ_BYTES_MAX: u64 = 256 * 1024;

/// Time without a reply of fosse-spool after which a body is given up, in milliseconds: a disk that
/// others write to keeps a writer waiting for seconds.
pub(crate) const SPOOL_WAIT_MS_MAX: u64 = 20_000;

const _: () = assert!(SPOOL_READ_BYTES_MAX.is_multiple_of(SPOOL_BLOCK_BYTES as u64));
const _: () = assert!(fosse_wire::spool::PIECE_BYTES_MAX.is_multiple_of(SPOOL_BLOCK_BYTES));
const _: () = assert!(SPOOL_BODY_BYTES_LEAST < SPOOL_BODY_BYTES_MIN);
const _: () = assert!(LOOK_US < SLICE_US_MAX && SLICE_US_MAX < TURN_US_MAX);
