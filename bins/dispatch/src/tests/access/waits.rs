//! What comes while a request waits for access: its body, its client's end, a verdict.

use super::*;

#[test]
fn a_body_gets_no_more_credit_than_it_began_with_before_access_and_goes_on_then() {
    for (body, framing) in [(BodyLength::Exact(20_000), "Content-Length: 20000"), (BodyLength::Chunked, "chunked")] {
        let mut fixture = guarded();
        fixture.send(id(0), &RequestHead { body, ..post() });
        fixture.to.outbox.data(id(0), Kind::RequestData, &[b'x'; 16_384]);
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        for _ in 0..4 {
            fixture.turn();
        }
        assert_eq!(fixture.granted(id(0)), 0);
        fixture.says(&auth, PASS);
        if body == BodyLength::Chunked {
            assert_eq!(fixture.wanted(), None, "its length is awaited");
            assert_eq!(fixture.limit(id(0)).map(|(limit, _)| limit), Some(Limit::Pause));
            fixture.end_overdue(id(0));
            fixture.turn();
        }
        let (app, request) = fixture.asked_by(APP);
        assert!(request.contains(framing) && request.contains("\r\nX-User: ann\r\n"), "{request}");
        let body = request.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(body.matches('x').count(), 16_384, "a body is sent once");
        assert!(fixture.granted(id(0)) >= 16_384);
        drop(app);
    }
}

#[test]
fn a_chunked_body_that_ends_before_access_goes_on_with_its_length() {
    let mut fixture = guarded();
    fixture.send(id(0), &RequestHead { body: BodyLength::Chunked, ..post() });
    fixture.to.outbox.data(id(0), Kind::RequestData, b"hello");
    fixture.end(id(0));
    fixture.turn();
    let (auth, _) = fixture.asked_by(AUTH);
    fixture.says(&auth, PASS);
    let (_app, request) = fixture.asked_by(APP);
    assert!(request.contains("\r\nContent-Length: 5\r\n"), "{request}");
    assert!(request.contains("\r\nX-User: ann\r\n") && request.ends_with("\r\n\r\nhello"), "{request}");
}

#[test]
fn a_client_that_waits_for_100_hears_it_from_nobody_before_access() {
    let expecting = RequestHead { expect_continue: true, body: BodyLength::Exact(5), ..post() };
    for said in [PASS, DENY] {
        let mut fixture = guarded();
        fixture.send(id(0), &expecting);
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        fixture.turn();
        assert_eq!(fixture.statuses(id(0)), []);
        fixture.says(&auth, said);
        if said == DENY {
            assert_eq!(fixture.statuses(id(0)), [302]);
            continue;
        }
        let (app, request) = fixture.asked_by(APP);
        assert!(request.contains("Expect: 100-continue"), "{request}");
        fixture.says(&app, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(fixture.statuses(id(0)), [100]);
    }
}

#[test]
fn a_client_that_goes_takes_its_question_along() {
    for connects in [false, true] {
        let mut fixture = guarded();
        fixture.send(id(0), &RequestHead { body: BodyLength::Exact(5), ..post() });
        fixture.turn();
        let auth = connects.then(|| fixture.connected_to(AUTH));
        fixture.to.outbox.reset(id(0), ResetReason::Client);
        fixture.turn();
        assert_eq!(fixture.server.streams.len(), 0);
        if let Some(auth) = auth {
            heard(&auth);
            assert_eq!(recv(&auth, &mut [0; 1][..], RecvFlags::DONTWAIT).unwrap().0, 0, "the connection is closed");
        } else {
            drop(fixture.connected_to(AUTH));
        }
        fixture.turn();
        assert_eq!((fixture.wanted(), fixture.counters.get(count::STATE_ERRORS)), (None, 0));
    }
}

#[test]
fn a_verdict_ends_the_wait_for_access() {
    let mut fixture = guarded();
    fixture.send(id(0), &RequestHead { body: BodyLength::Exact(5), ..post() });
    fixture.turn();
    let (auth, _) = fixture.asked_by(AUTH);
    let denied = verdict::Verdict { status: 403, cause: verdict::Cause::Rule, ..verdict::Verdict::default() };
    fixture.to.outbox.frame(id(0), Kind::Verdict, |body| denied.encode(body)).unwrap();
    fixture.turn();
    assert_eq!(fixture.statuses(id(0)), [403]);
    let _ = rustix::io::write(&auth, PASS);
    fixture.turn();
    assert_eq!((fixture.wanted(), fixture.statuses(id(0))), (None, vec![403]));
    assert_eq!(fixture.counters.get(count::STATE_ERRORS), 0);
}
