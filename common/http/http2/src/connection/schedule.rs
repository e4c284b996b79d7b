//! Whose bytes go next (RFC 9218, section 10): the most urgent; among those, one after the other
//! where a client says so, else in turns of a frame.

use std::collections::VecDeque;

use crate::connection::Connection;
use crate::limits::{FRAME_BYTES_MAX, OUTPUT_BYTES_FULL, PROGRESS_BYTES_MIN};
use crate::priority::URGENCIES;

/// Places of streams with something to send, by urgency.
#[derive(Debug, Default)]
pub(super) struct Ready {
    queues: [VecDeque<usize>; URGENCIES],
    count: usize,
}

impl Ready {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn pop(&mut self) -> Option<usize> {
        if self.count == 0 {
            return None;
        }
        let place = self.queues.iter_mut().find_map(VecDeque::pop_front)?;
        self.count -= 1;
        Some(place)
    }

    fn push(&mut self, place: usize, urgency: u8, is_last: bool) {
        let Some(queue) = self.queues.get_mut(usize::from(urgency)) else { return };
        if is_last {
            queue.push_back(place)
        } else {
            queue.push_front(place)
        }
        self.count += 1;
    }
}

impl Connection {
    /// Puts a stream into the queue of its urgency, where it can send something.
    pub(super) fn queue(&mut self, place: usize) {
        let Some(stream) = self.streams.live(place).filter(|stream| stream.can_send() && !stream.is_queued) else {
            return;
        };
        stream.is_queued = true;
        let urgency = stream.priority().urgency;
        self.ready.push(place, urgency, true);
    }

    /// Moves what waits into the output as far as it is not full and the windows allow, and tells
    /// of each stream how many bytes have gone.
    pub fn fill(&mut self, now_ms: u64, mut gone: impl FnMut(usize, usize)) {
        while self.output().len() < OUTPUT_BYTES_FULL
            && let Some(place) = self.ready.pop()
        {
            let Some(stream) = self.streams.at(place) else { continue };
            stream.is_queued = false;
            if !stream.can_send() {
                continue;
            }
            let priority = stream.priority();
            if self.window_out <= 0 && !stream.waiting.bytes.is_empty() {
                stream.is_queued = true;
                self.ready.push(place, priority.urgency, false);
                return;
            }
            let bytes = self.send_frame(place, now_ms);
            gone(place, bytes);
            if let Some(stream) = self.streams.live(place).filter(|stream| stream.can_send()) {
                stream.is_queued = true;
                self.ready.push(place, priority.urgency, priority.turns);
            }
        }
    }

    /// Sends one frame of what waits on a stream that can send, with the end if there is no more.
    fn send_frame(&mut self, place: usize, now_ms: u64) -> usize {
        let Some(stream) = self.streams.live(place) else { return 0 };
        let windows = usize::try_from(stream.window_out.min(self.window_out)).unwrap_or(0);
        let length = stream.waiting.bytes.len().min(windows).min(FRAME_BYTES_MAX);
        let id = stream.id;
        if length > 0 {
            let mut waiting = core::mem::take(&mut stream.waiting.bytes);
            let (first, second) = waiting.as_slices();
            let first = &first[..first.len().min(length)];
            self.put_data(id, [first, &second[..length - first.len()]], 0);
            waiting.drain(..length);
            if let Some(stream) = self.streams.live(place) {
                stream.moved += length;
                if waiting.is_empty() {
                    stream.waits_since_ms = 0;
                } else if stream.moved >= PROGRESS_BYTES_MIN {
                    (stream.waits_since_ms, stream.moved) = (now_ms, 0);
                }
                stream.waiting.bytes = waiting;
            }
            self.use_windows_out(place, length);
        }
        if self.streams.live(place).is_some_and(|stream| stream.waiting.ends && stream.waiting.bytes.is_empty()) {
            self.put_end(place);
        }
        length
    }

    /// Returns how many bytes of a stream wait.
    #[must_use]
    pub fn waiting(&self, place: usize) -> usize {
        self.streams.waiting(place)
    }

    /// Returns whether something waits that a window keeps back.
    #[must_use]
    pub fn waits_for_client(&mut self) -> bool {
        self.streams.all_live().any(|(_, stream)| stream.has_waiting())
    }

    /// Returns the place of a stream that waits, and of which less than 8 KiB have gone since
    /// before `since_ms`.
    pub fn stalled(&mut self, since_ms: u64) -> Option<usize> {
        let stalls = |since: u64| since > 0 && since < since_ms;
        self.streams.all_live().find(|(_, stream)| stalls(stream.waits_since_ms)).map(|(place, _)| place)
    }
}
