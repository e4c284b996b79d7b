//! One check for many requests, none for what was right, none lost with a session.

use std::os::fd::OwnedFd;

use fosse_wire::password::{FromPassword, split};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};

use super::*;

struct Service(OwnedFd);

impl Service {
    fn begin(logins: &mut Logins, event_loop: &EventLoop) -> (Self, Vec<Decided>) {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let lost = logins.begin(theirs, 7, event_loop);
        let service = Self(ours);
        service.say(FromPassword::Hello);
        (service, lost)
    }

    fn say(&self, message: FromPassword) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        send(&self.0, &bytes, SendFlags::empty()).unwrap();
    }

    /// Returns the tags and the names that it is asked about.
    fn asked(&self) -> Vec<(u32, String)> {
        let mut bytes = vec![0; 65_536];
        let length = recv(&self.0, &mut bytes[..], RecvFlags::DONTWAIT).map_or(0, |(length, _)| length);
        let (mut rest, mut all) = (&bytes[..length], Vec::new());
        while let Some((message, taken)) = split(rest).unwrap() {
            if let ToPassword::Check { tag, name, .. } = ToPassword::decode(message).unwrap() {
                all.push((tag, String::from_utf8(name.to_vec()).unwrap()));
            }
            rest = &rest[taken..];
        }
        all
    }
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials { name: name.into(), password: Zeroizing::new(password.into()) }
}

fn check(logins: &mut Logins, stream: u32, name: &str, password: &str) -> Digest {
    let credentials = credentials(name, password);
    let digest = logins.digest(0, &credentials);
    logins.check(StreamId::from_raw(stream), digest, (0, Source::LOCAL, &credentials));
    digest
}

fn ids(streams: &[u32]) -> Vec<StreamId> {
    streams.iter().map(|raw| StreamId::from_raw(*raw)).collect()
}

#[test]
fn requests_with_the_same_login_are_one_question_and_a_good_one_is_remembered() {
    let (mut logins, event_loop) = (Logins::default(), EventLoop::new().unwrap());
    let (service, lost) = Service::begin(&mut logins, &event_loop);
    assert!(lost.is_empty());
    let ann = check(&mut logins, 1, "ann", "a");
    check(&mut logins, 2, "ann", "a");
    let wrong = check(&mut logins, 3, "ann", "b");
    assert!(ann != wrong && !logins.is_remembered(&ann, 0));
    logins.flush(&event_loop);
    assert_eq!(service.asked(), [(0, "ann".to_owned()), (1, "ann".to_owned())]);
    service.say(FromPassword::Result { tag: 1, outcome: Outcome::Refused });
    service.say(FromPassword::Result { tag: 0, outcome: Outcome::Passed });
    service.say(FromPassword::Result { tag: 0, outcome: Outcome::Passed });
    let decided = logins.hear(&event_loop, 1000);
    assert_eq!(decided, [(ids(&[3]), Some(Outcome::Refused)), (ids(&[1, 2]), Some(Outcome::Passed))]);
    assert!(logins.is_remembered(&ann, 1000) && !logins.is_remembered(&wrong, 1000));
    assert!(logins.pending.is_empty());
    assert_ne!(ann, Logins::default().digest(0, &credentials("ann", "a")), "a secret of each process");
    assert_ne!(ann, logins.digest(1, &credentials("ann", "a")), "another list");
    assert_ne!(logins.digest(0, &credentials("a", "bc")), logins.digest(0, &credentials("ab", "c")));
}

#[test]
fn what_was_asked_is_lost_with_the_session_and_what_was_not_waits_for_the_next() {
    let (mut logins, event_loop) = (Logins::default(), EventLoop::new().unwrap());
    check(&mut logins, 1, "early", "a");
    let (service, _) = Service::begin(&mut logins, &event_loop);
    check(&mut logins, 2, "ann", "a");
    logins.flush(&event_loop);
    assert_eq!(service.asked(), [(0, "early".to_owned()), (1, "ann".to_owned())]);
    drop(service);
    let mut lost = logins.hear(&event_loop, 0);
    lost.extend(logins.hear(&event_loop, 0));
    let mut all: Vec<StreamId> = lost.iter().flat_map(|(streams, _)| streams.clone()).collect();
    all.sort_by_key(|id| id.raw());
    assert_eq!(all, ids(&[1, 2]));
    assert!(lost.iter().all(|(_, outcome)| outcome.is_none()));
    check(&mut logins, 3, "late", "a");
    let (service, lost) = Service::begin(&mut logins, &event_loop);
    logins.flush(&event_loop);
    assert_eq!((lost, service.asked()), (Vec::new(), vec![(2, "late".to_owned())]));
}

#[test]
fn a_request_that_waits_no_more_is_told_nothing() {
    let (mut logins, event_loop) = (Logins::default(), EventLoop::new().unwrap());
    let (service, _) = Service::begin(&mut logins, &event_loop);
    let digest = check(&mut logins, 1, "ann", "a");
    check(&mut logins, 2, "ann", "a");
    logins.forget(StreamId::from_raw(1), &digest);
    service.say(FromPassword::Result { tag: 0, outcome: Outcome::Passed });
    assert_eq!(logins.hear(&event_loop, 0), [(ids(&[2]), Some(Outcome::Passed))]);
    let digest = check(&mut logins, 3, "bob", "b");
    logins.forget(StreamId::from_raw(3), &digest);
    service.say(FromPassword::Result { tag: 1, outcome: Outcome::Passed });
    assert!(logins.hear(&event_loop, 0).is_empty() && logins.pending.is_empty());
    assert!(!logins.is_remembered(&digest, 0), "nobody asked any more");
}

#[test]
fn a_service_that_breaks_the_protocol_is_heard_no_more() {
    let (mut logins, event_loop) = (Logins::default(), EventLoop::new().unwrap());
    let (service, _) = Service::begin(&mut logins, &event_loop);
    check(&mut logins, 1, "ann", "a");
    service.say(FromPassword::Hello);
    service.say(FromPassword::Result { tag: 0, outcome: Outcome::Passed });
    assert_eq!(logins.hear(&event_loop, 0), [(ids(&[1]), None)]);
}
