//! Frames and messages, made by their own writers.

use fosse_collections::{Change, Collection, Field, Record, RecordAddress};
use fosse_source::Source;
use fosse_wire::beside::{FromBeside, ToBeside};
use fosse_wire::cache::{self, FromCache, LeaveCause, PassCause, Terms, ToCache, Way};
use fosse_wire::challenged::Challenged;
use fosse_wire::channel::{self, Connection};
use fosse_wire::connect::{ConnectRequest, Outcome, Reply};
use fosse_wire::cursor::Cursor;
use fosse_wire::encode::{Coding, EncodeHead};
use fosse_wire::facts::{ClientCertificate, HandshakeFacts};
use fosse_wire::frame::{Hello, ResetReason};
use fosse_wire::handshaken;
use fosse_wire::launch::{Launch, Program};
use fosse_wire::password::{self, FromPassword, ToPassword};
use fosse_wire::purge::{By, Purge};
use fosse_wire::request::{BodyLength, RequestHead};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::spool::{FromSpool, LostCause, ToSpool};
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::store::{FromStore, ToStore};
use fosse_wire::verdict::Verdict;
use fosse_wire::{Kind, Outbox, StreamId, WireError, fields};

use super::{texts, with_first};

/// Tokens of JSON lines of frames.
pub const JSON: &[&[u8]] = &[
    b"\"frame\":",
    b"\"hello\"",
    b"\"request\"",
    b"\"request_data\"",
    b"\"request_end\"",
    b"\"response\"",
    b"\"response_data\"",
    b"\"response_end\"",
    b"\"reset\"",
    b"\"request_credit\"",
    b"\"verdict\"",
    b"\"lease\"",
    b"\"raw\"",
    b"\"stream\":1",
    b"{\"base64\":\"/w==\"}",
    b"\"chunked\"",
    b"\"none\"",
    b"\"body\":",
    b"4294967295",
    b"18446744073709551615",
    b"\"[::1]:1\"",
    b"[[\"a\",\"b\"]]",
    b"\"fields\":",
    b"\"kind\":",
    b"\"data\":",
    b"\"\\u0000\"",
    b"null",
    b"-1",
    b"\"status\":200",
    b",",
];

type Fill = Box<dyn FnOnce(&mut Vec<u8>) -> Result<(), WireError>>;

fn one(kind: Kind, fill: Fill) -> Vec<u8> {
    let mut out = Outbox::default();
    // A seed that does not fit is no seed.
    let _ = out.frame(StreamId::first(3).unwrap_or(StreamId::CONTROL), kind, fill);
    out.pending().to_vec()
}

/// A frame of every kind, and all of them in a row.
#[expect(clippy::too_many_lines, reason = "a seed for each kind of frame")]
pub fn frames() -> Vec<Vec<u8>> {
    let mut hello = Outbox::default();
    hello.hello(Hello { credit_unlimited: true, ..Hello::default() });
    let mut all = vec![hello.pending().to_vec()];
    let facts = facts();
    all.push(one(
        Kind::Request,
        Box::new(move |bytes| {
            let head = RequestHead {
                body: BodyLength::Exact(5),
                client: fosse_wire::request::Endpoint { addr: [1; 16], port: 80 },
                method: b"GET",
                host: b"a.example",
                sni: b"a.example",
                facts: HandshakeFacts::decode(&facts).unwrap_or_default(),
                target: b"/?a=b",
                line: b"GET /?a=b HTTP/1.1",
                ..RequestHead::default()
            };
            head.encode_fixed(bytes)?;
            fields::put(bytes, [(&b"Host"[..], &b"a.example"[..]), (b"X", b"")])
        }),
    ));
    all.push(one(
        Kind::RequestData,
        Box::new(|bytes| {
            bytes.extend_from_slice(b"hello");
            Ok(())
        }),
    ));
    all.push(one(Kind::RequestEnd, Box::new(|bytes| fields::put(bytes, [(&b"T"[..], &b"v"[..])]))));
    let heads = [
        ResponseHead { status: 200, lease: true, body: BodyLength::Chunked, ..Default::default() },
        ResponseHead { status: 100, interim: true, ..Default::default() },
        ResponseHead { status: 101, upgrade: true, ..Default::default() },
        ResponseHead { status: 403, denied: true, close: true, rule: 9, ..Default::default() },
        ResponseHead { status: 404, own: true, usual: true, body: BodyLength::Exact(4), ..Default::default() },
    ];
    all.extend(heads.map(|head| one(Kind::Response, Box::new(move |bytes| head.encode(bytes)))));
    all.push(one(
        Kind::ResponseData,
        Box::new(|bytes| {
            bytes.extend_from_slice(&[0, 255]);
            Ok(())
        }),
    ));
    all.push(one(
        Kind::ResponseEnd,
        Box::new(|bytes| ResponseEnd { leased_bytes: 7, ..Default::default() }.encode(bytes)),
    ));
    all.push(one(
        Kind::Reset,
        Box::new(|bytes| {
            bytes.push(ResetReason::Limit as u8);
            Ok(())
        }),
    ));
    for kind in [Kind::RequestCredit, Kind::ReleaseCredit] {
        all.push(one(
            kind,
            Box::new(|bytes| {
                bytes.extend_from_slice(&[1, 0, 0, 0]);
                Ok(())
            }),
        ));
    }
    all.push(one(
        Kind::ResponseCredit,
        Box::new(|bytes| {
            bytes.extend_from_slice(&[0, 64, 0, 0]);
            Ok(())
        }),
    ));
    all.push(one(
        Kind::Verdict,
        Box::new(|bytes| Verdict { status: 403, rule: 1, message: b"why", ..Default::default() }.encode(bytes)),
    ));
    let response = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    let encode = EncodeHead { coding: Coding::Brotli, level: 4, bytes_min: 9, response, ..Default::default() };
    all.push(one(Kind::Encode, Box::new(move |bytes| encode.encode(bytes))));
    all.push(one(Kind::Lease, Box::new(|_| Ok(()))));
    all.push(one(Kind::Tunnel, Box::new(|_| Ok(()))));
    all.push(all.concat());
    all
}

