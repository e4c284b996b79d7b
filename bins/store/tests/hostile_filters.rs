//! The store takes each filter for an attacker; what one does, the others do not notice.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use fosse_collections::{Change, Collection, Record, RecordAddress, VALUE_BYTES_MAX};
use fosse_counters::store as count;
use fosse_harness::{Session, Stage, wait_for};
use fosse_store::limits::{FILTERS_COUNT_MAX, RECORDS_BYTES_MAX};
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::store::{FromStore, ToStore, split};

/// A running fosse-store, locked down as in an edge.
fn store() -> Stage {
    let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-store")), None, Vec::new(), "");
    assert_eq!(stage.said(), ToStart::Ready);
    stage
}

/// A filter, which has not said a word.
fn filter(store: &Stage, lane: u32) -> Filter {
    Filter(Session::begin(store, ToChild::Records { lane }))
}

struct Filter(Session);

fn encoded(messages: &[ToStore<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    bytes
}

impl Filter {
    fn says(&mut self, messages: &[ToStore<'_>]) {
        self.0.send(&encoded(messages));
    }

    /// The next message but those that say whether anything is kept; `None` where the store has let
    /// go.
    fn hears(&mut self) -> Option<FromStore> {
        loop {
            match self.hears_all() {
                Some(FromStore::Kept { .. }) => {}
                other => return other,
            }
        }
    }

    fn hears_all(&mut self) -> Option<FromStore> {
        self.0.receive(split, FromStore::decode)
    }

    /// Greets, changes a record, asks for it: whether that works as it should.
    fn is_served(&mut self, key: &str) -> bool {
        let place = RecordAddress::new(Collection::Ip, b"", key.as_bytes());
        let save = ToStore::Save { place, timeout: 60, changes: vec![(b"x", Change::Add(1))] };
        self.says(&[ToStore::Hello, save, ToStore::Load { tag: 5, place }]);
        self.hears() == Some(FromStore::Hello)
            && matches!(self.hears(), Some(FromStore::Record { tag: 5, record: Record { updates: 1, .. } }))
    }
}

#[test]
fn a_filter_that_breaks_the_protocol_is_let_go_and_the_others_are_served() {
    let store = store();
    let mut good = filter(&store, 0);
    assert!(good.is_served("before"));
    let place = RecordAddress::new(Collection::Ip, b"", b"k");
    let mut early = Vec::new();
    ToStore::Load { tag: 1, place }.encode(&mut early).unwrap();
    let mut hello = Vec::new();
    ToStore::Hello.encode(&mut hello).unwrap();
    let cases: [Vec<u8>; 5] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 100],
        early.clone(),
        [hello.clone(), hello.clone()].concat(),
        [hello.clone(), 6u32.to_le_bytes().to_vec(), vec![99, 0, 0, 0, 0, 0]].concat(),
    ];
    for (number, case) in cases.iter().enumerate() {
        let mut bad = filter(&store, 1);
        bad.0.stream.write_all(case).unwrap();
        while bad.hears().is_some() {}
        wait_for("the count", || (store.count(count::BROKEN) == number as u64 + 1).then_some(()));
    }
    store.wait_for_log("event=filter-broke lane=1");
    let place = RecordAddress::new(Collection::Ip, b"", b"before");
    good.says(&[ToStore::Load { tag: 7, place }]);
    assert!(matches!(good.hears(), Some(FromStore::Record { tag: 7, record: Record { updates: 1, .. } })));
    // One that is gone in the middle of a message has broken nothing.
    let mut gone = filter(&store, 2);
    gone.0.stream.write_all(&[hello, early[..7].to_vec()].concat()).unwrap();
    drop(gone);
    wait_for("its end", || (store.count(count::FILTERS) == 1).then_some(()));
    assert_eq!(store.count(count::BROKEN), cases.len() as u64);
}

