//! Plaintext and records of a client whose handshake is done, both ways.

use fosse_wire::handshaken::How;
use rustix::io::Errno;

use crate::client::{Client, Context, Open, Stage, Step};
use crate::limit::Limit;
use crate::limits::READ_BYTES_MAX;

/// Takes records of the client and gives their plaintext to the front.
pub(crate) fn from_client(client: &mut Client, slot: u32, context: &mut Context) -> Step {
    let length = match client.receive(context) {
        Ok(length) => length,
        Err(step) => return step,
    };
    let Stage::Open(open) = &mut client.stage else { return Step::Stays };
    context.plain.clear();
    let taken = open.session.take(&mut context.input[..length], &mut context.plain, &mut context.output);
    open.client_is_done |= taken.is_closed;
    give(open, &context.plain);
    let rest = context.input[taken.used..length].to_vec();
    client.keep(&rest);
    if taken.failed.is_some() {
        // The alert says why; the front sees the end of a client that is gone.
        return client.part(slot, context);
    }
    if !client.send_output(slot, context) {
        return Step::Gone;
    }
    client.pass_end();
    Step::Stays
}

/// Gives plaintext to the front, and keeps what it does not take.
pub(crate) fn give(open: &mut Open, plain: &[u8]) {
    let Some(front) = &open.plain else { return };
    if plain.is_empty() {
        return;
    }
    let sent = if open.to_front.is_empty() { front.send(plain) } else { Some(0) };
    // A front that takes nothing any more has ended the exchange, of which it tells; what a client
    // sends beyond that is for nobody.
    open.to_front.extend_from_slice(&plain[sent.unwrap_or(plain.len())..]);
}

/// Gives the front what it has not taken.
pub(crate) fn give_rest(client: &mut Client) {
    if let Stage::Open(open) = &mut client.stage
        && let Some(front) = &open.plain
        && !open.to_front.is_empty()
    {
        let sent = front.send(&open.to_front).unwrap_or(open.to_front.len());
        open.to_front.drain(..sent);
        if open.to_front.is_empty() {
            open.to_front = Vec::new();
        }
    }
    client.pass_end();
}

/// Takes plaintext of the front and gives its records to the client.
pub(crate) fn from_front(client: &mut Client, slot: u32, context: &mut Context) -> Step {
    if client.is_blocked() {
        return Step::Stays;
    }
    let Stage::Open(open) = &mut client.stage else { return Step::Stays };
    let Some(front) = &open.plain else { return Step::Stays };
    // Nothing is in that buffer between two events, and a vector would be cleared for each.
    match front.receive(&mut context.input[..READ_BYTES_MAX]) {
        Ok(0) | Err(Errno::CONNRESET) => at_end(client, slot, context),
        Ok(length) => {
            let put = open.session.put(&mut client.input, &context.input[..length], &mut context.output);
            if put.is_err() || !client.send_output(slot, context) {
                return Step::Gone;
            }
            Step::Stays
        }
        Err(Errno::AGAIN | Errno::INTR) => Step::Stays,
        Err(_) => Step::Gone,
    }
}

/// The plaintext is over.
fn at_end(client: &mut Client, slot: u32, context: &mut Context) -> Step {
    let Stage::Open(open) = &mut client.stage else { return Step::Stays };
    open.plain = None;
    open.to_front = Vec::new();
    match open.ended {
        Some(How::Clean) => finish(client, slot, context),
        Some(How::Reset) => Step::Gone,
        None => {
            client.start(slot, Limit::Ended, context);
            Step::Stays
        }
    }
}

/// Hears how the front wants the client to end.
pub(crate) fn end(client: &mut Client, how: How, slot: u32, context: &mut Context) -> Step {
    let Stage::Open(open) = &mut client.stage else { return Step::Stays };
    open.ended = Some(how);
    match how {
        How::Reset => Step::Gone,
        How::Clean if open.plain.is_none() => finish(client, slot, context),
        // What the front has written comes first.
        How::Clean => Step::Stays,
    }
}

/// Says that nothing more comes: all that the front has written is on its way.
fn finish(client: &mut Client, slot: u32, context: &mut Context) -> Step {
    let Stage::Open(open) = &mut client.stage else { return Step::Stays };
    if open.session.close(&mut client.input, &mut context.output).is_err() {
        return Step::Gone;
    }
    client.part(slot, context)
}