/// Frames behind the step they are read by.
pub fn rings() -> Vec<Vec<u8>> {
    with_first(&[1, 9, 255], &frames())
}

/// JSON lines.
pub fn lines() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        r#"{"frame":"hello"}"#,
        r#"{"frame":"raw","stream":1,"kind":3,"body":{"base64":"/w=="}}"#,
        r#"{"frame":"reset","stream":1,"reason":"echo"}"#,
    ]);
    let frames = frames();
    let whole = frames.iter().filter_map(|bytes| fosse_wire::Frame::split(bytes).ok().flatten());
    all.extend(whole.map(|(frame, _)| fosse_frames::run::as_json(&fosse_frames::decode::line(&frame)).into_bytes()));
    all
}

/// Messages that are not on the ring, behind the number of descriptors they came with.
pub fn messages() -> Vec<Vec<u8>> {
    let connection = Connection { id: 9, listener: 2, trusted: true, ..Connection::default() };
    let mut all = Vec::new();
    for (kind, records) in [
        (channel::Kind::Connections, &[connection, connection][..]),
        (channel::Kind::List, &[]),
        (channel::Kind::Closed, &[connection]),
        (channel::Kind::Return, &[connection]),
        (channel::Kind::Relieve, &[connection]),
    ] {
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, kind, records);
        all.push(bytes);
    }
    let tally = channel::Tally { address: [7; 16], bits: 128, number: 3 };
    for kind in [channel::Kind::Shares, channel::Kind::Elsewhere, channel::Kind::Offences, channel::Kind::Penalised] {
        let mut bytes = Vec::new();
        channel::encode_tallies(&mut bytes, kind, &[tally, tally]);
        all.push(bytes);
    }
    all.extend(of_tls(connection));
    all.push(ToBeside::Ask { tag: 1, server: 2 }.encode());
    all.push(ToBeside::Dialled { tag: 1, server: 2, outcome: Outcome::Connected, errno: 0 }.encode());
    all.push(FromBeside::Reply { tag: 1, outcome: Outcome::Untrusted, errno: 129 }.encode());
    all.push(FromBeside::Dial { tag: 1, server: 2 }.encode());
    all.push(ConnectRequest { tag: 1, server: 2 }.encode());
    all.push(Reply { tag: 1, outcome: Outcome::Connected, errno: 0 }.encode());
    all.push(ToChild::Drain.encode().to_vec());
    all.push(ToStart::Ready.encode().to_vec());
    let launch = Launch {
        token: 1,
        uid: 2,
        gid: 3,
        cpu: 0,
        program: Program::Parse,
        mode: 1,
        targets: &[0, 1, 2, 5],
        words: b"",
    };
    all.extend(launch.encode());
    with_first(&[0, 1, 2], &all)
}

/// What a handshake says of a client.
fn facts() -> Vec<u8> {
    let certificate = ClientCertificate { subject: b"CN=a", serial: b"1", ..Default::default() };
    let mut bytes = Vec::new();
    let _ = HandshakeFacts::encode(&mut bytes, b"t13d1516h2_8daaf6152771_e5627efa2ab1", Some(&certificate));
    bytes
}

