//! The counter pages of living processes, and the sums of dead ones.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fosse_counters::{
    Counter, DRAINING, FIRST, Kind, LOG_DROPPED, PAGE_WORDS, Said, Server, Sums, TABLES, TURN_US_LONGEST, TURNS,
    TURNS_LONG, parse, row_name, rows, servers,
};
use fosse_sys::page::PageReader;
use fosse_wire::{launch::Program, start::LANE_NONE};

use crate::limits::{PROCESSES_MAX, ROWS_TURN_MAX};
use crate::reload::Reload;
use crate::traffic::{FRONTS, Names, Subject};

/// A process has said nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silent;

/// One living process.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Its program, without `fosse-`.
    pub(crate) program: &'static str,
    /// Its lane, [`LANE_NONE`] for none.
    pub(crate) lane: u32,
    /// Its process id.
    pub(crate) pid: u32,
    page: Rc<PageReader>,
    /// Rows of its page whose names have been read. A process names them one after another.
    named: usize,
}

/// The place of a process among the living: lane by lane, those without a lane first.
pub(crate) type Place = (u32, usize, u32);

impl Shown {
    /// Returns the program's own counters with their values. The writer of a page may put anything
    /// anywhere; a number is all that comes out.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&'static Counter, u64)> {
        table(self.program).iter().zip(FIRST..PAGE_WORDS).map(|(counter, at)| (counter, self.page.get(at)))
    }

    /// Returns the backend servers it speaks to, where it is a dispatch.
    #[must_use]
    pub(crate) fn servers(&self) -> Vec<Server> {
        if self.program == Program::Dispatch.name() { servers(|word| self.page.get(word)) } else { Vec::new() }
    }

    /// Returns them with their names, each that of its backend, a slash and its address.
    pub(crate) fn named_servers(&self) -> impl Iterator<Item = (String, Server)> {
        self.servers().into_iter().filter_map(|server| {
            let row = usize::try_from(server.backend).ok()?;
            let backend = row_name(row, |word| self.page.get(word))?;
            Some((format!("{backend}/{}", server.name), server))
        })
    }

    /// Reads the names of more rows of its page into `names`, as many as there is room for. Returns
    /// how many those were.
    fn read_names(&mut self, names: &mut Names, room: usize) -> usize {
        let from = self.named;
        for row in (from..rows(self.page.len())).take(room) {
            let Some(name) = row_name(row, |word| self.page.get(word)) else { break };
            names.add(name, &self.page, row);
            self.named += 1;
        }
        self.named - from
    }

    /// Returns its place among the living.
    pub(crate) fn place(&self) -> Place {
        (self.lane.wrapping_add(1), order(self.program), self.pid)
    }

    /// Returns the turns of its loop, about two a second while it is idle.
    #[must_use]
    pub(crate) fn turns(&self) -> u64 {
        self.page.get(TURNS)
    }

    /// Returns the number of log lines it could not write.
    #[must_use]
    pub(crate) fn log_dropped(&self) -> u64 {
        self.page.get(LOG_DROPPED)
    }

    /// Returns the microseconds of its longest turn, and the number of turns long enough for
    /// clients to notice.
    #[must_use]
    pub(crate) fn long_turns(&self) -> (u64, u64) {
        (self.page.get(TURN_US_LONGEST), self.page.get(TURNS_LONG))
    }

    /// Returns whether it finishes what is under way and takes nothing new.
    #[must_use]
    pub(crate) fn draining(&self) -> bool {
        self.page.get(DRAINING) != 0
    }
}

/// Returns a program's table; empty for one that counts nothing of its own.
#[must_use]
pub(crate) fn table(program: &str) -> &'static [Counter] {
    TABLES.iter().find(|(name, _)| *name == program).map_or(&[], |(_, table)| table)
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Pages {
    living: BTreeMap<u32, Shown>,
    /// Sums of the counters (not the gauges) of dead processes, so that a sum never decreases.
    sums: Rc<Sums>,
    /// The cells of programs in them.
    programs: BTreeMap<&'static str, usize>,
    sites: Names,
    backends: Names,
    rules: Names,
    /// Number of the configuration that serves; 0 before start has told of it.
    pub(crate) generation: u32,
    /// The last reload.
    pub(crate) reload: Reload,
}

