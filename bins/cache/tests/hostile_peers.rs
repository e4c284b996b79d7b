//! The cache takes each lane, and the dispatch that asks for it, for attackers: what one does, the
//! others do not notice.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use fosse_arena::Reader;
use fosse_counters::cache as count;
use fosse_harness::{Session, Stage, wait_for};
use fosse_settings::Cache as Settings;
use fosse_stage::Input;
use fosse_sys::page::PageReader;
use fosse_wire::{
    Kind, PROTOCOL,
    cache::{FromCache, LeaveCause, PassCause, Terms, ToCache, Way, split},
    fields::Fields,
    purge::{By, Purge},
    request::{BodyLength, RequestHead},
    response::ResponseHead,
    start::{LANE_NONE, ToChild, ToStart},
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

const RESPONSE_BYTES_MAX: u64 = 100_000;

/// A running fosse-cache, locked down as in an edge, and its dispatch, which is the test.
struct Target {
    stage: Stage,
    asked: Input,
    responds: UnixStream,
    memory: OwnedFd,
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
}

impl Target {
    fn start() -> Self {
        Self::with_memory(fosse_sys::memfd::page("memory", 8 << 20).unwrap())
    }

    fn with_memory(memory: OwnedFd) -> Self {
        let ((asked, asks), (responds, responses)) = (pair(), pair());
        let settings = Settings { configuration: 7, cached_response_bytes_max: RESPONSE_BYTES_MAX };
        let blob = fosse_wire::blob::encode(&settings).unwrap();
        let fds = vec![(0, responses), (1, asks), (8, memory.try_clone().unwrap())];
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-cache")), Some(&blob), fds, "");
        assert_eq!(stage.said(), ToStart::Ready);
        let mut target = Self { stage, asked: Input::new(asked), responds: responds.into(), memory };
        target.says(&raw(0, Kind::Hello as u8, &[PROTOCOL.to_le_bytes(), [0, 0], [0, 1]].concat()));
        target
    }

    fn says(&mut self, bytes: &[u8]) {
        // One that has let go takes nothing any more.
        let _ = self.responds.write_all(bytes);
    }

    fn peer(&self, lane: u32) -> Peer {
        Peer(Session::begin(&self.stage, ToChild::Cache { lane }))
    }

    /// Returns the stream of the next request.
    fn request(&mut self) -> u32 {
        wait_for("a request", || {
            let _ = self.asked.read();
            while let Some(frame) = self.asked.next_frame().unwrap() {
                if frame.kind == Kind::Request {
                    return Some(frame.stream.raw());
                }
            }
            None
        })
    }

    /// Has a lane ask for something and keeps it. Returns whether that works as it should.
    fn serves(&mut self, path: &str) -> bool {
        let mut lane = self.peer(0);
        lane.says(&[ToCache::Hello, ask(1, &key(path))]);
        let stream = self.request();
        self.says(&whole(stream, b"kept"));
        lane.hears() == Some(FromCache::Hello) && matches!(lane.hears(), Some(FromCache::Found { tag: 1, .. }))
    }
}

/// A lane, or fosse-status.
struct Peer(Session);

impl Peer {
    fn says(&mut self, messages: &[ToCache<'_>]) {
        self.0.send(&encoded(messages));
    }

    /// Returns the next message; `None` where the cache has let go.
    fn hears(&mut self) -> Option<FromCache> {
        self.0.receive(split, FromCache::decode)
    }
}

fn encoded(messages: &[ToCache<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    bytes
}

fn key(path: &str) -> Vec<u8> {
    let mut key = Vec::new();
    fosse_wire::cache::key::begin(&mut key, 7);
    let head = RequestHead { method: b"GET", host: b"a.example", target: path.as_bytes(), ..RequestHead::default() };
    head.encode(&mut key).unwrap();
    key
}

fn ask(tag: u32, key: &[u8]) -> ToCache<'_> {
    ask_by((false, Way::Cache), tag, key)
}

/// As [`ask`], of a lane that may lead.
fn leading(tag: u32, key: &[u8]) -> ToCache<'_> {
    ask_by((false, Way::Lane), tag, key)
}

fn ask_by((validate, way): (bool, Way), tag: u32, key: &[u8]) -> ToCache<'_> {
    let terms = Terms { silent_seconds: 600, ..Terms::default() };
    let fields = Fields::default();
    let (wide, source, configuration, site, policy) = (false, 1, 7, 0, 0);
    ToCache::Ask { tag, validate, way, terms, wide, source, configuration, site, policy, key, fields }
}