#[test]
fn all_filters_hear_of_the_first_record_and_of_the_last() {
    let store = store();
    let (mut one, mut other) = (filter(&store, 0), filter(&store, 1));
    let kept = |some, saves| Some(FromStore::Kept { some, saves });
    for filter in [&mut one, &mut other] {
        filter.says(&[ToStore::Hello]);
        assert_eq!((filter.hears_all(), filter.hears_all()), (Some(FromStore::Hello), kept(false, 0)));
    }
    let place = RecordAddress::new(Collection::Ip, b"", b"k");
    one.says(&[ToStore::Save { place, timeout: 1, changes: vec![(b"x", Change::Add(1))] }]);
    assert_eq!((one.hears_all(), other.hears_all()), (kept(true, 1), kept(true, 0)));
    // Its time is over a second later.
    assert_eq!((one.hears_all(), other.hears_all()), (kept(false, 1), kept(false, 0)));
}

#[test]
fn a_filter_that_does_not_read_holds_up_nobody() {
    let store = store();
    let mut deaf = filter(&store, 0);
    let place = RecordAddress::new(Collection::Ip, b"", b"large");
    let value = Change::Set(vec![b'v'; VALUE_BYTES_MAX]);
    let changes = [&b"a"[..], b"b", b"c", b"d", b"e"].map(|name| (name, value.clone())).to_vec();
    deaf.says(&[ToStore::Hello, ToStore::Save { place, timeout: 60, changes }]);
    let asked = 3000u32;
    let mut stream = deaf.0.stream.try_clone().unwrap();
    let asks = std::thread::spawn(move || {
        (0..asked).for_each(|tag| stream.write_all(&encoded(&[ToStore::Load { tag, place }])).unwrap());
    });
    // It is at its limit: some of its loads are replied to, the rest waits.
    wait_for("replies", || (store.count(count::LOADS) > 10).then_some(()));
    for lane in 1..20 {
        assert!(filter(&store, lane).is_served(&lane.to_string()));
    }
    assert!(store.count(count::LOADS) < u64::from(asked));
    assert_eq!(deaf.hears(), Some(FromStore::Hello));
    for expected in 0..asked {
        assert!(matches!(deaf.hears(), Some(FromStore::Record { tag, .. }) if tag == expected), "{expected}");
    }
    asks.join().unwrap();
}

#[test]
fn more_filters_than_there_can_be_are_refused() {
    let store = store();
    let most = u32::try_from(FILTERS_COUNT_MAX).unwrap();
    let mut all: Vec<Filter> = (0..most).map(|lane| filter(&store, lane)).collect();
    wait_for("all of them", || (store.count(count::FILTERS) == u64::from(most)).then_some(()));
    assert_eq!(filter(&store, most).hears(), None);
    store.wait_for_log(&format!("event=too-many-filters lane={most}"));
    assert!(all.last_mut().unwrap().is_served("last"));
    all.pop();
    wait_for("room", || (store.count(count::FILTERS) == u64::from(most) - 1).then_some(()));
    assert!(filter(&store, most).is_served("next"));
}

#[test]
fn memory_that_is_used_up_costs_the_oldest_records_and_is_said_once() {
    let store = store();
    let mut filter = filter(&store, 0);
    filter.0.stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    filter.says(&[ToStore::Hello]);
    assert!(filter.hears().is_some());
    let value = Change::Set(vec![b'v'; VALUE_BYTES_MAX]);
    let changes = [&b"a"[..], b"b", b"c", b"d", b"e", b"f", b"g"].map(|name| (name, value.clone())).to_vec();
    let more = RECORDS_BYTES_MAX / VALUE_BYTES_MAX / 7 + 100;
    for number in 0..more {
        let key = number.to_string();
        let place = RecordAddress::new(Collection::Session, b"app", key.as_bytes());
        filter.says(&[ToStore::Save { place, timeout: 600, changes: changes.clone() }]);
    }
    let mut of = |key: String| {
        let place = RecordAddress::new(Collection::Session, b"app", key.as_bytes());
        filter.says(&[ToStore::Load { tag: 1, place }]);
        matches!(filter.hears(), Some(FromStore::Record { record, .. }) if record.updates == 1)
    };
    assert!(!of("0".into()) && of((more - 1).to_string()));
    store.wait_for_log("event=records-full");
    assert!(store.count(count::EVICTED) > 100);
    let bytes = usize::try_from(store.count(count::BYTES)).unwrap();
    assert!(bytes <= RECORDS_BYTES_MAX && bytes > RECORDS_BYTES_MAX / 2, "{bytes}");
}
