//! Name servers, and those who pretend to be one, that lie.

use std::path::PathBuf;

use fosse_counters::AddressesPage;
use fosse_harness::{Edge, is_root, wait_for};
use fosse_sys::page::Page;

use crate::{
    Apps, LOOPBACK, configuration,
    name_server::{NameServer, Question, record},
    served_by, wait_for_app,
};

/// The address that liars want requests to go to; an application is there.
const LIE: &str = "127.0.0.3";

/// Returns messages that are no response to a question, each with the lie in it.
fn lies(question: &Question) -> Vec<Vec<u8>> {
    let lie = question.answer(&[LIE]);
    let changed = |at: usize, bits: u8| {
        let mut message = lie.clone();
        message[at] ^= bits;
        message
    };
    let lower_case = [&lie[..12], &lie[12..26].to_ascii_lowercase(), &lie[26..]].concat();
    let to_itself = u8::try_from(question.answer(&[] as &[&str]).len()).unwrap();
    let circle = question.message(0x8180, &[record(&[0xc0, to_itself], LIE.parse().unwrap())]);
    let mut oversized = lie.clone();
    oversized.resize(9000, 0);
    vec![
        changed(0, 1),     // another number
        changed(2, 0x80),  // a question itself
        changed(13, 0x01), // another name
        lower_case,        // a guess at the letters
        circle,
        oversized,
        lie[..lie.len() - 1].to_vec(),
        Vec::new(),
        vec![0xff; 512],
    ]
}

