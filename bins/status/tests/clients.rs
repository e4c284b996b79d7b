//! Clients that say nothing, or do not read, harm no others, and cost no more memory than their
//! places.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use fosse_counters::{Counters, TURNS, status as count};
use fosse_harness::{Client, Dir, Response, Stage, WAIT_MAX, programs, sockets, wait_for};
use fosse_sys::{memfd, page::Page};
use fosse_wire::{
    launch::Program,
    start::{ReloadProgress, ToChild},
};

/// Clients of a listener at a time, and bytes of a page that are rendered for one: see
/// fosse-limits(7). The last line or process of a piece may go beyond it.
const CLIENTS_MAX: u64 = 16;
const PIECE_BYTES: u64 = 64 << 10;
const ROW_BYTES_MAX: u64 = 16 << 10;

/// A fosse-status, to which the test is start.
struct Status {
    stage: Stage,
    tcp: SocketAddr,
    unix: PathBuf,
    pages: Vec<Counters>,
    _dir: Dir,
}

impl Status {
    fn start() -> Self {
        let status = Self::untold();
        // start tells of it last: it responds to nobody before.
        status.tell(memfd::sealed("reload", b"").unwrap().as_fd());
        status
    }

    /// Tells it of a reload.
    fn tell(&self, words: BorrowedFd<'_>) {
        let reload = ToChild::Reload { number: 1, progress: ReloadProgress::Serves, generation: 1 };
        self.stage.order(reload, Some(words));
    }

