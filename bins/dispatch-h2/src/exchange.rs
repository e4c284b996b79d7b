//! One exchange at a time over one pair of sockets: dispatch's requests in, responses out.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_eventloop::slab::Key;
use fosse_http2::Head;
use fosse_wire::beside::UNPROCESSED;

use crate::limits::{INTERIM_BYTES_MAX, WINDOW_BYTES_INITIAL, WINDOW_BYTES_MAX};
use crate::request::Body;
use crate::response::Response;
use crate::socket::Socket;

/// The progress of a request.
#[derive(Debug, Default)]
pub(crate) enum Progress {
    /// Its head has not come as a whole, nor perhaps a byte of it.
    #[default]
    Head,
    /// Its head is whole, and waits for a stream: its length, and whether it is HEAD, with the
    /// body.
    Queued(usize, Option<Body>),
    /// Its body goes on as it comes.
    Body(Body),
    /// All of it has come.
    Whole,
}

/// A pair of sockets, and the exchange that it carries.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) socket: Socket,
    /// Index into the table of servers.
    pub(crate) server: usize,
    /// Bytes of dispatch that are not used yet.
    pub(crate) input: Vec<u8>,
    /// Bytes of a head that were searched for its end.
    pub(crate) searched: usize,
    pub(crate) request: Progress,
    /// The request is HEAD.
    pub(crate) to_head: bool,
    /// The stream: its connection and its place there.
    pub(crate) stream: Option<(Key, usize)>,
    /// Number of times that its server had said something when it was opened.
    pub(crate) heard: u64,
    pub(crate) response: Response,
    /// The body waits for room.
    pub(crate) is_blocked: bool,
    /// Bytes for dispatch.
    out: Vec<u8>,
    out_sent: usize,
    /// Bytes of the body among them, and before them, that were not granted again.
    owed: u32,
    window: u32,
    /// The window has been full since it was changed last, for dispatch did not take it.
    was_slow: bool,
    /// It is closed when its bytes have gone.
    pub(crate) is_ending: bool,
    /// It has bytes that are to be written in this turn.
    pub(crate) is_dirty: bool,
}

impl Exchange {
    pub(crate) fn new(fd: OwnedFd, server: usize) -> Self {
        Self {
            socket: Socket::new(fd),
            server,
            input: Vec::new(),
            searched: 0,
            request: Progress::Head,
            to_head: false,
            stream: None,
            heard: 0,
            response: Response::Head,
            is_blocked: false,
            out: Vec::new(),
            out_sent: 0,
            owed: 0,
            window: WINDOW_BYTES_INITIAL,
            was_slow: false,
            is_ending: false,
            is_dirty: false,
        }
    }

    /// Returns whether it carries nothing.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.request, Progress::Head) && self.input.is_empty() && !self.is_ending
    }

    /// Returns whether bytes of dispatch would be used now.
    pub(crate) fn wants_input(&self) -> bool {
        !self.is_ending && !self.is_blocked && !matches!(self.request, Progress::Queued(..))
    }

    /// Takes a head of the response.
    pub(crate) fn head(&mut self, head: &Head, text: &[u8]) {
        self.response.head(head, text, self.to_head, &mut self.out);
    }

    /// Returns whether dispatch is behind with interim responses, which have no window.
    pub(crate) fn has_too_many_interims(&self) -> bool {
        self.out.len() - self.out_sent > INTERIM_BYTES_MAX
    }

    /// Takes bytes of the response's body.
    pub(crate) fn data(&mut self, bytes: &[u8]) {
        self.owed += u32::try_from(bytes.len()).unwrap_or(0);
        self.response.data(bytes, &mut self.out);
    }

    /// Takes the end of the response.
    pub(crate) fn end(&mut self, trailers: &[u8]) {
        self.response.end(trailers, &mut self.out);
    }

    /// Ends it, as nothing of its request has reached a server that would look at it: dispatch may
    /// send it elsewhere, whatever it is.
    pub(crate) fn give_back(&mut self) {
        if self.response == Response::Head {
            self.out.push(UNPROCESSED);
        }
        self.is_ending = true;
    }

    /// Writes what is to be written. Returns false where dispatch is gone.
    pub(crate) fn flush(&mut self) -> bool {
        self.is_dirty = false;
        if self.out_sent < self.out.len() {
            match self.socket.write(&self.out[self.out_sent..]) {
                Ok(written) => self.out_sent += written,
                Err(_) => return false,
            }
        }
        if self.is_written() {
            self.out.clear();
            self.out.shrink_to(OUT_KEPT_BYTES);
            self.out_sent = 0;
        } else {
            self.was_slow = true;
        }
        true
    }

    /// Returns whether dispatch has been sent all there is for it.
    pub(crate) fn is_written(&self) -> bool {
        self.out_sent == self.out.len()
    }

    /// Returns how many bytes of the response the server may be granted: what has gone, in halves
    /// of the window, and more to responses that dispatch takes as fast as they come.
    pub(crate) fn take_grant(&mut self) -> u32 {
        if !self.is_written() || self.owed < self.window / 2 {
            return 0;
        }
        let grown = if self.was_slow { self.window } else { (2 * self.window).min(WINDOW_BYTES_MAX) };
        let more = grown - self.window;
        self.window = grown;
        self.was_slow = false;
        std::mem::take(&mut self.owed) + more
    }

    /// Returns whether request and response are whole and written.
    pub(crate) fn is_over(&self) -> bool {
        self.response == Response::Whole && matches!(self.request, Progress::Whole) && self.is_written()
    }

    /// Begins again with the next request.
    pub(crate) fn renew(&mut self) {
        (self.request, self.response, self.to_head) = (Progress::Head, Response::Head, false);
        (self.owed, self.window, self.was_slow) = (0, WINDOW_BYTES_INITIAL, false);
    }

    /// Watches for what is wanted now.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop) {
        let (reads, writes) = (self.wants_input(), !self.is_written());
        self.socket.watch(reads, writes, event_loop);
    }
}

/// Memory for output that an exchange keeps between two.
const OUT_KEPT_BYTES: usize = 4096;
