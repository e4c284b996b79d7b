//! A page as steps, each of which writes one thing, or one for each of a kind; and a place in it.
//! A page of a large edge has 35 MB: what is not written yet is no memory.

use std::collections::BTreeMap;

use fosse_counters::Traffic;
use fosse_wire::launch::Program;

use crate::{
    limits::PIECE_BYTES,
    pages::{Pages, Place, Shown},
    traffic::Subject,
};

/// The state that a page is rendered from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) pages: &'a Pages,
    /// Age of this fosse-status, in seconds.
    pub(crate) age_s: u64,
    /// Requests in a second.
    pub(crate) rate: u64,
}

/// The sums of a server over all lanes that are not draining.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerSum {
    /// Every lane says that it is up.
    pub(crate) up: bool,
    /// Some lane says that it is drained.
    pub(crate) drained: bool,
    pub(crate) open: u64,
    pub(crate) busy: u64,
}

/// A step of a page. What is written for each of a kind is told whether it is the first.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Something that is small whatever the edge is.
    Once(fn(&Look<'_>, &mut String)),
    /// One for each living process.
    Processes(fn(&Shown, bool, &mut String)),
    /// One for each backend server.
    Servers(fn(&str, ServerSum, &mut String)),
    /// One for each site or backend.
    Rows(Subject, fn(Subject, &str, &Traffic, bool, &mut String)),
}

/// A place in a page.
pub(crate) struct Cursor {
    steps: &'static [Step],
    step: usize,
    /// The last one that was written in this step; `None` for none yet.
    last: Option<Last>,
}

#[derive(Debug)]
enum Last {
    Process(Place),
    Name(String),
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("step", &self.step).field("last", &self.last).finish_non_exhaustive()
    }
}

/// The end of a piece: the place to go on from in this step, or its end.
type Reached = Option<Last>;

impl Cursor {
    /// Returns the begin of a page.
    pub(crate) const fn of(steps: &'static [Step]) -> Self {
        Self { steps, step: 0, last: None }
    }

    /// Writes a piece of the page. Returns whether there is more of it.
    pub(crate) fn render(&mut self, look: &Look<'_>, out: &mut String) -> bool {
        while let Some(step) = self.steps.get(self.step) {
            if out.len() >= PIECE_BYTES {
                return true;
            }
            self.last = match *step {
                Step::Once(write) => {
                    write(look, out);
                    None
                }
                Step::Processes(write) => self.processes(look, write, out),
                Step::Servers(write) => self.servers(look, write, out),
                Step::Rows(subject, write) => self.rows(look, subject, write, out),
            };
            self.step += usize::from(self.last.is_none());
        }
        false
    }

    fn processes(&self, look: &Look<'_>, write: fn(&Shown, bool, &mut String), out: &mut String) -> Reached {
        let last = if let Some(Last::Process(place)) = self.last { Some(place) } else { None };
        let mut first = last.is_none();
        for shown in look.pages.living().into_iter().filter(|shown| last.is_none_or(|last| shown.place() > last)) {
            write(shown, first, out);
            first = false;
            if out.len() >= PIECE_BYTES {
                return Some(Last::Process(shown.place()));
            }
        }
        None
    }

    fn servers(&self, look: &Look<'_>, write: fn(&str, ServerSum, &mut String), out: &mut String) -> Reached {
        let last = self.last_name();
        for (name, sum) in
            servers(look.pages).into_iter().filter(|(name, _)| last.is_none_or(|last| name.as_str() > last))
        {
            write(&name, sum, out);
            if out.len() >= PIECE_BYTES {
                return Some(Last::Name(name));
            }
        }
        None
    }

    fn rows(
        &self,
        look: &Look<'_>,
        subject: Subject,
        write: fn(Subject, &str, &Traffic, bool, &mut String),
        out: &mut String,
    ) -> Reached {
        let last = self.last_name();
        let mut first = last.is_none();
        for (name, traffic) in look.pages.names(subject).after(last) {
            write(subject, name, &traffic, first, out);
            first = false;
            if out.len() >= PIECE_BYTES {
                return Some(Last::Name(name.to_owned()));
            }
        }
        None
    }