impl Pages {
    /// Goes on from the sums of the fosse-status before.
    pub(crate) fn new(sums: Sums) -> Self {
        let sums = Rc::new(sums);
        let names = |subject| Names::new(subject, &sums);
        let known = |name: &str| TABLES.iter().find(|(program, _)| *program == name).map(|(program, _)| *program);
        let of_programs = sums.cells().filter(|(_, kind, _)| *kind == Kind::Program);
        let programs = of_programs.filter_map(|(cell, _, name)| Some((known(&name)?, cell))).collect();
        let (sites, backends, rules) = (names(Subject::Site), names(Subject::Backend), names(Subject::Rule));
        let (living, generation, reload) = (BTreeMap::new(), 0, Reload::default());
        Self { living, sums, programs, sites, backends, rules, generation, reload }
    }

    /// Adds a process with its page. A program that this version does not know is left out, as are
    /// more processes than there can be.
    pub(crate) fn add(&mut self, program: u8, lane: u32, pid: u32, page: PageReader) {
        let Ok(program) = Program::from_byte(program) else { return };
        if self.living.len() < PROCESSES_MAX {
            self.drop_process(pid);
            self.living.insert(pid, Shown { program: program.name(), lane, pid, page: page.into(), named: 0 });
        }
    }

    /// Removes a process that has counted nothing, or whose page start could not keep.
    pub(crate) fn drop_process(&mut self, pid: u32) {
        if let Some(shown) = self.living.remove(&pid) {
            self.forget(&shown, None);
        }
    }

    /// Removes a process that has ended, and adds what it has counted to the sums, which may have
    /// it already. Its page comes along for those that were not given it in its life.
    pub(crate) fn end_process(&mut self, program: u8, pid: u32, number: u32, page: PageReader) {
        if let Ok(program) = Program::from_byte(program) {
            let living = self.living.remove(&pid);
            let dead = || Shown { program: program.name(), lane: LANE_NONE, pid, page: page.into(), named: 0 };
            let mut shown = living.unwrap_or_else(dead);
            if let Some(subject) = Subject::of_program(shown.program) {
                shown.read_names(self.names_mut(subject), usize::MAX);
            }
            self.add_own(&shown, number);
            self.forget(&shown, Some(number));
        }
        self.sums.set_last(number);
    }

    /// Adds the counters of a program's own table.
    fn add_own(&mut self, shown: &Shown, number: u32) {
        let Some(cell) = self.programs.get(shown.program).copied().or_else(|| {
            let cell = self.sums.add_cell(Kind::Program, shown.program)?;
            self.programs.insert(shown.program, cell);
            Some(cell)
        }) else {
            return;
        };
        let mut counts = [0; _];
        let own = shown.counters().map(|(counter, count)| if counter.gauge { 0 } else { count });
        counts.iter_mut().zip(own).for_each(|(to, count)| *to = count);
        self.sums.add(cell, number, &counts);
    }

    fn forget(&mut self, shown: &Shown, number: Option<u32>) {
        if let Some(subject) = Subject::of_program(shown.program) {
            self.names_mut(subject).end(&shown.page, number);
        }
    }

    /// Reads the names of rows that pages have got, within the limit of a turn. Returns whether all
    /// of them are read.
    pub(crate) fn read_names(&mut self) -> bool {
        let mut room = ROWS_TURN_MAX;
        for shown in self.living.values_mut() {
            match Subject::of_program(shown.program) {
                Some(Subject::Site) => room -= shown.read_names(&mut self.sites, room),
                Some(Subject::Backend) => room -= shown.read_names(&mut self.backends, room),
                Some(Subject::Rule) => room -= shown.read_names(&mut self.rules, room),
                None => {}
            }
        }
        room > 0
    }

