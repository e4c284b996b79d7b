//! Connections of clients: who may see and end them, the question to all lanes, and what they say.
//!
//! One question is open at a time. Lanes say a few hundred connections at a time, so a list takes
//! several; a lane that does not say anything in time is left out by name.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv6Addr};

use fosse_counters::{ConnectionRow, Question, Said, Wanted};
use fosse_die::info;
use fosse_eventloop::slab::Key;

use crate::{
    limits::{LANE_MS_MAX, LIST_BYTES_MAX},
    pages::Pages,
    policy::POLICY,
    response::Response,
};

/// The page of questions, the user who may ask beside root, and the question that is open.
#[derive(Debug)]
pub(crate) struct Connections {
    page: Question,
    uid: u32,
    open: Option<Open>,
}

/// A question that is open.
#[derive(Debug)]
struct Open {
    client: Key,
    uid: u32,
    wanted: Wanted,
    number: u64,
    /// Lanes that have said nothing yet to this number, by process.
    waiting: BTreeMap<u32, u32>,
    /// Those that have more to say.
    unfinished: BTreeMap<u32, u32>,
    text: String,
    ended: u64,
    until_ms: u64,
}

impl Connections {
    /// Takes over a page. `uid` runs the edge.
    pub(crate) const fn new(page: Question, uid: u32) -> Self {
        Self { page, uid, open: None }
    }

    /// Returns whether a question is open.
    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Asks the lanes what a user wants. Returns the response where that is known at once.
    pub(crate) fn ask(
        &mut self,
        wanted: Wanted,
        (client, uid): (Key, u32),
        pages: &Pages,
        now_ms: u64,
    ) -> Option<Response> {
        if uid != 0 && uid != self.uid {
            return Some(Response::said(
                403,
                "root alone, or the user who runs the edge, may see and end connections\n",
            ));
        }
        if self.is_open() {
            return Some(Response::said(409, "somebody else asks about connections just now; ask again\n"));
        }
        let (text, ended, until_ms) = (String::new(), 0, now_ms + LANE_MS_MAX);
        let (waiting, unfinished) = (pages.lanes(), BTreeMap::new());
        let number = self.page.ask(wanted);
        self.open = Some(Open { client, uid, wanted, number, waiting, unfinished, text, ended, until_ms });
        None
    }

    /// Drops the question of a client that is gone.
    pub(crate) fn leave(&mut self, client: Key) {
        if self.open.as_ref().is_some_and(|open| open.client == client) {
            self.page.end();
            self.open = None;
        }
    }

    /// Hears what lanes say. Returns the client and the response where all have.
    pub(crate) fn hear(&mut self, pages: &Pages, now_ms: u64) -> Option<(Key, Response)> {
        let open = self.open.as_mut()?;
        open.hear(pages, now_ms);
        if !open.waiting.is_empty() {
            return None;
        }
        if !open.unfinished.is_empty() && open.text.len() < LIST_BYTES_MAX {
            open.number = self.page.ask(Wanted::Rest);
            open.waiting = std::mem::take(&mut open.unfinished);
            open.until_ms = now_ms + LANE_MS_MAX;
            return None;
        }
        self.page.end();
        let open = self.open.take()?;
        Some((open.client, open.response()))
    }
}

impl Open {
    fn hear(&mut self, pages: &Pages, now_ms: u64) {
        let is_late = now_ms >= self.until_ms;
        for (pid, lane) in std::mem::take(&mut self.waiting) {
            match pages.said(pid, self.number) {
                Some(Ok(said)) => self.take((pid, lane), &said, now_ms),
                // It has ended, and its connections with it.
                None => {}
                Some(Err(_)) if is_late => {
                    let _ = writeln!(self.text, "silent {lane}");
                }
                Some(Err(_)) => drop(self.waiting.insert(pid, lane)),
            }
        }
    }

    /// Takes what a lane says, whatever that is.
    fn take(&mut self, (pid, lane): (u32, u32), said: &Said, now_ms: u64) {
        self.ended = self.ended.wrapping_add(said.ended);
        said.rows.iter().for_each(|row| line(&mut self.text, lane, row, now_ms));
        // One that has more says some of it.
        if !said.is_all && !said.rows.is_empty() {
            self.unfinished.insert(pid, lane);
        }
    }

    fn response(mut self) -> Response {
        let of = match self.wanted {
            Wanted::List | Wanted::Rest => {
                if !self.unfinished.is_empty() {
                    self.text.push_str("more\n");
                }
                return Response::said(200, &self.text);
            }
            Wanted::End(id) => format!("connection={id}"),
            Wanted::EndAll(network, bits) => format!("network={}", shown(network, bits)),
        };
        info(POLICY.program, format_args!("event=connections-ended {of} connections={} uid={}", self.ended, self.uid));
        let silent = if self.text.is_empty() { "" } else { " (a lane does not respond)" };
        match (self.wanted, self.ended) {
            (Wanted::End(_), 0) => Response::said(404, &format!("there is no such connection{silent}\n")),
            (_, count) => Response::said(200, &format!("{count} ended{silent}\n")),
        }
    }
}

fn shown(network: [u8; 16], bits: u8) -> String {
    let address = Ipv6Addr::from(network);
    match address.to_ipv4_mapped().filter(|_| bits >= 96) {
        Some(v4) => format!("{v4}/{}", bits - 96),
        None => format!("{address}/{bits}"),
    }
}

/// Writes a connection: its fields with a blank between them, the request last.
fn line(out: &mut String, lane: u32, row: &ConnectionRow, now_ms: u64) {
    let address = Ipv6Addr::from(row.client);
    let client = match address.to_ipv4_mapped() {
        _ if row.client == [0; 16] => "unix".to_owned(),
        Some(v4) => format!("{v4}:{}", row.port),
        None => format!("[{address}]:{}", row.port),
    };
    let (listener, age_s) = (u32::from(row.listener) + 1, (now_ms.max(row.since_ms) - row.since_ms) / 1000);
    let _ = writeln!(
        out,
        "{} {client} {listener} {} {} {age_s} {} {} {} {lane} {} {}",
        row.id,
        row.listener_port,
        row.state.word(),
        row.requests,
        row.bytes_in,
        row.bytes_out,
        if row.site.is_empty() { "-" } else { &row.site },
        row.request
    );
}

#[cfg(test)]
mod tests {
    use fosse_eventloop::slab::Slab;

    use super::*;

    fn open() -> Open {
        let client = Slab::default().insert(()).unwrap();
        Open {
            client,
            uid: 0,
            wanted: Wanted::List,
            number: 1,
            waiting: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            text: String::new(),
            ended: 0,
            until_ms: 0,
        }
    }

    #[test]
    fn a_lane_that_has_ended_more_than_there_are_ends_nothing_here() {
        let mut open = open();
        let said = Said { ended: u64::MAX, is_all: true, ..Said::default() };
        (1..4).for_each(|lane| open.take((lane, lane), &said, 0));
        assert_eq!(open.ended, u64::MAX - 2);
    }

    #[test]
    fn a_lane_that_has_always_more_and_says_none_of_it_is_not_asked_again() {
        let mut open = open();
        open.take((1, 1), &Said::default(), 0);
        assert!(open.unfinished.is_empty());
        open.take((2, 2), &Said { rows: vec![ConnectionRow::default()], ..Said::default() }, 0);
        assert_eq!(open.unfinished.len(), 1);
    }
}
