//! fosse-start: starts, watches and replaces the programs of an edge.
//!
//! Reads a plan that fosse-config has made, 16-byte messages from its children, and signals; never
//! a byte from the network. Writes events on fd 2. It keeps the listening sockets and the tables of
//! processes and lanes.

#![forbid(unsafe_code)]

fn main() {
    fosse_sys::panic::panic_hook("fosse-start");
    fosse_start::run()
}
