//! Active health checks: a GET on a connection of its own, now and then, to each server of a
//! backend that has one.

use fosse_http1::{HeadLimits, HeadWriter, ResponseHead, find_head_end};
use fosse_settings::{Backend, Health};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use super::connection::{Connection, Use};
use crate::context::after;

/// The active checks of one server.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// A check says it is down: only a passing check brings it back.
    pub(crate) unhealthy: bool,
    /// Good checks in a row.
    pub(crate) passes: u32,
    /// Time at which the next one is due; `u64::MAX` while one waits for its connection.
    pub(crate) due_ms: u64,
    /// One is under way.
    pub(crate) under_way: bool,
}

impl Checks {
    /// Returns whether a check waits for its connection.
    pub(super) const fn waits(&self) -> bool {
        self.under_way && self.due_ms == u64::MAX
    }

    /// Returns whether a check is due, which then waits for its connection.
    pub(super) fn begin_if_due(&mut self, health: &Health, server: usize, now_ms: u64) -> bool {
        if self.under_way || self.due_ms > now_ms {
            return false;
        }
        if self.due_ms == 0 {
            // The first checks of all servers and lanes are spread over one interval.
            let interval_ms = after(0, health.interval_seconds).max(1);
            let share_ms = u64::try_from(server).unwrap_or(0).wrapping_mul(97) % interval_ms;
            self.due_ms = now_ms.saturating_add(share_ms).max(1);
            return false;
        }
        self.under_way = true;
        self.due_ms = u64::MAX;
        true
    }
}

/// Sends the request of a check over the connection it waited for; false where that fails.
pub(super) fn send_check(
    checks: &mut Checks,
    connection: &mut Connection,
    health: &Health,
    backend: &Backend,
    now_ms: u64,
) -> bool {
    let wait = backend.first_byte_seconds.min(health.interval_seconds);
    connection.used = Use::Check(after(now_ms, wait));
    checks.due_ms = after(now_ms, health.interval_seconds);
    let mut out = Vec::new();
    let written = HeadWriter::request(&mut out, b"GET", health.path.as_bytes()).and_then(|mut to| {
        to.field(b"Host", health.host.as_bytes())?;
        to.field(b"User-Agent", b"fosse-health")?;
        to.field(b"Connection", b"close")?;
        to.finish();
        Ok(())
    });
    written.is_ok() && send(&connection.fd, &out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) == Ok(out.len())
}

/// Reads the response to a check: any status below 400 is good. `None` while its head is not whole.
pub(super) fn read_check(connection: &mut Connection, scratch: &mut [u8]) -> Option<bool> {
    match recv(&connection.fd, &mut *scratch, RecvFlags::DONTWAIT) {
        Ok((0, _)) => return Some(false),
        Ok((count, _)) => connection.input.extend_from_slice(&scratch[..count]),
        Err(Errno::AGAIN | Errno::INTR) => return None,
        Err(_) => return Some(false),
    }
    match find_head_end(&connection.input, 0) {
        Ok(None) if connection.input.len() <= HeadLimits::DEFAULT.head_bytes => None,
        Ok(Some(end)) => {
            let head = ResponseHead::parse(&connection.input[..end], false, &HeadLimits::DEFAULT);
            Some(head.is_ok_and(|h| (200..400).contains(&h.status)))
        }
        _ => Some(false),
    }
}