    fn untold() -> Self {
        let (dir, tcp) = (Dir::new(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (address, path) = (tcp.local_addr().unwrap(), dir.join("status.sock"));
        let unix = UnixListener::bind(&path).unwrap();
        tcp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        let sums = memfd::page("sums", fosse_counters::SUMS_BYTES).unwrap();
        let fds = vec![(8, OwnedFd::from(unix)), (9, OwnedFd::from(tcp)), (10, sums)];
        let stage = Stage::spawn(&programs().join("fosse-status"), None, fds, "");
        Self { stage, tcp: address, unix: path, pages: Vec::new(), _dir: dir }
    }

    /// Gives it the page of a parse with that many sites.
    fn give_sites(&mut self, sites: usize) {
        let fd = memfd::page("page", fosse_counters::page_bytes(sites)).unwrap();
        let counters = Counters::shared(Page::map(&fd).unwrap());
        (0..sites).for_each(|row| counters.name_row(row, &format!("site-{row}.customers.example.com")));
        self.stage.order(ToChild::PageAdd { program: Program::Parse as u8, lane: 0, pid: 7 }, Some(fd.as_fd()));
        self.pages.push(counters);
    }

    fn get_unix(&self, target: &str) -> Response {
        let mut client = Client::connect_unix(&self.unix);
        client.send(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        client.response()
    }

    fn connect_from(&self, last: u8) -> TcpStream {
        sockets::connect_from(last, self.tcp, WAIT_MAX).unwrap()
    }

    /// Returns the most memory that it ever had, in KiB.
    fn memory_kib_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.stage.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Rounds of a scenario: each begins with a fosse-status of its own.
const ROUNDS_MAX: usize = 20;

/// Plays a scenario until no client's time has ended in it: on a machine that stands still for
/// seconds that would be what lets others in. Fails where it does not end as it should.
fn undisturbed(scenario: impl Fn(&mut Status) -> io::Result<()>) {
    for _ in 0..ROUNDS_MAX {
        let mut status = Status::start();
        let end = scenario(&mut status);
        if status.stage.count(count::TIMEOUTS) == 0 {
            return end.unwrap();
        }
    }
    panic!("clients' time ended in each round");
}

impl Status {
    /// Waits until there are that many clients, or the time of one has ended.
    fn wait_for_clients(&self, clients: u64) {
        let is_over = || self.stage.count(count::TIMEOUTS) > 0;
        wait_for("clients", || (self.stage.count(count::CLIENTS) == clients || is_over()).then_some(()));
    }

    /// Asks for a page from 127.0.0.`last`; returns once the response has begun.
    fn ask(&self, last: u8, target: &str) -> io::Result<TcpStream> {
        let mut stream = self.connect_from(last);
        stream.write_all(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes())?;
        let mut line = [0; 12];
        stream.read_exact(&mut line)?;
        let is_response = line.starts_with(b"HTTP/1.");
        if is_response { Ok(stream) } else { Err(io::Error::other(line.escape_ascii().to_string())) }
    }
}

fn expect(what: &str, is_so: bool) -> io::Result<()> {
    if is_so { Ok(()) } else { Err(io::Error::other(format!("not so: {what}"))) }
}

#[test]
fn whoever_asks_before_start_has_told_of_everything_waits_and_no_longer() {
    let mut status = Status::untold();
    let mut client = Client::connect_unix(&status.unix);
    client.send(b"GET /traffic.txt HTTP/1.1\r\n\r\n");
    status.stage.wait_for_turns(3);
    assert_eq!(status.stage.count(count::CLIENTS), 0);
    status.give_sites(1);
    // Words that cannot be read.
    status.tell(std::fs::File::open("/dev/null").unwrap().as_fd());
    let page = client.response();
    assert!(page.status == 200 && page.text().contains("site-0.customers.example.com"), "{}", page.text());
    status.stage.wait_for_log("event=no-reload number=1");
}

#[test]
fn silent_clients_of_another_address_do_not_keep_a_scraper_out() {
    undisturbed(|status| {
        let _silent: Vec<TcpStream> = (0..40).map(|_| status.connect_from(2)).collect();
        status.wait_for_clients(CLIENTS_MAX);
        for _ in 0..10 {
            drop(status.ask(1, "/metrics")?);
            let more = status.connect_from(2);
            drop(status.ask(1, "/metrics")?);
            drop(more);
        }
        Ok(())
    });
}

#[test]
fn silent_clients_of_a_host_do_not_keep_out_its_own_scraper() {
    undisturbed(|status| {
        let mut silent: Vec<TcpStream> = (0..16).map(|_| status.connect_from(1)).collect();
        status.wait_for_clients(CLIENTS_MAX);
        drop(status.ask(1, "/metrics")?);
        let end = silent[0].read(&mut [0]).map_err(|error| error.kind());
        expect("the oldest gives way", matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)))?;
        expect("and it alone", status.stage.count(count::GAVE_WAY) == 1)
    });
    undisturbed(|status| {
        let _silent: Vec<Client> = (0..16).map(|_| Client::connect_unix(&status.unix)).collect();
        status.wait_for_clients(CLIENTS_MAX);
        expect("the unix socket is served", status.get_unix("/status.txt").status == 200)
    });
}

#[test]
fn slow_readers_of_one_address_leave_another_its_place() {
    undisturbed(|status| {
        status.give_sites(10_000);
        let _slow = (0..16).map(|_| status.ask(2, "/metrics")).collect::<io::Result<Vec<_>>>()?;
        drop(status.ask(1, "/nothing")?);
        expect("one gives way", status.stage.count(count::GAVE_WAY) == 1)
    });
}

/// The most memory in KiB while sixteen read a page of 10,000 sites, of which each is 35 MB: the
/// pages of the lanes (4 MB for each 10,000 names), the names and what the dead have counted (the
/// same again), a piece for each of twice sixteen clients in two copies (4 MB), and the program
/// itself (10 MB where it is not optimised).
const MEMORY_KIB_MAX: u64 = 32 << 10;

#[test]
fn sixteen_slow_scrapers_of_a_large_edge_cost_a_piece_each() {
    undisturbed(|status| {
        status.give_sites(10_000);
        let mut slow = (1..=16).map(|last| status.ask(last, "/metrics")).collect::<io::Result<Vec<_>>>()?;
        expect("all are served", status.stage.count(count::REQUESTS) == CLIENTS_MAX)?;
        // More than the kernel keeps for them.
        for _ in 0..16 {
            slow.iter_mut().try_for_each(|stream| stream.read_exact(&mut vec![0; 64 << 10]))?;
        }
        let memory_kib = status.memory_kib_max();
        expect(&format!("{memory_kib} KiB are enough"), memory_kib < MEMORY_KIB_MAX)
    });
}

#[test]
fn a_large_page_takes_a_turn_for_each_piece_of_it() {
    let mut status = Status::start();
    status.give_sites(10_000);
    // start takes a program for hanging whose turns stand still.
    let before = status.stage.count(TURNS);
    let page = status.get_unix("/metrics");
    assert!(page.complete && page.body.ends_with(b"site=\"site-9999.customers.example.com\"} 0\n"));
    let (turns, bytes) = (status.stage.count(TURNS) - before, page.body.len() as u64);
    assert!(bytes > 20_000_000 && turns >= bytes / (PIECE_BYTES + ROW_BYTES_MAX), "{turns} turns for {bytes} bytes");
    // The names of a page of its own, too, which are read by many turns.
    let lines = status.get_unix("/traffic.txt").text().lines().count();
    assert_eq!(lines, 10_000);
    wait_for("the end of its clients", || (status.stage.count(count::CLIENTS) == 0).then_some(()));
}
