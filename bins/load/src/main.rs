//! fosse-load: reads rule files with all they include, address lists and pages, below fixed
//! directories, and writes them in one piece on fd 1; or the files that a configuration includes.
//!
//! The blob on fd 5 names what to read. In a shell, patterns on the command line do: they are one
//! rule set then. The directories are opened before the lock, or come as descriptors; after
//! it nothing outside of them can be opened. Nothing is written unless everything could be read. A
//! file that could not be is named on fd 2, and the exit code is 100.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write;

use fosse_bundle::join_patterns;
use fosse_gather::places::Places;
use fosse_inherit::{Blob, blob, inherit};
use fosse_load::options::Options;
use fosse_load::{PROGRAM, bundle, policy};
use fosse_lockdown::{Sealed, enter_with};
use fosse_settings::Load;

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let options = Options::of_process();
    let mut fds = inherit(PROGRAM, &options.descriptors());
    let mut out = File::from(fds.required(1));
    let task = options.patterns.is_empty().then(|| blob::<Load>(PROGRAM, &mut fds, 5));
    let places = Places::new(options.open(&mut fds), rustix::process::geteuid().as_raw());

    let locked = enter_with(&policy::POLICY, options.mode, &places.grants());

    let task = match task.map(|task: Sealed<Blob<Load>>| task.open(locked).read()) {
        Some(task) => task,
        None => Load { rules: vec![join_patterns(options.patterns.iter().map(String::as_str))], ..Load::default() },
    };
    let bytes = bundle::of(&task, &places);
    if let Err(error) = out.write_all(&bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to write: {error}"));
    }
}
