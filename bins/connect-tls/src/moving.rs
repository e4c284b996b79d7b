//! Plaintext and records of a connection whose handshake is done, both ways.

use core::time::Duration;

use fosse_deadlines::after;
use rustix::io::Errno;

use crate::{
    connection::{Connection, Context, Ended, Open, Stage, Step},
    limit::Limit,
    limits::{PARTING_MS_MAX, READ_BYTES_MAX},
};

/// Takes records of the server and gives their plaintext to dispatch.
pub(crate) fn from_server(connection: &mut Connection, context: &mut Context) -> Step {
    let Some(length) = connection.receive(context) else { return Step::Stays };
    if length == 0 {
        // Nothing but a close_notify is an end: whoever cuts a connection could cut a response.
        return end(connection, Ended::Broken);
    }
    take(connection, length, context)
}

/// Takes the records that the context's input has.
pub(crate) fn take(connection: &mut Connection, length: usize, context: &mut Context) -> Step {
    context.plain.clear();
    let taken = connection.session.take(&mut context.input[..length], &mut context.plain, &mut context.output);
    let rest = context.input[taken.used..length].to_vec();
    connection.keep(&rest);
    let Stage::Open(open) = &mut connection.stage else { return Step::Stays };
    give(open, &context.plain);
    if !connection.send_output(context) {
        return Step::Gone;
    }
    match taken {
        taken if taken.failed.is_some() => end(connection, Ended::Broken),
        taken if taken.is_closed => end(connection, Ended::Clean),
        _ => Step::Stays,
    }
}

/// Gives dispatch what a server has said with the end of its handshake.
pub(crate) fn first(connection: &mut Connection, context: &Context) {
    if let Stage::Open(open) = &mut connection.stage {
        give(open, &context.plain);
    }
}

/// Gives plaintext to dispatch, and keeps what it does not take.
fn give(open: &mut Open, plain: &[u8]) {
    if plain.is_empty() {
        return;
    }
    open.is_asked = false;
    let sent = if open.to_dispatch.is_empty() { open.plain.send(plain) } else { Some(0) };
    // Of a dispatch that is gone the end of its side is heard.
    open.to_dispatch.extend_from_slice(&plain[sent.unwrap_or(plain.len())..]);
}

/// Gives dispatch what it has not taken.
pub(crate) fn give_rest(connection: &mut Connection) -> Step {
    let Stage::Open(open) = &mut connection.stage else { return Step::Stays };
    if open.to_dispatch.is_empty() {
        return Step::Stays;
    }
    let sent = open.plain.send(&open.to_dispatch).unwrap_or(open.to_dispatch.len());
    open.to_dispatch.drain(..sent);
    if open.to_dispatch.is_empty() {
        open.to_dispatch = Vec::new();
    }
    pass_end(connection)
}

/// Notes the end of what the server says, and passes it on.
fn end(connection: &mut Connection, ended: Ended) -> Step {
    if let Stage::Open(open) = &mut connection.stage {
        open.ended.get_or_insert(ended);
    }
    pass_end(connection)
}

/// Tells dispatch how the server has ended, once it has taken what came before: its end of the pair
/// is shut where that was a clean end, and closed where it was none.
fn pass_end(connection: &mut Connection) -> Step {
    let Stage::Open(open) = &mut connection.stage else { return Step::Stays };
    match open.ended {
        Some(_) if !open.to_dispatch.is_empty() => Step::Stays,
        Some(Ended::Broken) => Step::Gone,
        Some(Ended::Clean) if !open.dispatch_knows => {
            open.dispatch_knows = true;
            // Where this fails the other end is gone, which is heard of.
            let _ = open.plain.shut();
            Step::Stays
        }
        _ => Step::Stays,
    }
}

/// Takes plaintext of dispatch and gives its records to the server.
pub(crate) fn from_dispatch(connection: &mut Connection, slot: u32, context: &mut Context) -> Step {
    let blocked = connection.is_blocked();
    let Stage::Open(open) = &mut connection.stage else { return Step::Stays };
    if blocked {
        // Nobody waits for what the server has not taken, once dispatch has closed its end.
        return if open.plain.is_closed() { Step::Gone } else { Step::Stays };
    }
    // Nothing is in that buffer between two events, and a vector would be cleared for each.
    match open.plain.receive(&mut context.input[..READ_BYTES_MAX]) {
        Ok(0) if open.plain.is_closed() => part(connection, slot, context),
        Ok(0) => {
            open.dispatch_is_done = true;
            close(connection, context)
        }
        Ok(length) => {
            open.is_asked = true;
            let plain = &context.input[..length];
            let put = connection.session.put(&mut connection.input, plain, &mut context.output);
            if put.is_err() || !connection.send_output(context) { Step::Gone } else { Step::Stays }
        }
        Err(Errno::AGAIN | Errno::INTR) => Step::Stays,
        Err(_) => Step::Gone,
    }
}

/// Says to the server that nothing more comes.
fn close(connection: &mut Connection, context: &mut Context) -> Step {
    let closed = connection.session.close(&mut connection.input, &mut context.output);
    if closed.is_err() || !connection.send_output(context) { Step::Gone } else { Step::Stays }
}

/// dispatch has closed its end. A server that owes nothing is told that this is the end; one that
/// was asked sees that it is none: a request may have been cut, and must not look whole.
fn part(connection: &mut Connection, slot: u32, context: &mut Context) -> Step {
    let Stage::Open(open) = &connection.stage else { return Step::Stays };
    if open.is_asked || open.ended == Some(Ended::Broken) {
        return Step::Gone;
    }
    if !open.dispatch_is_done && matches!(close(connection, context), Step::Gone) {
        return Step::Gone;
    }
    if !connection.is_blocked() {
        return Step::Gone;
    }
    connection.stage = Stage::Parting;
    let at_ms = after(context.now_ms, Duration::from_millis(PARTING_MS_MAX));
    connection.timer.start(&mut context.deadlines, slot, Limit::Parting, at_ms);
    Step::Stays
}
