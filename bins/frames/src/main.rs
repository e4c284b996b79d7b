//! fosse-frames: shows what travels between stages.
//!
//! Reads frames on fd 0 and writes one line or more for each on fd 1, for people or (`--json`) for
//! scripts; with `--encode` it reads such JSON lines and writes frames. It keeps one frame or line
//! at a time, and bounds its length.

#![forbid(unsafe_code)]

use fosse_args::{Args, Flag, Takes, Usage};
use fosse_frames::{PROGRAM, policy::POLICY, run};
use fosse_lockdown::{Mode, enter};

const JSON: Flag = Flag { name: "--json", takes: Takes::Nothing, help: "one line of JSON for each frame" };
const ENCODE: Flag =
    Flag { name: "--encode", takes: Takes::Nothing, help: "read such lines and write the frames they came from" };

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "shows what travels between stages",
    flags: &[JSON, ENCODE],
    about: "Reads the standard input, writes the standard output. FOSSE_SANDBOX sets the strictness of the lock.\n",
    ..Usage::NOTHING
};

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let args = Args::of_process(&USAGE);
    let (json, encode) = (args.has(JSON.name), args.has(ENCODE.name));
    if json && encode {
        args.refuse("--json and --encode together");
    }
    let inputs = run::inputs();
    let locked = enter(&POLICY, Mode::from_environment());
    match (json, encode) {
        (_, true) => run::encode(inputs.open(locked)),
        (json, false) => run::show(inputs.open(locked), json),
    }
}