#[test]
fn what_is_no_response_to_the_question_is_passed_over_and_the_right_one_counts() {
    let apps = Apps::start(2);
    let names = NameServer::start(|question| {
        let mut all = lies(question);
        all.push(question.answer(&["127.0.0.2"]));
        all
    });
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
    wait_for("faults", || (edge.counter("resolve", "faults") >= 8).then_some(()));
    assert!(!edge.log().contains(LIE), "{}", edge.log());
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn who_guesses_at_many_numbers_makes_the_question_go_by_tcp() {
    let apps = Apps::start(2);
    let names = NameServer::start(|question| match question.by_tcp {
        true => vec![question.answer(&["127.0.0.2"])],
        false => (1..=40).map(|bits| [&[question.bytes[0] ^ bits], &question.answer(&[LIE])[1..]].concat()).collect(),
    });
    let edge = Edge::with_config(&configuration(&[&names], apps.port, LOOPBACK), &[]);
    wait_for_app(&edge, 2);
    assert!(!edge.log().contains(LIE), "{}", edge.log());
}

#[test]
fn addresses_of_other_names_are_not_taken() {
    let apps = Apps::start(2);
    let names = NameServer::start(|question| {
        let other = record(b"\x04evil\x08internal\0", LIE.parse().unwrap());
        let own = record(&[0xc0, 12], "127.0.0.2".parse().unwrap());
        vec![question.message(0x8180, &[other, own])]
    });
    let edge =
        Edge::with_config(&configuration(&[&names], apps.port, &format!("{LOOPBACK}\naddress_family = \"ipv4\"")), &[]);
    wait_for_app(&edge, 2);
    assert!(!edge.log().contains(LIE), "{}", edge.log());
}

#[test]
fn a_name_leads_neither_to_this_machine_nor_to_its_metadata_unless_its_networks_are_named() {
    let apps = Apps::start(1);
    let names = NameServer::of(&["127.0.0.2", "169.254.169.254", "::1", "fe80::1", "0.0.0.0"]);
    let edge = Edge::with_config(&configuration(&[&names], apps.port, ""), &[]);
    edge.wait_for_log("event=unresolved name=app.internal state=down");
    for address in ["127.0.0.2", "169.254.169.254", "::1", "fe80::1", "0.0.0.0"] {
        edge.wait_for_log(&format!("event=address-refused name=app.internal address={address} "));
    }
    wait_for("the word on the name", || (served_by(&edge) == Err(503)).then_some(()));
    assert_eq!((apps.open(2), edge.counter("connect", "connected")), (0, 0));
    edge.reload(&configuration(&[&names], apps.port, LOOPBACK));
    wait_for_app(&edge, 2);
}

#[test]
fn a_name_server_that_changes_its_mind_cannot_lead_a_name_to_this_machine() {
    // The first answer is of another machine (RFC 5737), the next ones of this one.
    let apps = Apps::start(1);
    let names = NameServer::of(&["192.0.2.1"]);
    let edge = Edge::with_config(&configuration(&[&names], apps.port, "connect_seconds = 1"), &[]);
    edge.wait_for_log("event=resolved name=app.internal addresses=192.0.2.1");
    names.has(&["127.0.0.2"]);
    edge.wait_for_log("event=address-refused name=app.internal address=127.0.0.2");
    names.wait_for_question();
    assert!(matches!(served_by(&edge), Err(502..=504)));
    assert_eq!(apps.open(2), 0);
}

/// An address of this machine that is no loopback address, as long as the value lives.
struct OwnAddress(String);

impl OwnAddress {
    fn add() -> Self {
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = format!("198.18.{high}.{low}");
        let added = ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"]);
        assert!(added, "ip addr add");
        Self(address)
    }
}

impl Drop for OwnAddress {
    fn drop(&mut self) {
        ip(&["addr", "del", &format!("{}/32", self.0), "dev", "lo"]);
    }
}

fn ip(words: &[&str]) -> bool {
    std::process::Command::new("ip").args(words).status().is_ok_and(|status| status.success())
}

/// Opens the page of addresses as one who has taken fosse-resolve over.
fn page_of(edge: &Edge) -> AddressesPage {
    let of_start = std::fs::read_dir(format!("/proc/{}/fd", edge.pid())).unwrap().flatten();
    let is_page =
        |path: &PathBuf| std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:addresses"));
    let path = of_start.map(|entry| entry.path()).find(is_page).expect("the page of addresses");
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    AddressesPage::new(Page::map(&file).unwrap()).unwrap()
}

#[test]
fn who_has_taken_the_names_over_cannot_have_requests_sent_to_this_machine() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let own = OwnAddress::add();
    let app = std::net::TcpListener::bind((own.0.as_str(), 0)).unwrap();
    app.set_nonblocking(true).unwrap();
    let port = app.local_addr().unwrap().port();
    // The name server says it, and fosse-resolve refuses it.
    let names = NameServer::of(&[&own.0]);
    let edge = Edge::with_config(&configuration(&[&names], port, "connect_seconds = 1"), &[]);
    edge.wait_for_log(&format!("event=address-refused name=app.internal address={} ", own.0));
    edge.wait_for_log("event=unresolved name=app.internal");
    // fosse-resolve says it, and fosse-connect refuses it: from here on nothing else writes there.
    edge.process("resolve").signal(rustix::process::Signal::STOP);
    let page = page_of(&edge);
    let lies = ["127.0.0.1", "169.254.169.254", &own.0];
    for (lie, failures) in lies.iter().zip(1..) {
        let octets = lie.parse::<std::net::Ipv4Addr>().unwrap().to_ipv6_mapped().octets();
        wait_for("the lie", || {
            // The one that takes its place says otherwise.
            page.set(0, true, Some(octets));
            let is_served = served_by(&edge).is_ok();
            (edge.counter("connect", "failed") >= failures || is_served).then_some(())
        });
        assert!(matches!(served_by(&edge), Err(502..=504)), "{lie}");
    }
    assert_eq!(edge.counter("connect", "connected"), 0);
    // A handshake is the kernel's; no byte of a request has come.
    while let Ok((mut stream, _)) = app.accept() {
        stream.set_nonblocking(false).unwrap();
        assert_eq!(std::io::Read::read(&mut stream, &mut [0; 16]).unwrap_or(0), 0);
    }
}
