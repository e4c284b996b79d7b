//! Every limit of fosse-start.

/// Bytes that fosse-config or fosse-load may write: rules and address lists at their largest, and
/// what is around them.
pub(crate) const OUTPUT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Time fosse-config or fosse-load may take. Larger configurations than anyone writes compile in a
/// second.
pub(crate) const COMPILE_MS_MAX: u64 = 60_000;

/// Time the new start may take to say whether it can take this one's place: a few milliseconds
/// where the machine has a core to spare. start does nothing else meanwhile; lanes serve.
pub(crate) const FITS_MS_MAX: u64 = 10_000;

/// Time a process may take from its start to READY.
pub(crate) const READY_MS_MAX: u64 = 20_000;

/// The same for a zygote, which compiles all rules first: a second for the Core Rule Set, and more
/// where the core is slow or shared.
pub(crate) const ZYGOTE_READY_MS_MAX: u64 = 120_000;

/// Share of a core, in percent, from which a program on the path counts as busy: waking up for each
/// byte costs more from there on than waiting for a batch.
pub(crate) const BUSY_CPU_PERCENT_MIN: u128 = 20;

/// Share of a core below which it counts as quiet again; between the two it stays what it is.
pub(crate) const QUIET_CPU_PERCENT_MAX: u128 = 10;

/// Nice value of a quiet program. A process that never sleeps, at nice 0, has a ninth of its
/// weight, so it gives up the core when the program wakes up.
pub(crate) const QUIET_NICE: i32 = -10;

/// Nice value of a program that computes for long and that nobody waits for but who has caused it:
/// one that checks passwords. A lane on its core has ten times its weight.
pub(crate) const BACKGROUND_NICE: i32 = 10;

/// A process whose turn counter has not moved for this long hangs: counters move every half second.
/// Counted in ticks of start, so that a machine that was paused kills nobody.
pub(crate) const STILL_MS_MAX: u64 = 3_000;

/// The same for those that wait for the disk, the spool, the cache and those that serve files:
/// others that write, or a file server that does not respond, may keep them waiting for many
/// seconds, and another one would wait behind it. And for the one that checks passwords, at nice
/// [`BACKGROUND_NICE`]: a check takes half a second of a core, of which others may leave it little.
pub(crate) const PATIENT_STILL_MS_MAX: u64 = 120_000;

/// The same for a process that is not given a core, of whatever kind: what keeps the cores for this
/// long may be a process of its own lane that hangs, or somebody who has locked the machine.
pub(crate) const STARVED_MS_MAX: u64 = 30_000;

/// Time a lane that lost a process may take to respond as it still can before the rest of it is
/// killed.
pub(crate) const DYING_MS_MAX: u64 = 5_000;

/// Descriptors of a process of a lane that are no client's: idle connections to servers, channels,
/// and those that arrive in one message.
pub(crate) const LANE_FDS_RESERVED: u64 = 256;

/// Descriptors of fosse-dispatch besides, where responses are kept: its pipes and the memory.
pub(crate) const LANE_FDS_OF_PIPES: u64 = 257;

/// Generations of lanes that live at a time: once a further one serves, the oldest is cut off.
pub(crate) const GENERATIONS_MAX: usize = 3;

/// Crashes of one program after which it is started again at once, within [`CRASHES_WINDOW_MS`].
pub(crate) const CRASHES_FREE: usize = 10;
/// The window in which crashes are counted.
pub(crate) const CRASHES_WINDOW_MS: u64 = 10_000;
/// The longest pause before a program that keeps crashing is started again.
pub(crate) const CRASH_PAUSE_MS_MAX: u64 = 30_000;

/// Sources that accept remembers crashes of, kept for the next accept: as many as it knows itself.
pub(crate) const STRIKES_COUNT_MAX: usize = 4096;

/// Pipes of processes that are gone, kept for the logger that comes next: the last words of a lane
/// that crashes while there is none.
pub(crate) const UNREAD_PIPES_MAX: usize = 64;

/// Counter pages of processes that are gone, beyond as many as there are processes, kept for the
/// next fosse-status: those of a few lanes that crash while there is none. Each has 4 MiB at most,
/// for 10,000 sites.
pub(crate) const UNCOUNTED_PAGES_MAX: usize = 64;

/// Slots for UIDs. 64 lanes of 6 processes in 3 generations, three times over, fit.
pub(crate) const SLOTS_MAX: usize = 4096;

/// UID base before a plan names one: what fosse.toml(5) names as the default.
pub(crate) const UID_BASE_FIRST: u32 = 70_000;

/// Ranges of user IDs that are looked at for one that no other edge of the machine has.
pub(crate) const UID_RANGES_MAX: u32 = 100;

/// Connections waiting to be accepted, as listen(2) is asked; the kernel's somaxconn may make it
/// less.
pub(crate) const BACKLOG: i32 = 4096;

const _: () = assert!(STILL_MS_MAX > 2 * fosse_eventloop::TICK_MS);
