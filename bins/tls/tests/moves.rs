//! Bytes of clients and fronts: whole, both ways, however slow either is; and ends that are clean
//! only where the front has said so.

mod edge;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use edge::{Edge, Made, noise, settings};
use fosse_counters::tls as count;
use fosse_wire::handshaken::How;
use fosse_wire::signing::KeyKind;

fn edge() -> Edge {
    Edge::new(Made::new().certificate(KeyKind::EcdsaP256, &["a.example"]), &settings())
}

const MIB: usize = 1 << 20;

#[test]
fn ten_mebibytes_go_down_whole_and_end_with_close_notify() {
    let edge = edge();
    let (mut client, handed) = edge.through("a.example");
    let body = noise(10 * MIB);
    let sent = body.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| edge::finish(&edge, handed, &sent));
        let mut got = Vec::new();
        // rustls says UnexpectedEof where there is no close_notify.
        client.read_to_end(&mut got).unwrap();
        assert!(got == body, "{} bytes", got.len());
    });
}

#[test]
fn ten_mebibytes_go_up_whole_and_the_clients_end_is_seen() {
    let edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    let body = noise(10 * MIB);
    let sent = body.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            client.write_all(&sent).unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"done", "the other direction is open still");
        });
        let mut got = Vec::new();
        handed.plain.read_to_end(&mut got).unwrap();
        assert!(got == body, "{} bytes", got.len());
        edge::finish(&edge, handed, b"done");
    });
}

#[test]
fn both_directions_move_at_once() {
    let edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    let (up, down) = (noise(3 * MIB), noise(5 * MIB));
    let mut writer = handed.plain.try_clone().unwrap();
    let sent = down.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&sent).unwrap());
        let up = &up;
        scope.spawn(move || assert!(edge::read(&mut handed.plain, up.len()) == *up));
        // A client that writes all before it reads any.
        client.write_all(up).unwrap();
        assert!(edge::read(&mut client, down.len()) == down);
    });
}

#[test]
fn who_reads_nothing_holds_a_bounded_part_of_a_response() {
    let edge = edge();
    let (_client, mut handed) = edge.through("a.example");
    handed.plain.set_nonblocking(true).unwrap();
    let piece = noise(64 * 1024);
    let mut taken = 0;
    // Until nothing has gone for two turns of the program.
    loop {
        match handed.plain.write(&piece) {
            Ok(length) => taken += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                edge.tls.wait_for_turns(3);
                if handed.plain.write(&piece).is_err() {
                    break;
                }
            }
        }
        assert!(taken < 64 * MIB, "it takes all there is");
    }
}

#[test]
fn the_end_of_a_front_that_has_said_nothing_is_a_reset() {
    let edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    handed.plain.write_all(b"a part").unwrap();
    assert_eq!(edge::read(&mut client, 6), b"a part");
    drop(handed.plain);
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(edge.closed(), handed.id);
}

#[test]
fn a_front_can_have_a_client_reset() {
    let edge = edge();
    let (mut client, handed) = edge.through("a.example");
    edge.end(handed.id, How::Reset);
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(edge.closed(), handed.id);
}

#[test]
fn the_word_of_an_end_may_come_before_or_after_the_last_bytes() {
    let edge = edge();
    for first in [true, false] {
        let (mut client, mut handed) = edge.through("a.example");
        let id = handed.id;
        if first {
            edge.end(id, How::Clean);
            edge.tls.wait_for_turns(2);
        }
        handed.plain.write_all(b"the rest").unwrap();
        drop(handed.plain);
        if !first {
            edge.tls.wait_for_turns(2);
            edge.end(id, How::Clean);
        }
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert_eq!(got, b"the rest");
        drop(client);
        assert_eq!(edge.closed(), id);
    }
}

#[test]
fn a_client_that_goes_without_close_notify_is_gone_for_the_front() {
    let edge = edge();
    let (client, mut handed) = edge.through("a.example");
    client.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(handed.plain.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(edge.closed(), handed.id);
    assert_eq!(handed.plain.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn an_altered_record_ends_the_connection_with_an_alert_and_none_of_it_is_passed_on() {
    let edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    client.conn.writer().write_all(b"transfer 10").unwrap();
    let mut record = Vec::new();
    client.conn.write_tls(&mut record).unwrap();
    let last = record.len() - 1;
    record[last] ^= 1;
    client.sock.write_all(&record).unwrap();
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
    assert_eq!(handed.plain.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_front_that_dies_resets_all_its_clients_and_ends_the_process() {
    let mut edge = edge();
    let (mut one, _first) = edge.through("a.example");
    let (mut other, _second) = edge.through("a.example");
    let (gone, _) = fosse_harness::sockets::pair(rustix::net::SocketType::SEQPACKET);
    drop(std::mem::replace(&mut edge.front, gone));
    for client in [&mut one, &mut other] {
        assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(edge.tls.exit().code(), Some(111));
}

#[test]
fn without_keys_handshakes_wait_and_others_go_on() {
    let mut edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    edge.keys.take().unwrap().kill();
    let mut waiting = edge.client("a.example");
    waiting.conn.write_tls(&mut waiting.sock).unwrap();
    edge.tls.wait_for_turns(3);
    handed.plain.write_all(b"still here").unwrap();
    assert_eq!(edge::read(&mut client, 10), b"still here");
    edge.new_keys();
    waiting.flush().unwrap();
    drop(edge.handed());
    assert_eq!(edge.tls.count(count::FAILED), 0);
}

#[test]
fn keys_that_stand_still_keep_handshakes_waiting_and_no_other_connection() {
    let mut edge = edge();
    let (mut client, mut handed) = edge.through("a.example");
    let keys = edge.keys.take().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(keys.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let mut waiting = edge.client("a.example");
    waiting.conn.write_tls(&mut waiting.sock).unwrap();
    fosse_harness::wait_for("signatures that do not come", || (edge.tls.count(count::UNSIGNED) > 2).then_some(()));
    handed.plain.write_all(b"still here").unwrap();
    assert_eq!(edge::read(&mut client, 10), b"still here");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    // What keys says late is nobody's signature.
    waiting.flush().unwrap();
    drop(edge.handed());
    assert_eq!(edge.tls.count(count::FAILED), 0);
    edge.keys = Some(keys);
}