/// What tls says of a client, and what it hears of its end.
fn of_tls(connection: Connection) -> [Vec<u8>; 3] {
    let facts = facts();
    let client = handshaken::Client {
        connection,
        version: 0x0304,
        cipher: 0x1301,
        protocol: handshaken::Protocol::Http1,
        client: connection.peer,
        proxied: false,
        sni: b"a.example",
        facts: HandshakeFacts::decode(&facts).unwrap_or_default(),
    };
    let mut bytes = Vec::new();
    handshaken::begin(&mut bytes);
    let _ = handshaken::put(&mut bytes, &client);
    let mut ended = Vec::new();
    handshaken::encode_ended(&mut ended, &[handshaken::Ended { id: 1, how: handshaken::How::Clean }]);
    let challenged = Challenged::new(b"\x16\x03\x01\0\x05\x01\0\0\x01\0").map(Challenged::encode);
    [bytes, ended, challenged.unwrap_or_default()]
}

/// What filters and the store say, one message after another.
pub fn stores() -> Vec<Vec<u8>> {
    let mut all = vec![said_to_store()];
    let field = |name: &[u8], expires| Field { name: name.to_vec(), value: b"7".to_vec(), expires };
    let record = Record { fields: vec![field(b"a", None), field(b"b", Some(9))], created: 1, updated: 2, updates: 3 };
    let mut bytes = Vec::new();
    for message in [FromStore::Hello, FromStore::Record { tag: 5, record }, FromStore::Kept { some: true, saves: 3 }] {
        let _ = message.encode(&mut bytes);
    }
    all.push(bytes);
    all
}

/// What a filter says, behind the step it comes in.
pub fn filters() -> Vec<Vec<u8>> {
    with_first(&[1, 9, 255], &[said_to_store()])
}

fn said_to_store() -> Vec<u8> {
    let places = [
        RecordAddress::new(Collection::Ip, b"", b"192.0.2.1"),
        RecordAddress::new(Collection::Session, b"shop", b"abc"),
    ];
    let changes = vec![
        (&b"hits"[..], Change::Add(1)),
        (b"timeout", Change::Set(b"60".to_vec())),
        (b"hits", Change::Expire(1_000_060)),
        (b"hits", Change::Deprecate { amount: 6, seconds: 7 }),
        (b"gone", Change::Unset),
    ];
    let mut bytes = Vec::new();
    let _ = ToStore::Hello.encode(&mut bytes);
    for place in places {
        let _ = ToStore::Save { place, timeout: 3600, changes: changes.clone() }.encode(&mut bytes);
        let _ = ToStore::Load { tag: 1, place }.encode(&mut bytes);
    }
    bytes
}

/// What dispatches and password say, one message after another.
pub fn passwords() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for message in [
        FromPassword::Hello,
        FromPassword::Result { tag: 1, outcome: password::Outcome::Passed },
        FromPassword::Result { tag: 2, outcome: password::Outcome::Busy },
    ] {
        let _ = message.encode(&mut bytes);
    }
    vec![said_to_password(), bytes]
}

/// What a dispatch says to password, behind the step it comes in.
pub fn asking_dispatches() -> Vec<Vec<u8>> {
    with_first(&[1, 8, 9, 254, 255], &[said_to_password()])
}

fn said_to_password() -> Vec<u8> {
    let mut bytes = Vec::new();
    let source = Source::of_parts(false, 7);
    let check = |tag, name, password| ToPassword::Check { tag, list: 0, source, name, password };
    for message in
        [ToPassword::Hello, check(1, &b"ann"[..], &b"secret"[..]), check(2, b"ann", b"other"), check(3, b"", b"")]
    {
        let _ = message.encode(&mut bytes);
    }
    bytes
}

