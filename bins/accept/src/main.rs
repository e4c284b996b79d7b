//! fosse-accept: takes client connections, judges their address, passes each to a lane.
//!
//! Reads no byte of any client. Listening sockets, lanes and address lists come from start on fd 7, its settings as a blob on
//! fd 5; connections go out over each lane's SEQPACKET channel, and come back as numbers when they are over.

#![forbid(unsafe_code)]

use fosse_accept::serve::{End, Server};
use fosse_accept::{PROGRAM, policy};
use fosse_args::Args;
use fosse_eventloop::Turn;
use fosse_inherit::{Expected, MEMORY, MESSAGES, inherit};
use fosse_lockdown::{Mode, enter};

const USAGE: &str = "fosse-accept [--sandbox-strict | --sandbox-trap | --no-sandbox] (fosse-start runs it)";

const FDS: &[Expected] = &[
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
];

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let mode = mode();
    let mut fds = inherit(PROGRAM, FDS);
    let counters = fosse_inherit::counters(PROGRAM, &mut fds, 6);
    let settings = fosse_inherit::blob(PROGRAM, &mut fds, 5);
    let server = Turn::new().and_then(|turn| Server::new(turn, fds.required(7), counters));
    let mut server =
        server.unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("unable to wait: {errno}")));
    let locked = enter(&policy::POLICY, mode);
    server.configure(settings.open(locked).read());
    match server.run() {
        End::Done => {}
        End::Failed(why) => fosse_die::temporary(PROGRAM, why),
    }
}

fn mode() -> Mode {
    let mut args = Args::of_process(PROGRAM, USAGE);
    let modes = [Mode::Strict, Mode::Trap, Mode::Off].into_iter();
    let asked = modes.filter(|mode| mode.option().is_some_and(|option| args.flag(option))).collect::<Vec<_>>();
    args.end();
    asked.first().copied().unwrap_or_else(Mode::from_environment)
}