fn frame(stream: u32, kind: Kind, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    body(&mut out);
    raw(stream, kind as u8, &out)
}

fn raw(stream: u32, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 5).unwrap();
    [&length.to_le_bytes()[..], &stream.to_le_bytes(), &[kind], body].concat()
}

fn head(stream: u32, change: impl FnOnce(&mut ResponseHead<'_>)) -> Vec<u8> {
    let mut head = ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() };
    change(&mut head);
    frame(stream, Kind::Response, |out| head.encode(out).unwrap())
}

fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    raw(stream, Kind::ResponseData as u8, bytes)
}

fn end(stream: u32) -> Vec<u8> {
    raw(stream, Kind::ResponseEnd as u8, &[0; 10])
}

fn whole(stream: u32, body: &[u8]) -> Vec<u8> {
    [head(stream, |_| {}), data(stream, body), end(stream)].concat()
}

#[test]
fn a_peer_that_breaks_the_protocol_is_let_go_and_the_others_are_served() {
    let mut target = Target::start();
    assert!(target.serves("/before"));
    let (one, everything) = (key("/x"), Purge { by: By::All, host: b"", port: 0, text: b"" });
    let purge = ToCache::Purge { tag: 1, purge: everything };
    let too_many: Vec<ToCache<'_>> = [ToCache::Hello].into_iter().chain((0..300).map(|_| purge)).collect();
    let hello = encoded(&[ToCache::Hello]);
    let all = |tag| ToCache::Forget { tag, key: &[] };
    let cases: [(u32, Vec<u8>); 13] = [
        (1, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (1, vec![0xff; 100]),
        (1, encoded(&[ask(1, &one)])),
        (1, encoded(&[ToCache::Hello, ToCache::Hello])),
        (1, [hello.clone(), 6_u32.to_le_bytes().to_vec(), vec![99, 0, 0, 0, 0, 0]].concat()),
        (1, [hello.clone(), 4_u32.to_le_bytes().to_vec(), vec![3, 0, 0, 0]].concat()),
        (1, encoded(&[ToCache::Hello, all(1), all(2)])),
        (1, [hello.clone(), u32::MAX.to_le_bytes().to_vec()].concat()),
        (1, encoded(&[ToCache::Hello, purge])),
        (LANE_NONE, encoded(&[ToCache::Hello, ask(1, &one)])),
        (LANE_NONE, encoded(&[ToCache::Hello, ToCache::Forget { tag: 1, key: &one }])),
        (LANE_NONE, encoded(&[purge])),
        (LANE_NONE, encoded(&too_many)),
    ];
    for (number, (lane, case)) in cases.iter().enumerate() {
        let mut bad = target.peer(*lane);
        bad.0.stream.write_all(case).unwrap();
        while bad.hears().is_some() {}
        target.stage.wait_for_count(count::BROKEN, number as u64 + 1);
    }
    target.stage.wait_for_log("event=lane-broke lane=1");
    assert!(target.serves("/after"));
}

#[test]
fn what_a_lane_asks_for_that_is_no_request_passes_and_hurts_nobody() {
    let mut target = Target::start();
    let mut lane = target.peer(1);
    lane.says(&[ToCache::Hello]);
    assert_eq!(lane.hears(), Some(FromCache::Hello));
    for key in [&b"x"[..], &[0; 8], &[0xff; 100], &[7; 80 * 1024]] {
        lane.says(&[ask(9, key)]);
        assert_eq!(lane.hears(), Some(FromCache::Pass { tag: 9, cause: PassCause::Full }), "{} bytes", key.len());
        lane.says(&[ToCache::Forget { tag: 3, key }]);
        assert_eq!(lane.hears(), Some(FromCache::Forgotten { tag: 3 }));
    }
    assert_eq!(target.stage.count(count::BROKEN), 0);
    assert!(target.serves("/after"));
}

#[test]
fn a_lane_that_does_not_know_what_has_changed_has_everything_forgotten() {
    let mut target = Target::start();
    assert!(target.serves("/kept"));
    let mut lane = target.peer(1);
    lane.says(&[ToCache::Hello, ask(1, &key("/kept"))]);
    assert_eq!(lane.hears(), Some(FromCache::Hello));
    assert!(matches!(lane.hears(), Some(FromCache::Found { tag: 1, .. })));
    lane.says(&[ToCache::Forget { tag: 2, key: &[] }]);
    assert_eq!(lane.hears(), Some(FromCache::Forgotten { tag: 2 }));
    assert!(target.serves("/kept"), "it is asked for again");
    // Once that is done it may be said again.
    lane.says(&[ToCache::Forget { tag: 3, key: &[] }]);
    assert_eq!(lane.hears(), Some(FromCache::Forgotten { tag: 3 }));
}

#[test]
fn a_lane_that_does_not_read_holds_up_nobody() {
    let mut target = Target::start();
    assert!(target.serves("/kept"));
    let mut deaf = target.peer(1);
    deaf.says(&[ToCache::Hello]);
    let mut stream = deaf.0.stream.try_clone().unwrap();
    let asks = std::thread::spawn(move || {
        let kept = key("/kept");
        // Until it is let go it cannot write more than the sockets hold.
        (1..200_000)
            .take_while(|tag| {
                let mut bytes = Vec::new();
                ask(*tag, &kept).encode(&mut bytes).unwrap();
                stream.write_all(&bytes).is_ok()
            })
            .count()
    });
    for n in 0..10 {
        assert!(target.serves(&format!("/{n}")));
    }
    deaf.0.stream.shutdown(std::net::Shutdown::Both).unwrap();
    asks.join().unwrap();
    assert!(target.serves("/last"));
}

#[test]
fn a_dispatch_that_says_what_no_fill_has_ends_the_cache_and_nothing_of_it_is_kept() {
    type Attack = fn(u32) -> Vec<u8>;
    let attacks: [(&str, Attack); 9] = [
        ("data before a head and an end of another", |id| [data(id, b"x"), end(id + 1)].concat()),
        ("two heads", |id| [head(id, |_| {}), head(id, |_| {})].concat()),
        ("a lease", |id| head(id, |head| head.lease = true)),
        ("an upgrade", |id| head(id, |head| (head.upgrade, head.lease, head.status) = (true, true, 101))),
        ("encode", |id| raw(id, Kind::Encode as u8, &[0; 60])),
        ("a request", |id| raw(id, Kind::Request as u8, &[0; 60])),
        ("no kind", |id| raw(id, 200, b"")),
        ("an end that is none", |id| [head(id, |_| {}), raw(id, Kind::ResponseEnd as u8, &[0; 3])].concat()),
        ("no frame", |_| vec![0xff; 100]),
    ];
    for (name, attack) in attacks {
        let mut target = Target::start();
        let mut lane = target.peer(0);
        lane.says(&[ToCache::Hello, ask(1, &key("/x"))]);
        let stream = target.request();
        target.says(&attack(stream));
        while let Some(message) = lane.hears() {
            assert!(!matches!(message, FromCache::Found { .. }), "{name}");
        }
        assert_eq!(target.stage.exit().code(), Some(111), "{name}: {}", target.stage.log());
        // The next one has nothing of it.
        let mut next = Target::with_memory(target.memory);
        assert!(next.serves("/x"), "{name}: it is asked for again");
    }
}

#[test]
fn a_response_that_is_longer_than_it_may_be_is_given_up() {
    let mut target = Target::start();
    let mut lane = target.peer(0);
    lane.says(&[ToCache::Hello, ask(1, &key("/long"))]);
    let stream = target.request();
    target.says(&head(stream, |_| {}));
    let piece = vec![b'x'; 16 * 1024];
    (0..8).for_each(|_| target.says(&data(stream, &piece)));
    assert_eq!(lane.hears(), Some(FromCache::Hello));
    assert_eq!(lane.hears(), Some(FromCache::Pass { tag: 1, cause: PassCause::Full }));
    target.says(&end(stream));
    assert!(target.serves("/after"));
}

#[test]
fn a_memory_that_is_damaged_is_emptied_and_a_purge_goes_on_to_its_end() {
    let memory = fosse_sys::memfd::page("memory", 8 << 20).unwrap();
    let page = fosse_sys::page::Page::map_of(&memory, 8 << 20).unwrap();
    for (at, word) in page.words().iter().enumerate() {
        let noise = u64::try_from(at).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word.store(noise, std::sync::atomic::Ordering::Relaxed);
    }
    let mut target = Target::with_memory(memory);
    (0..5).for_each(|n| assert!(target.serves(&format!("/{n}"))));
    let mut status = target.peer(LANE_NONE);
    let purge = |by, text| Purge { by, host: b"a.example", port: 0, text };
    status.says(&[
        ToCache::Hello,
        ToCache::Purge { tag: 1, purge: purge(By::Target, &b"/1"[..]) },
        ToCache::Purge { tag: 2, purge: purge(By::Prefix, b"/") },
        ToCache::Purge { tag: 3, purge: purge(By::All, b"") },
    ]);
    assert_eq!(status.hears(), Some(FromCache::Hello));
    for (tag, responses) in [(1, 1), (2, 4), (3, 0)] {
        assert_eq!(status.hears(), Some(FromCache::Purged { tag, responses, is_partial: false }));
    }
    assert!(target.serves("/1"));
}

/// A head, a part of a body and its end, of the request of that tag.
fn led(tag: u32, bytes: &[u8]) -> [ToCache<'_>; 3] {
    let head = ToCache::Head { tag, delay_ms: 0, status: 200, key: b"", fields: Fields::default() };
    [head, ToCache::Data { tag, bytes }, ToCache::End { tag }]
}

#[test]
fn a_lane_that_leads_keeps_what_it_was_told_to_lead_for_and_nothing_else() {
    let target = Target::start();
    let (mut leader, mut other) = (target.peer(0), target.peer(1));
    leader.says(&[ToCache::Hello, leading(1, &key("/a"))]);
    assert_eq!(leader.hears(), Some(FromCache::Hello));
    assert!(matches!(leader.hears(), Some(FromCache::Lead { tag: 1, bytes_max: RESPONSE_BYTES_MAX, confirms: None })));
    other.says(&[ToCache::Hello, leading(1, &key("/a"))]);
    assert_eq!(other.hears(), Some(FromCache::Hello));
    // Neither for a tag of another lane, nor for one that it never had, nor without a head, nor
    // twice.
    other.says(&led(1, b"evil"));
    other.says(&led(7, b"evil"));
    leader.says(&[ToCache::Data { tag: 1, bytes: b"evil" }]);
    leader.says(&led(1, b"kept"));
    leader.says(&led(1, b"evil"));
    let Some(FromCache::Found { tag: 1, place, hash, collapsed: true, .. }) = other.hears() else { panic!() };
    let (reader, mut record) = (Reader::new(PageReader::map(&target.memory).unwrap()), Vec::new());
    assert!(reader.read(place, hash, &mut record) && record.ends_with(b"kept"));
    assert_eq!(reader.find(hash, &mut record), Some(place));
}

/// The key of the variant of a path for requests with this language.
fn variant(path: &str, language: &str) -> Vec<u8> {
    let mut key = key(path);
    fosse_wire::cache::key::vary(&mut key, [(&b"accept-language"[..], language.as_bytes())]).unwrap();
    key
}

#[test]
fn a_lane_that_leads_has_no_variant_kept_but_of_what_it_was_told_to_lead_for() {
    let target = Target::start();
    for evil in [key("/b"), variant("/b", "de"), b"none".to_vec(), [variant("/a", "de"), vec![0]].concat()] {
        let (mut leader, mut other) = (target.peer(0), target.peer(1));
        let keys = [key("/a"), key("/b"), variant("/b", "de")];
        leader.says(&[ToCache::Hello, leading(1, &keys[0])]);
        assert_eq!(leader.hears(), Some(FromCache::Hello));
        assert!(matches!(leader.hears(), Some(FromCache::Lead { tag: 1, .. })));
        let head = ToCache::Head { tag: 1, delay_ms: 0, status: 200, key: &evil, fields: Fields::default() };
        // In one piece: it is let go of after the first.
        leader.says(&[&[head], &led(1, b"evil")[1..]].concat());
        assert_eq!(leader.hears(), None, "it is broken");
        other.says(&[ToCache::Hello]);
        assert_eq!(other.hears(), Some(FromCache::Hello));
        for (tag, key) in (1..).zip(&keys) {
            other.says(&[leading(tag, key)]);
            assert!(matches!(other.hears(), Some(FromCache::Lead { tag: told, .. }) if told == tag));
            other.says(&[ToCache::Leave { tag, cause: LeaveCause::Failed }]);
        }
    }
}

#[test]
fn who_waits_for_what_turns_out_to_vary_is_told_by_what_and_the_variant_is_kept() {
    let target = Target::start();
    let (mut leader, mut other) = (target.peer(0), target.peer(1));
    leader.says(&[ToCache::Hello, leading(1, &key("/a"))]);
    assert_eq!(leader.hears(), Some(FromCache::Hello));
    assert!(matches!(leader.hears(), Some(FromCache::Lead { tag: 1, .. })));
    other.says(&[ToCache::Hello, leading(1, &key("/a"))]);
    assert_eq!(other.hears(), Some(FromCache::Hello));
    let mut list = Vec::new();
    fosse_wire::fields::put(&mut list, [(&b"Vary"[..], &b"Accept-Language"[..])]).unwrap();
    let fields = Fields::decode(&mut fosse_wire::cursor::Cursor::new(&list)).unwrap();
    let german = variant("/a", "de");
    leader.says(&[ToCache::Head { tag: 1, delay_ms: 0, status: 200, key: &german, fields }]);
    let (reader, mut record) = (Reader::new(PageReader::map(&target.memory).unwrap()), Vec::new());
    let Some(FromCache::Found { tag: 1, place, hash, .. }) = other.hears() else { panic!() };
    assert!(reader.read(place, hash, &mut record));
    let marker = fosse_caching::Stored::decode(&record).unwrap();
    assert!(marker.is_marker() && marker.key == key("/a") && marker.vary == b"accept-language,");
    other.says(&[leading(2, &german)]);
    leader.says(&led(1, b"kept")[1..]);
    let Some(FromCache::Found { tag: 2, place, hash, .. }) = other.hears() else { panic!() };
    assert!(reader.read(place, hash, &mut record) && record.ends_with(b"kept"));
    // Who knows the marker and wants what it stands for leads, and what comes is beside the other.
    other.says(&[leading(3, &key("/a"))]);
    assert!(matches!(other.hears(), Some(FromCache::Found { tag: 3, .. })));
    other.says(&[ask_by((true, Way::Lane), 4, &key("/a"))]);
    assert!(matches!(other.hears(), Some(FromCache::Lead { tag: 4, .. })));
    other.says(&led(4, b"base"));
    leader.says(&[leading(5, &german), leading(6, &key("/a"))]);
    for tag in [5, 6] {
        let Some(FromCache::Found { tag: told, place, hash, .. }) = leader.hears() else { panic!() };
        assert!(told == tag && reader.read(place, hash, &mut record));
        assert!(record.ends_with(if tag == 5 { b"kept" } else { b"base" }));
    }
    let base = fosse_caching::Stored::decode(&record).unwrap();
    assert_eq!((base.vary, base.status), (&b"accept-language,"[..], 200));
}

#[test]
fn where_a_lane_that_leads_ends_or_lies_the_next_one_leads() {
    let target = Target::start();
    let mut leaders: Vec<Peer> = (0..4).map(|lane| target.peer(lane)).collect();
    for leader in &mut leaders {
        leader.says(&[ToCache::Hello, leading(9, &key("/a"))]);
        assert_eq!(leader.hears(), Some(FromCache::Hello));
    }
    let is_told = |leader: &mut Peer| matches!(leader.hears(), Some(FromCache::Lead { tag: 9, .. }));
    let mut leaders = leaders.into_iter();
    let mut gone = leaders.next().unwrap();
    assert!(is_told(&mut gone));
    drop(gone);
    let mut broken = leaders.next().unwrap();
    assert!(is_told(&mut broken));
    broken.says(&[ToCache::Leave { tag: 9, cause: LeaveCause::Own }, ToCache::Hello]);
    let mut long = leaders.next().unwrap();
    assert!(is_told(&mut long));
    let too_long = vec![0; 60_000];
    let head = ToCache::Head { tag: 9, delay_ms: 0, status: 200, key: b"", fields: Fields::default() };
    let data = ToCache::Data { tag: 9, bytes: &too_long };
    long.says(&[head, data, data]);
    assert_eq!(long.hears(), Some(FromCache::Enough { tag: 9 }));
    let mut last = leaders.next().unwrap();
    assert_eq!(last.hears(), Some(FromCache::Pass { tag: 9, cause: PassCause::Full }));
}

#[test]
fn a_lane_hears_that_it_is_enough_when_what_it_leads_has_changed_or_is_purged() {
    let target = Target::start();
    let (mut leader, mut waiter, mut status) = (target.peer(0), target.peer(1), target.peer(LANE_NONE));
    leader.says(&[ToCache::Hello]);
    waiter.says(&[ToCache::Hello]);
    status.says(&[ToCache::Hello]);
    for peer in [&mut leader, &mut waiter, &mut status] {
        assert_eq!(peer.hears(), Some(FromCache::Hello));
    }
    let everything = Purge { by: By::All, host: b"", port: 0, text: b"" };
    let (changed, all) = (key("/a"), ToCache::Purge { tag: 7, purge: everything });
    for (tag, end) in
        [(1, ToCache::Forget { tag: 7, key: &changed }), (2, ToCache::Forget { tag: 7, key: &[] }), (3, all)]
    {
        leader.says(&[leading(tag, &changed)]);
        assert!(matches!(leader.hears(), Some(FromCache::Lead { tag: led, .. }) if led == tag));
        leader.says(&led(tag, b"part")[..2]);
        waiter.says(&[leading(tag, &changed)]);
        // It waits by the time that it has a reply to something that comes after.
        waiter.says(&[ToCache::Forget { tag: 9, key: &key("/other") }]);
        assert_eq!(waiter.hears(), Some(FromCache::Forgotten { tag: 9 }));
        let peer = if tag == 3 { &mut status } else { &mut leader };
        peer.says(&[end]);
        let is_told = |reply| matches!(reply, Some(FromCache::Enough { tag: led }) if led == tag);
        let is_done = |reply| matches!(reply, Some(FromCache::Forgotten { tag: 7 } | FromCache::Purged { tag: 7, .. }));
        match tag {
            3 => assert!(is_told(leader.hears()) && is_done(status.hears())),
            _ => assert!(is_told(leader.hears()) && is_done(leader.hears())),
        }
        assert_eq!(waiter.hears(), Some(FromCache::Pass { tag, cause: PassCause::NotKept }));
        // What it has sent meanwhile is of nothing.
        leader.says(&[led(tag, b"rest")[1], ToCache::End { tag }]);
    }
    assert_eq!(target.stage.count(count::KEPT), 0);
}