/// What lanes and the cache say, one message after another.
pub fn caches() -> Vec<Vec<u8>> {
    let (mut asks, mut replies) = (Vec::new(), Vec::new());
    let terms = Terms { set_cookie: true, silent_seconds: 60, ..Terms::default() };
    let (wide, source, configuration, site, policy) = (false, 0xc000_0201, 9, 1, 2);
    let mut list = Vec::new();
    let _ = fields::put(&mut list, [(&b"Accept"[..], &b"a/b"[..])]);
    let fields = fields::Fields::decode(&mut Cursor::new(&list)).unwrap_or_default();
    let mut key = Vec::new();
    cache::key::begin(&mut key, 9);
    let _ =
        RequestHead { method: b"GET", host: b"a.example", target: b"/a", ..RequestHead::default() }.encode(&mut key);
    let _ = cache::key::vary(&mut key, fields);
    let (tag, validate, way, key) = (7, true, Way::Lane, key.as_slice());
    let ask = ToCache::Ask { tag, validate, way, terms, wide, source, configuration, site, policy, key, fields };
    let head = ToCache::Head { tag, delay_ms: 8, status: 200, key, fields };
    let (data, end) = (ToCache::Data { tag, bytes: b"body" }, ToCache::End { tag });
    let leave = ToCache::Leave { tag, cause: LeaveCause::Own };
    let purge = Purge { by: By::Tag, host: b"a.example", port: 8080, text: b"tag" };
    let purge = ToCache::Purge { tag: 9, purge };
    let forget = [b"key".as_slice(), b""].map(|key| ToCache::Forget { tag: 8, key });
    for message in [ToCache::Hello, ask, head, data, end, leave, purge].into_iter().chain(forget) {
        let _ = message.encode(&mut asks);
    }
    let (collapsed, validated, stale) = (true, false, true);
    for message in [
        FromCache::Hello,
        FromCache::Found { tag: 7, place: 900, hash: 3, collapsed, validated, stale, from_disk: stale },
        FromCache::Pass { tag: 7, cause: PassCause::Full },
        FromCache::Lead { tag: 7, bytes_max: 1 << 20, confirms: None },
        FromCache::Lead { tag: 7, bytes_max: 1 << 20, confirms: Some((900, 3)) },
        FromCache::Enough { tag: 7 },
        FromCache::Forgotten { tag: 8 },
        FromCache::Purged { tag: 9, responses: 10, is_partial: true },
    ] {
        let _ = message.encode(&mut replies);
    }
    vec![asks, replies]
}

/// Kept responses.
pub fn records() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    let stored = fosse_caching::Stored {
        status: 200,
        stored_s: 100,
        age_s: 1,
        fresh_s: 60,
        vary: b"accept-encoding,",
        key: b"key",
        body: b"body",
        ..fosse_caching::Stored::default()
    };
    let _ = stored.encode(&mut bytes);
    vec![bytes]
}

/// What filters and the spool say, one message after another.
pub fn spools() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for message in [
        FromSpool::Hello,
        FromSpool::Written { body: 1, length: 5 },
        FromSpool::Data { body: 1, bytes: b"bytes" },
        FromSpool::Lost { body: 1, cause: LostCause::Full },
    ] {
        let _ = message.encode(&mut bytes);
    }
    vec![said_to_spool(), bytes]
}

/// What a filter says to the spool, behind the step it comes in.
pub fn spooling_filters() -> Vec<Vec<u8>> {
    with_first(&[1, 9, 255], &[said_to_spool()])
}

fn said_to_spool() -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in [
        ToSpool::Hello,
        ToSpool::Open { body: 0, wide: false, source: 0xc000_0201 },
        ToSpool::Write { body: 0, bytes: b"abc" },
        ToSpool::Open { body: 1, wide: true, source: 7 },
        ToSpool::Write { body: 1, bytes: &[b'x'; 300] },
        ToSpool::Write { body: 0, bytes: b"defg" },
        ToSpool::Read { body: 0, at: 1, length: 5 },
        ToSpool::Free { body: 0 },
        ToSpool::Read { body: 1, at: 0, length: 300 },
    ] {
        let _ = message.encode(&mut bytes);
    }
    bytes
}

/// What dispatch says to encode of one response in each coding.
pub fn to_encode() -> Vec<Vec<u8>> {
    let one = |coding| {
        let mut out = Outbox::default();
        let stream = StreamId::from_raw(1 << 20);
        let response = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
        let head = EncodeHead { coding, level: 3, response, ..Default::default() };
        let _ = out.frame(stream, Kind::Encode, |bytes| head.encode(bytes));
        out.raw(stream, Kind::ResponseData, b"some text, and the same text");
        out.credit(stream, Kind::ResponseCredit, 9);
        out.raw(stream, Kind::ResponseEnd, &[0; 10]);
        out.pending().to_vec()
    };
    Coding::ALL.map(one).to_vec()
}

/// Steps of neighbours of encode: a head, bytes, pauses, grants, an end.
pub fn encoded() -> Vec<Vec<u8>> {
    let of = |with: u8| vec![0, with, 4, 200, 8, 9, 28, 200, 4, 100, 20, 90, 28, 7, 12, 255, 16, 1, 20, 255];
    vec![of(0), of(1), of(2), of(4), of(8), of(21)]
}
