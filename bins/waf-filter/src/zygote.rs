//! The zygote: it has compiled the rules and forks filters, which share them.
//!
//! It reads what root has sealed and launches from start, nothing else; it is not locked. A filter
//! has none of its descriptors and goes the whole way of a program that was executed: descriptors,
//! lock, first outside byte.

use fosse_counters::TURNS;
use fosse_die::{fatal, temporary};
use fosse_inherit::{Expected, MEMORY, MESSAGES, inherit};
use fosse_service::Startup;
use fosse_settings::WafFilter;
use fosse_wire::{
    blob::{BLOB_BYTES_MAX, decode},
    start::ToStart,
};
use rustix::{
    event::Timespec,
    process::{Signal, set_parent_process_death_signal},
    thread::set_name,
};

use crate::{PROGRAM, rules::Rules, startup::compiled};

const DESCRIPTORS: &[Expected] = &[
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
    Expected::required(8, MEMORY, "rules"),
];

/// Interval of the turns by which start sees that it lives.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// Compiles the rules and forks filters. Returns in each of them: its start-up, and the rules.
#[must_use]
pub fn run(startup: Startup) -> (Startup, Option<Rules>) {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    // Without its start it serves no purpose, and no process would end it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = set_name(c"fosse-zygote");
    let counters = fosse_inherit::counters(PROGRAM, &mut fds, 6);
    let (config, bundle, start) = (fds.required(5), fds.required(8), fds.required(7));
    let blob = fosse_sys::blob::read(config, BLOB_BYTES_MAX)
        .unwrap_or_else(|error| fatal(PROGRAM, format_args!("configuration: {error}")));
    let config: WafFilter =
        decode(&blob).unwrap_or_else(|error| fatal(PROGRAM, format_args!("configuration: {error}")));
    let rules = Rules::or_die(compiled(Some(&config), Some(bundle)));
    drop((blob, config, fds));
    fosse_sys::memory::trim();
    let says = rules.keep_records().then_some(ToStart::KeepsRecords).into_iter().chain([ToStart::Ready]);
    for message in says {
        if let Err(errno) = fosse_fdpass::send(&start, &message.encode(), &[]) {
            temporary(PROGRAM, format_args!("start: {errno}"));
        }
    }
    let child = fosse_spawn::serve(PROGRAM, &start, 0, Some(TICK), || counters.add(TURNS, 1));
    // The kernel keeps 15 bytes of a name (prctl(2), PR_SET_NAME).
    let _ = set_name(c"fosse-waf-filte");
    // A filter has a page and a start of its own.
    drop((counters, start));
    (startup.with_mode(child.specialize()), Some(rules))
}