    /// Returns the living, lane by lane, those without a lane first.
    #[must_use]
    pub(crate) fn living(&self) -> Vec<&Shown> {
        let mut all: Vec<&Shown> = self.living.values().collect();
        all.sort_by_key(|shown| shown.place());
        all
    }

    /// Returns the names of the servers of the configuration that serves.
    pub(crate) fn servers(&self) -> BTreeSet<String> {
        let serving = self.living.values().filter(|shown| !shown.draining());
        serving.flat_map(Shown::named_servers).map(|(name, _)| name).collect()
    }

    /// Returns the lanes by the process that has their clients.
    pub(crate) fn lanes(&self) -> BTreeMap<u32, u32> {
        let is_front = |shown: &&Shown| FRONTS.iter().any(|front| front.name() == shown.program);
        self.living.values().filter(is_front).map(|shown| (shown.pid, shown.lane)).collect()
    }

    /// Returns what a process says to a question; `None` where it is gone.
    pub(crate) fn said(&self, pid: u32, question: u64) -> Option<Result<Said, Silent>> {
        self.living.get(&pid).map(|shown| Said::read(question, &shown.page).ok_or(Silent))
    }

    /// Returns the sum of one counter over the living and, unless it is a gauge, the dead.
    #[must_use]
    pub(crate) fn sum(&self, program: &str, index: usize, gauge: bool) -> u64 {
        let at = FIRST + index;
        let living = self.living.values().filter(|s| s.program == program).map(|s| s.page.get(at));
        let gone = if gauge { 0 } else { self.gone(program, index) };
        living.fold(gone, u64::wrapping_add)
    }

