//! What costs a client nothing, without end.

mod client;

use client::*;
use fosse_http2::Code::{self, EnhanceYourCalm};

fn all(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.concat()
}

/// A flood's name, and its bytes time after time.
type Flood = (&'static str, Box<dyn FnMut(usize) -> Vec<u8>>);

fn floods() -> Vec<Flood> {
    let opened = |from: u32| (from..).step_by(2);
    let mut ids = opened(1);
    let rapid = move |_| {
        let id = ids.next().unwrap();
        all(&[get(id), reset(id)])
    };
    let mut ids = opened(1);
    let made = move |_| {
        let id = ids.next().unwrap();
        all(&[post(id), window(id, 0)])
    };
    let mut ids = opened(1);
    let malformed = move |_| headers(ids.next().unwrap(), END_STREAM, &[(":method", "GET")]);
    let mut ids = opened(1);
    let refused = move |_| post(ids.next().unwrap());
    vec![
        ("rapid reset (CVE-2023-44487)", Box::new(rapid)),
        ("made you reset (CVE-2025-8671)", Box::new(made)),
        ("malformed requests", Box::new(malformed)),
        ("streams beyond the limit", Box::new(refused)),
        (
            "CONTINUATION without end",
            Box::new(|at| frame(if at == 0 { HEADERS } else { CONTINUATION }, 0, 1, &[0, 1, b'a', 1, b'b'])),
        ),
        ("empty CONTINUATION", Box::new(|at| frame(if at == 0 { HEADERS } else { CONTINUATION }, 0, 1, &[]))),
        ("SETTINGS (CVE-2019-9515)", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("PING (CVE-2019-9512)", Box::new(|_| frame(PING, 0, 0, &[0; 8]))),
        ("PRIORITY (CVE-2019-9513)", Box::new(|_| frame(PRIORITY, 0, 3, &[0; 5]))),
        ("PRIORITY_UPDATE", Box::new(|_| frame(PRIORITY_UPDATE, 0, 0, &[0, 0, 0, 1]))),
        ("empty DATA (CVE-2019-9518)", Box::new(|at| if at == 0 { post(1) } else { frame(DATA, 0, 1, &[]) })),
        ("DATA of padding", Box::new(|at| if at == 0 { post(1) } else { frame(DATA, PADDED, 1, &[3, 0, 0, 0]) })),
        ("WINDOW_UPDATE of a byte", Box::new(|_| window(0, 1))),
        ("RST_STREAM of what has ended", Box::new(|at| if at == 0 { all(&[post(1), reset(1)]) } else { reset(1) })),
        ("frames of unknown types", Box::new(|_| frame(99, 0, 0, &[]))),
        ("GOAWAY", Box::new(|_| frame(GOAWAY, 0, 0, &[0; 8]))),
        ("acknowledgements of nothing", Box::new(|_| frame(SETTINGS, ACK, 0, &[]))),
    ]
}

#[test]
fn what_costs_a_client_nothing_has_an_end() {
    for (what, flood) in &mut floods() {
        let mut client = Client::agreed();
        let mut output = 0;
        let broken = (0..5000).find_map(|at| {
            let (told, broken) = client.try_send(&flood(at));
            for told in told {
                if let Told::Reset(place) = told {
                    client.server.release(place);
                }
            }
            output += client.server.output().len();
            client.server.advance(client.server.output().len());
            broken
        });
        assert_eq!(broken.map(|why| why.code), Some(EnhanceYourCalm), "{what}");
        assert!(output < 64 * 1024, "{what}: {output}");
    }
}

#[test]
fn a_reset_request_keeps_its_place_until_it_is_given_back() {
    let mut client = Client::agreed();
    let mut requests = 0;
    for at in 0..190u32 {
        let told = client.send(&[get(at * 2 + 1), reset(at * 2 + 1)].concat()).unwrap();
        requests += told.iter().filter(|told| matches!(told, Told::Request(..))).count();
    }
    assert_eq!((requests, client.server.places()), (190, 190));
    client.now_ms += 60_000;
    for at in 190..300u32 {
        let told = client.send(&[get(at * 2 + 1), reset(at * 2 + 1)].concat()).unwrap();
        requests += told.iter().filter(|told| matches!(told, Told::Request(..))).count();
    }
    assert_eq!((requests, client.server.places()), (200, 200), "what was begun bounds what may be begun");
    for place in 0..200 {
        client.server.release(place);
    }
    assert!(matches!(client.send(&get(1001)).as_deref(), Ok([Told::Request(..)])));
    assert_eq!(client.server.places(), 1);
}

#[test]
fn a_client_that_reads_in_small_pieces_is_no_flood() {
    let mut client = Client::agreed();
    client.send(&frame(SETTINGS, 0, 0, &setting(4, 1 << 30))).unwrap();
    client.send(&[get(1), window(0, 1 << 30)].concat()).unwrap();
    client.server.respond(0, 200, core::iter::empty());
    for _ in 0..2000 {
        client.server.data(0, &[0; 16_384], client.now_ms);
        client.received();
        for _ in 0..4 {
            client.send(&[window(0, 4096), window(1, 4096)].concat()).unwrap();
        }
    }
}

#[test]
fn streams_that_ended_well_pay_for_those_that_were_reset() {
    let mut client = Client::agreed();
    for at in 0..2000u32 {
        client.send(&[get(at * 4 + 1), get(at * 4 + 3), reset(at * 4 + 3)].concat()).unwrap();
        client.server.respond(0, 204, core::iter::empty());
        client.server.end(0, core::iter::empty());
        client.server.release(1);
        client.server.release(0);
        client.received();
    }
}

#[test]
fn requests_that_the_reader_of_heads_refuses_count_as_resets() {
    let mut client = Client::agreed();
    let broken = (0..1000u32).find_map(|at| {
        client.send(&get(at * 2 + 1)).unwrap();
        let broken = client.server.refuse_stream(0, Code::Protocol, client.now_ms).err();
        client.server.release(0);
        broken
    });
    assert_eq!(broken.map(|why| why.code), Some(EnhanceYourCalm));
}