    const fn last_name(&self) -> Option<&str> {
        if let Some(Last::Name(name)) = &self.last { Some(name.as_str()) } else { None }
    }
}

/// Returns the servers by address. A lane shows few enough of them that all fit.
pub(crate) fn servers(pages: &Pages) -> BTreeMap<String, ServerSum> {
    let mut all: BTreeMap<String, ServerSum> = BTreeMap::new();
    let dispatches = pages.living().into_iter().filter(|shown| shown.program == Program::Dispatch.name());
    for server in dispatches.filter(|shown| !shown.draining()).flat_map(Shown::servers).filter(|server| !server.absent)
    {
        let sum = all.entry(server.name).or_insert(ServerSum { up: true, drained: false, open: 0, busy: 0 });
        sum.up &= server.up;
        sum.drained |= server.drained;
        // Numbers of 32 bits, one a lane: the sums of 64 bits have room for all.
        sum.open += u64::from(server.open);
        sum.busy += u64::from(server.busy);
    }
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pages::tests::page_of;
    use crate::request::Target;
    use crate::text::steps;

    /// Returns a whole page.
    pub(crate) fn whole(target: Target, pages: &mut Pages, age_s: u64) -> String {
        while !pages.read_names() {}
        let (mut cursor, mut text, look) = (Cursor::of(steps(target)), String::new(), Look { pages, age_s, rate: 0 });
        loop {
            let mut piece = String::new();
            let more = cursor.render(&look, &mut piece);
            // The last row or process may go beyond it.
            assert!(piece.len() < PIECE_BYTES + 16_384, "{}", piece.len());
            text.push_str(&piece);
            if !more {
                return text;
            }
        }
    }

    #[test]
    fn a_page_comes_in_pieces_and_each_row_is_in_one_of_them() {
        let mut pages = Pages::default();
        let (counters, reader) = page_of(2000);
        (0..2000).for_each(|row| counters.name_row(row, &format!("{row}.example")));
        pages.add(Program::Parse as u8, 0, 10, reader);
        let text = whole(Target::Metrics, &mut pages, 0);
        assert!(text.len() > 10 * PIECE_BYTES);
        for end in [",class=\"2xx\"} 0", ",le=\"+Inf\"} 0"] {
            let mut lines: Vec<&str> = text.lines().filter(|line| line.ends_with(end)).collect();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), 2000, "{end}");
        }
        assert_eq!(text.lines().filter(|line| line.contains("_seconds_count{")).count(), 2000);
        let json = whole(Target::Json, &mut pages, 0);
        assert_eq!(json.matches("\":{\"1xx\":0,").count(), 2000);
        assert!(!json.contains(",,") && !json.contains("{,") && !json.contains("}\n\""), "a comma between any two");
    }

    #[test]
    fn a_site_that_comes_while_a_page_is_written_harms_none() {
        let mut pages = Pages::default();
        let (counters, reader) = page_of(2000);
        (0..1999).for_each(|row| counters.name_row(row, &format!("b{row:04}")));
        pages.add(Program::Parse as u8, 0, 10, reader);
        let (mut cursor, mut text) = (Cursor::of(steps(Target::Traffic)), String::new());
        assert!(pages.read_names() && cursor.render(&Look { pages: &pages, age_s: 0, rate: 0 }, &mut text));
        counters.name_row(1999, "a");
        assert!(pages.read_names());
        while {
            let mut piece = String::new();
            let more = cursor.render(&Look { pages: &pages, age_s: 0, rate: 0 }, &mut piece);
            text.push_str(&piece);
            more
        } {}
        assert_eq!(text.lines().count(), 1999, "those that were there, once each");
    }
}
