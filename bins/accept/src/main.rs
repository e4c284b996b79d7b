//! fosse-accept: takes client connections, judges their address, passes each to a lane.
//!
//! Reads no byte of any client. Listening sockets, lanes and address lists come from start on fd 7, its settings as a blob on
//! fd 5; connections go out over each lane's SEQPACKET channel, and come back as numbers when they are over.

mod channels;
mod connections;
mod door;
mod lanes;
mod limits;
mod listeners;
mod orders;
mod penalties;
mod policy;
mod reports;
mod serve;
mod source;

use std::os::fd::{AsFd, OwnedFd};

use fosse_args::Args;
use fosse_counters::Counters;
use fosse_lockdown::{Mode, Sealed, enter};
use fosse_sys::fd::{self, Kind};
use fosse_sys::page::Page;
use fosse_turn::Turn;
use fosse_wire::blob::{BLOB_BYTES_MAX, decode};

use crate::serve::{End, Server};

const PROGRAM: &str = "fosse-accept";
const USAGE: &str = "fosse-accept [--sandbox-strict | --sandbox-trap | --no-sandbox] (started by fosse-start)";

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let mode = mode();
    let inputs = Inputs::take();
    let turn = Turn::new().unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("epoll: {errno}")));
    let mut server = Server::new(turn, inputs.start, inputs.counters)
        .unwrap_or_else(|errno| fosse_die::temporary(PROGRAM, format_args!("unable to watch start: {errno}")));
    let locked = enter(&policy::POLICY, mode);
    server.configure(settings(inputs.blob.open(locked)));
    match server.run() {
        End::Done => {}
        End::Failed(why) => fosse_die::temporary(PROGRAM, why),
    }
}

fn mode() -> Mode {
    let mut args = Args::of_process(PROGRAM, USAGE);
    let asked =
        [Mode::Strict, Mode::Trap, Mode::Off].into_iter().find(|mode| mode.option().is_some_and(|o| args.flag(o)));
    args.end();
    asked.unwrap_or_else(Mode::from_environment)
}

/// What is inherited.
struct Inputs {
    start: OwnedFd,
    blob: Sealed<OwnedFd>,
    counters: Counters,
}

impl Inputs {
    fn take() -> Self {
        let missing = |what| fosse_die::usage(PROGRAM, &format!("{what} missing; usage: {USAGE}"));
        let start = fd::take(7).filter(|start| fd::kind(start.as_fd()) == Ok(Kind::UnixSeqpacket));
        let start = start.unwrap_or_else(|| missing("socket to start (fd 7)"));
        let blob = Sealed::new(fd::take(5).unwrap_or_else(|| missing("configuration (fd 5)")));
        let page = fd::take(6).and_then(|page| Page::map(page).ok());
        if let Err(errno) = fd::close_rest(&[]) {
            fosse_die::temporary(PROGRAM, format_args!("unable to close descriptors: {errno}"));
        }
        Self { start, blob, counters: page.map_or_else(Counters::private, Counters::shared) }
    }
}

fn settings(blob: OwnedFd) -> fosse_blobs::Accept {
    let bytes = fosse_sys::blob::read(blob, BLOB_BYTES_MAX).map_err(|error| error.to_string());
    let settings = bytes.and_then(|bytes| decode(&bytes).map_err(|error| error.to_string()));
    settings.unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("configuration: {error}")))
}
