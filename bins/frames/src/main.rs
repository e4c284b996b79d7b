//! fosse-frames: shows what travels between stages.
//!
//! Reads frames on fd 0 and writes one line or more for each on fd 1, for people or (`--json`) for
//! scripts; with `--encode` it reads such JSON lines and writes frames. It keeps one frame or line
//! at a time, and bounds its length.

#![forbid(unsafe_code)]

use fosse_frames::{PROGRAM, policy::POLICY, run};
use fosse_lockdown::{Mode, enter};

const USAGE: &str = "fosse-frames [--json | --encode] < frames (with --encode: < JSON lines)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mut args = fosse_args::Args::of_process(PROGRAM, USAGE);
    let (json, encode) = (args.flag("--json"), args.flag("--encode"));
    if json && encode {
        args.refuse("--json and --encode together");
    }
    args.end();
    let inputs = run::inputs();
    let locked = enter(&POLICY, Mode::from_environment());
    match (json, encode) {
        (_, true) => run::encode(inputs.open(locked)),
        (json, false) => run::show(inputs.open(locked), json),
    }
}