    /// Returns the number of requests that all lanes have taken.
    pub(crate) fn requests(&self) -> u64 {
        let of = |front: &Program| self.sum(front.name(), parse::REQUESTS - FIRST, false);
        FRONTS.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// Returns the traffic of all sites or of all backends: what the living and the dead have
    /// counted.
    pub(crate) const fn names(&self, subject: Subject) -> &Names {
        match subject {
            Subject::Site => &self.sites,
            Subject::Backend => &self.backends,
            Subject::Rule => &self.rules,
        }
    }

    const fn names_mut(&mut self, subject: Subject) -> &mut Names {
        match subject {
            Subject::Site => &mut self.sites,
            Subject::Backend => &mut self.backends,
            Subject::Rule => &mut self.rules,
        }
    }

    /// Returns what the dead of a program have counted, by the place of the counter in its table.
    #[must_use]
    pub(crate) fn gone(&self, program: &str, index: usize) -> u64 {
        self.programs.get(program).map_or(0, |cell| self.sums.get(*cell, index))
    }

    /// Returns the number of living processes of a program.
    #[must_use]
    pub(crate) fn count(&self, program: &str) -> usize {
        self.living.values().filter(|s| s.program == program).count()
    }
}

/// The order in which a request passes through the programs.
fn order(program: &str) -> usize {
    Program::ALL.iter().position(|p| p.name() == program).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use fosse_counters::Counters;
    use fosse_sys::page::Page;

    /// Sums of an edge that begins.
    pub(crate) fn sums() -> Rc<Sums> {
        sums_in(&fosse_sys::memfd::page("test", fosse_counters::SUMS_BYTES).unwrap())
    }

    fn sums_in(page: &std::os::fd::OwnedFd) -> Rc<Sums> {
        Sums::new(Counters::shared(Page::map(page).unwrap())).into()
    }

    impl Default for Pages {
        fn default() -> Self {
            Self::new(Rc::into_inner(sums()).unwrap())
        }
    }

    /// A page with its writer.
    pub(crate) fn page() -> (Counters, PageReader) {
        page_of(0)
    }

    /// A page with a number of rows, and its writer.
    pub(crate) fn page_of(rows: usize) -> (Counters, PageReader) {
        let fd = fosse_sys::memfd::page("test", fosse_counters::page_bytes(rows)).unwrap();
        (Counters::shared(Page::map(&fd).unwrap()), PageReader::map(&fd).unwrap())
    }

    #[test]
    fn what_the_dead_have_counted_stays_and_their_gauges_do_not() {
        let mut pages = Pages::default();
        let (counters, reader) = page();
        counters.add(parse::REQUESTS, 5);
        counters.set(parse::CONNECTIONS, 3);
        pages.add(Program::Parse as u8, 0, 10, reader);
        let (requests, connections) = (parse::REQUESTS - FIRST, parse::CONNECTIONS - FIRST);
        assert_eq!((pages.sum("parse", requests, false), pages.sum("parse", connections, true)), (5, 3));
        pages.end_process(Program::Parse as u8, 10, 1, page().1);
        assert_eq!((pages.sum("parse", requests, false), pages.sum("parse", connections, true)), (5, 0));
        let (counters, reader) = page();
        counters.add(parse::REQUESTS, 2);
        pages.add(Program::Parse as u8, 1, 11, reader);
        assert_eq!(pages.sum("parse", requests, false), 7);
        pages.drop_process(11);
        assert_eq!((pages.sum("parse", requests, false), pages.living().len()), (5, 0));
    }

    #[test]
    fn the_next_one_goes_on_and_adds_what_ended_between_once() {
        let sums = fosse_sys::memfd::page("test", fosse_counters::SUMS_BYTES).unwrap();
        let new = || Pages::new(Rc::into_inner(sums_in(&sums)).unwrap());
        let (counters, reader) = page_of(1);
        counters.name_row(0, "a.example");
        let mut before = new();
        before.add(Program::Parse as u8, 0, 10, reader);
        counters.add(parse::REQUESTS, 5);
        counters.count_status(0, 404);
        // It is killed, and the process ends while there is none.
        drop(before);
        let memory = fosse_sys::memfd::page("test", fosse_counters::page_bytes(1)).unwrap();
        let of_the_dead = Page::map(&memory).unwrap();
        for (at, word) in of_the_dead.words().iter().enumerate() {
            word.store(counters.get(at), std::sync::atomic::Ordering::Relaxed);
        }
        let seen = |pages: &Pages| {
            let sites = pages.names(Subject::Site).after(None);
            let sites: Vec<_> = sites.map(|(name, traffic)| (name.to_owned(), traffic.statuses[3])).collect();
            (pages.sum("parse", parse::REQUESTS - FIRST, false), sites)
        };
        for _ in 0..2 {
            let mut next = new();
            next.end_process(Program::Parse as u8, 10, 1, PageReader::map(&memory).unwrap());
            assert_eq!(seen(&next), (5, vec![("a.example".to_owned(), 1)]));
            next.add(Program::Parse as u8, 0, 10, PageReader::map(&memory).unwrap());
            assert!(next.read_names());
            next.end_process(Program::Parse as u8, 10, 1, PageReader::map(&memory).unwrap());
            assert_eq!((seen(&next), next.living().len()), ((5, vec![("a.example".to_owned(), 1)]), 0));
        }
    }

    #[test]
    fn an_unknown_program_is_left_out() {
        let mut pages = Pages::default();
        pages.add(200, 0, 12, page().1);
        pages.end_process(200, 12, 1, page().1);
        pages.end_process(200, 13, 2, page().1);
        assert!(pages.living().is_empty());
    }

    #[test]
    fn those_without_a_lane_come_first_then_lane_by_lane() {
        let mut pages = Pages::default();
        for (program, lane, pid) in
            [(Program::Dispatch, 1, 5), (Program::Parse, 1, 9), (Program::Log, LANE_NONE, 7), (Program::Parse, 0, 8)]
        {
            pages.add(program as u8, lane, pid, page().1);
        }
        assert_eq!(pages.living().iter().map(|s| s.pid).collect::<Vec<_>>(), [7, 8, 9, 5]);
    }
}
