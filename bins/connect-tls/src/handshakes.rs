//! Handshakes with servers.

use std::os::fd::OwnedFd;

use fosse_eventloop::Watched;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt::set_socket_send_buffer_size},
};

use crate::{
    connection::{Connection, Context, Open, Stage, Step, Why},
    limits::{HANDSHAKE_BYTES_MAX, PLAIN_BUFFER_BYTES},
    moving,
    terms::Terms,
};

/// Says the first message to a server.
pub(crate) fn begin(connection: &mut Connection, context: &mut Context) -> Step {
    let taken = connection.session.take(&mut [], &mut context.plain, &mut context.output);
    if let Some(error) = taken.failed {
        return Step::Refused(Why::Tls(error));
    }
    if connection.send_output(context) { Step::Stays } else { Step::Refused(Why::Closed) }
}

/// Takes what the server says next.
pub(crate) fn go_on(connection: &mut Connection, terms: &Terms, context: &mut Context) -> Step {
    let Some(length) = connection.receive(context) else { return Step::Stays };
    if length == 0 {
        return Step::Refused(Why::Closed);
    }
    context.plain.clear();
    let taken = connection.session.take(&mut context.input[..length], &mut context.plain, &mut context.output);
    let rest = context.input[taken.used..length].to_vec();
    connection.keep(&rest);
    // The alert says to the server why, where there is one.
    let sent = connection.send_output(context);
    if let Some(error) = taken.failed {
        return Step::Refused(Why::Tls(error));
    }
    if !sent || taken.is_closed {
        return Step::Refused(Why::Closed);
    }
    if connection.session.is_handshaking() {
        return if rest.len() > HANDSHAKE_BYTES_MAX { Step::Refused(Why::TooLong) } else { Step::Stays };
    }
    if terms.agrees(&connection.session) { Step::Through } else { Step::Refused(Why::Protocol) }
}

/// Makes the pair for the plaintext of a connection whose handshake is done. Returns dispatch's
/// end.
///
/// # Errors
/// Those of socketpair(2).
pub(crate) fn open(connection: &mut Connection, token: u64, context: &Context) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    for end in [&ours, &theirs] {
        // Where the kernel refuses, more waits in it.
        let _ = set_socket_send_buffer_size(end, PLAIN_BUFFER_BYTES);
    }
    connection.timer.stop();
    connection.stage = Stage::Open(Box::new(Open {
        plain: Watched::new(ours, token),
        to_dispatch: Vec::new(),
        ended: None,
        dispatch_knows: false,
        dispatch_is_done: false,
        is_asked: false,
    }));
    // A server may have spoken first, with the end of its handshake: tickets, or a response to
    // nothing.
    moving::first(connection, context);
    Ok(theirs)
}
