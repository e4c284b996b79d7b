//! fosse-dispatch: speaks HTTP/1.1 to backends.
//!
//! Reads request frames on fd 0, writes response frames on fd 1, logs on fd 2. Client sockets for
//! leases come on fd 8, backend sockets from fosse-connect on fd 9. It keeps pooled backend
//! connections and the requests under way, and bounds what it holds by the credit it grants. It has
//! neither socket nor connect.

#![forbid(unsafe_code)]

use fosse_dispatch::{policy::POLICY, server};
use fosse_lockdown::{Mode, enter};

const PROGRAM: &str = "fosse-dispatch";
const USAGE: &str = "fosse-dispatch (started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = server::inputs();
    let locked = enter(&POLICY, mode);
    server::run(inputs, locked)
}
