//! Switched protocols of streams that have no socket of their own: bytes of the server are the body
//! of the response, bytes of the client come as TUNNEL, both under credit.

use fosse_wire::{Kind, WireError};
use rustix::net::{Shutdown, shutdown};

use super::stream::Stream;
use crate::upstream::connection::{At, Connection};

/// Begins to pass bytes both ways, after a 101.
pub(crate) fn begin(stream: &mut Stream, connection: &mut Connection) {
    stream.tunnels = true;
    // The handshake is done: nothing is sent again.
    stream.out.clear();
    (stream.out_sent, stream.out_whole) = (0, false);
    connection.at = At::UntilClose;
}

/// Takes bytes of the client, or its end, which is none.
///
/// # Errors
/// [`WireError`] where nothing was switched, more comes than was granted, or the end has come.
pub(crate) fn take(stream: &mut Stream, bytes: &[u8]) -> Result<(), WireError> {
    if stream.response_ended {
        return Ok(());
    }
    if !stream.tunnels || stream.client_ended {
        return Err(WireError::Order(Kind::Tunnel));
    }
    let length = u32::try_from(bytes.len()).map_err(|_| WireError::Credit)?;
    stream.window = stream.window.checked_sub(length).ok_or(WireError::Credit)?;
    stream.owed += length;
    stream.client_ended = bytes.is_empty();
    stream.out.extend_from_slice(bytes);
    Ok(())
}

/// Tells the server of the client's end, once all before it has gone.
pub(crate) fn pass_end(stream: &Stream, connection: &Connection) {
    if stream.tunnels && stream.client_ended {
        // A server that is gone is found by the next read.
        let _ = shutdown(&connection.fd, Shutdown::Write);
    }
}
