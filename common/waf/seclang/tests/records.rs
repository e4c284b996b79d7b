//! Persistent records: when they are loaded and waited for, what rules see of them, what is saved.

mod rules;

use fosse_seclang::{
    Arena, Change, Collection, Environment, Field, Load, Now, Outcome, Record, RecordAddress, Ruleset, Schedule,
    Scratch, Store, Transaction,
};
use rules::compile;

/// A store whose replies are late: the requests it got, and the changes.
#[derive(Default)]
struct Late {
    asked: Vec<Named>,
    saved: Vec<(Named, Changes, u32)>,
}

/// Names and what became of them, in order.
type Changes = Vec<(Vec<u8>, Change)>;

/// A record's place, in words: collection, SecWebAppId, key.
type Named = (Collection, String, String);

fn named(place: RecordAddress<'_>) -> Named {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (place.collection, text(place.application), text(place.key))
}

impl Store for Late {
    fn load(&mut self, place: RecordAddress<'_>) -> Load {
        self.asked.push(named(place));
        Load::Later
    }

    fn save(&mut self, place: RecordAddress<'_>, changes: &[(Vec<u8>, Change)], timeout_seconds: u32) {
        self.saved.push((named(place), changes.to_vec(), timeout_seconds));
    }
}

/// A transaction of 192.0.2.7 at second 100.
fn of_address(rules: &Ruleset) -> Transaction<'_> {
    let mut transaction = Transaction::new(rules, Arena::default(), Now { seconds: 100, elapsed_micros: 0 });
    transaction.connection("192.0.2.7".parse().unwrap(), 1, "192.0.2.1".parse().unwrap(), 2);
    transaction.request_line(b"", b"GET", b"/", b"HTTP/1.1");
    transaction
}

#[test]
fn persistent_records_are_waited_for_changed_and_saved() {
    let rules = compile(
        "SecCollectionTimeout 600\n\
         SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.hits=+1,expirevar:ip.hits=60\"\n\
         SecRule IP:HITS \"@gt 2\" \"id:2,phase:1,deny,status:429,setvar:ip.blocked=1\"",
    );
    assert!(rules.keeps_records() && !compile("SecRule ARGS a \"id:1\"").keeps_records());
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, Late::default());
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = of_address(&rules);
    assert_eq!(transaction.phase1(&mut env), Outcome::Wait);
    assert_eq!(transaction.phase1(&mut env), Outcome::Wait, "asked again too early");
    let place = RecordAddress::new(Collection::Ip, b"default", b"192.0.2.7");
    assert_eq!(transaction.wanted().collect::<Vec<_>>(), [place]);
    let hits = Field { name: b"hits".to_vec(), value: b"2".to_vec(), expires: None };
    let gone = Field { name: b"blocked".to_vec(), value: b"1".to_vec(), expires: Some(99) };
    let record = Record { fields: vec![hits, gone], created: 1, updated: 2, updates: 3 };
    transaction.provide(Collection::Ip, record);
    assert_eq!(transaction.phase1(&mut env), Outcome::Deny { status: 429, rule: 2 });
    transaction.phase5(&mut env);
    let changes = vec![
        (b"hits".to_vec(), Change::Add(1)),
        (b"hits".to_vec(), Change::Expire(160)),
        (b"blocked".to_vec(), Change::Set(b"1".to_vec())),
    ];
    assert_eq!(store.asked, [named(place)], "once");
    assert_eq!(store.saved, [(named(place), changes, 600)]);
}

#[test]
fn a_record_is_asked_for_by_the_rule_that_looks_at_it_and_the_others_come_along() {
    let rules = compile(
        "SecWebAppId shop\n\
         SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},initcol:global=all,setsid:abc,setvar:ip.x=+1\"\n\
         SecAction \"id:2,phase:1,pass,nolog,initcol:resource=/\"\n\
         SecRule TX:never \"@eq 1\" \"id:3,phase:1,pass,chain\"\n  SecRule IP:x \"@ge 0\" \"\"\n\
         SecRule REQUEST_METHOD \"@streq PUT\" \"id:4,phase:1,pass,chain\"\n  SecRule IP:x \"@ge 0\" \"\"\n\
         SecRule &ARGS \"@ge %{global.least}\" \"id:5,phase:2,pass,msg:'%{session.name}'\"",
    );
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, Late::default());
    let mut transaction = of_address(&rules);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue, "no rule looks at one");
    assert_eq!(transaction.phase2(&mut env), Outcome::Wait);
    let all = [
        RecordAddress::new(Collection::Ip, b"", b"192.0.2.7"),
        RecordAddress::new(Collection::Global, b"", b"all"),
        RecordAddress::new(Collection::Session, b"shop", b"abc"),
    ];
    assert_eq!(transaction.wanted().collect::<Vec<_>>(), all);
    transaction.provide(Collection::Ip, Record::default());
    let name = Field { name: b"name".to_vec(), value: b"Ann".to_vec(), expires: None };
    transaction.provide(Collection::Session, Record { fields: vec![name], ..Record::default() });
    assert_eq!(transaction.phase2(&mut env), Outcome::Wait, "one is missing");
    transaction.provide(Collection::Global, Record::default());
    assert_eq!(transaction.phase2(&mut env), Outcome::Continue);
    assert_eq!(transaction.matches().last().unwrap().message(), b"Ann");
    assert_eq!(store.asked, all.map(named));
}

#[test]
fn an_empty_key_opens_nothing() {
    let rules = compile(
        "SecAction \"id:1,phase:1,pass,nolog,setsid:%{ARGS.none},setvar:session.x=+1\"\n\
         SecRule &SESSION \"@gt 0\" \"id:2,phase:1,pass\"\n\
         SecAction \"id:3,phase:1,pass,nolog,setsid:abc\"\n\
         SecRule SESSIONID \"@streq abc\" \"id:4,phase:1,pass\"",
    );
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, Late::default());
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = of_address(&rules);
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
    transaction.phase5(&mut env);
    assert_eq!(transaction.matches().map(|one| one.id()).collect::<Vec<_>>(), [4]);
    assert!(store.asked.is_empty() && store.saved.is_empty());
}

#[test]
fn a_record_says_what_it_is_and_rules_see_it() {
    let rules = compile(
        "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},deprecatevar:ip.score=10/5\"\n\
         SecRule IP:IS_NEW \"@eq 0\" \"id:2,phase:1,pass\"\n\
         SecRule IP:KEY \"@streq 192.0.2.7\" \"id:3,phase:1,pass\"\n\
         SecRule IP:CREATE_TIME \"@eq 40\" \"id:4,phase:1,pass\"\n\
         SecRule IP:LAST_UPDATE_TIME \"@eq 89\" \"id:5,phase:1,pass\"\n\
         SecRule IP:UPDATE_COUNTER \"@eq 3\" \"id:6,phase:1,pass\"\n\
         SecRule IP:UPDATE_RATE \"@eq 3\" \"id:7,phase:1,pass\"\n\
         SecRule IP:TIMEOUT \"@eq 3600\" \"id:8,phase:1,pass\"\n\
         SecRule IP:score \"@eq 5\" \"id:9,phase:1,pass\"",
    );
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, Late::default());
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = of_address(&rules);
    assert_eq!(transaction.phase1(&mut env), Outcome::Wait);
    let score = Field { name: b"score".to_vec(), value: b"25".to_vec(), expires: None };
    transaction.provide(Collection::Ip, Record { fields: vec![score], created: 40, updated: 89, updates: 3 });
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
    assert_eq!(transaction.matches().map(|one| one.id()).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9]);
}
