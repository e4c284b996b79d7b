//! fosse-parse: turns client byte streams into request frames and response frames back into bytes.
//!
//! Reads response frames on fd 0, writes request frames on fd 1, logs on fd 2. Client sockets come
//! on fd 8 from fosse-accept and are lent to fosse-dispatch on fd 9; fd 10 takes the access log. It
//! keeps the connections of its lane, one request of each in the ring at a time, and bounds what it
//! holds by credit. With `--stdin` it reads raw requests on fd 0 instead.

#![forbid(unsafe_code)]

use fosse_lockdown::enter;
use fosse_parse::{PROGRAM, limits::MAPPED_BLOCK_BYTES_MIN, policy::POLICY, startup};

const USAGE: &str = "fosse-parse [--stdin] (without --stdin started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mut args = fosse_args::Args::of_process(PROGRAM, USAGE);
    let shell = args.flag("--stdin");
    let mode = startup::mode(&mut args);
    args.end();
    if shell {
        let inputs = startup::shell();
        let locked = enter(&POLICY, mode);
        startup::pipeline(inputs.open(locked))
    } else {
        fosse_sys::memory::map_blocks_from(MAPPED_BLOCK_BYTES_MIN);
        let inputs = startup::lane();
        let locked = enter(&POLICY, mode);
        startup::serve(inputs, locked)
    }
}
