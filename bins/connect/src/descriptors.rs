//! The descriptors that connect inherits.

use fosse_inherit::{Expected, MEMORY, MESSAGES};
use fosse_wire::{
    beside::{HTTP2_FD, TLS_FD},
    files::{CHANNEL_FD_FIRST, FILES_BACKENDS_MAX},
};

const OTHERS: [Expected; 8] = [
    Expected::required(0, MESSAGES, "connect requests from dispatch"),
    Expected::required(1, MESSAGES, "replies to dispatch"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MEMORY, "addresses of servers that have names"),
    Expected::optional(TLS_FD as i32, MESSAGES, "fosse-connect-tls"),
    Expected::optional(HTTP2_FD as i32, MESSAGES, "fosse-dispatch-h2"),
];

/// The channels to processes that serve files, and the others.
pub const DESCRIPTORS: [Expected; FILES_BACKENDS_MAX + OTHERS.len()] = {
    let mut all = [OTHERS[0]; FILES_BACKENDS_MAX + OTHERS.len()];
    let (mut at, mut number) = (0, CHANNEL_FD_FIRST as i32);
    while at < all.len() {
        all[at] = if at < OTHERS.len() {
            OTHERS[at]
        } else {
            number += 1;
            Expected::optional(number - 1, MESSAGES, "a process that serves files")
        };
        at += 1;
    }
    all
};
