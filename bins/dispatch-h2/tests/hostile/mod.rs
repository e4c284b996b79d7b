//! Servers of raw HTTP/2 frames: one that serves, and those that attack.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fosse_harness::wait_for;
use fosse_hpack::Encoder;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// One way to attack, with what a client may get: 0 where the end of its connection says that the
/// response is not whole.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) act: fn(&mut Peer) -> io::Result<()>,
    pub(crate) expected: &'static [u16],
}

/// Some go on until the edge closes the connection, which ends them with an error.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack { name: "silence", act: |peer| peer.hear(), expected: &[502, 504] },
    Attack { name: "half-a-frame", act: half_a_frame, expected: &[502, 504] },
    Attack { name: "garbage", act: |peer| peer.repeat(&[0xa5; 16_384]), expected: &[502, 504] },
    Attack { name: "continuation", act: continuation, expected: &[502] },
    Attack { name: "empty-continuation", act: empty_continuation, expected: &[502] },
    Attack { name: "settings", act: |peer| peer.open_and_repeat(&settings(1, 4096)), expected: &[502] },
    Attack { name: "table-size", act: |peer| peer.open_and_repeat(&settings(1, u32::MAX)), expected: &[502] },
    Attack { name: "ping", act: |peer| peer.open_and_repeat(&frame(PING, 0, 0, &[7; 8])), expected: &[502] },
    Attack { name: "unread-ping", act: unread_ping, expected: &[502] },
    Attack { name: "push", act: push, expected: &[502] },
    Attack { name: "window", act: window, expected: &[502] },
    Attack { name: "stream-window", act: stream_window, expected: &[502] },
    Attack { name: "unknown-stream", act: unknown_stream, expected: &[502] },
    Attack { name: "goaway", act: |peer| peer.open_and_repeat(&goaway()), expected: &[502, 503] },
    Attack { name: "interim", act: interim, expected: &[502, 504] },
    Attack { name: "large-interim", act: large_interim, expected: &[502, 504] },
    Attack { name: "long-head", act: long_head, expected: &[502] },
    Attack { name: "bomb", act: bomb, expected: &[502] },
    Attack { name: "empty-data", act: |peer| peer.respond_and_repeat(&frame(DATA, 0, 1, &[])), expected: &[200, 0] },
    Attack { name: "beyond-window", act: beyond_window, expected: &[200, 0] },
    Attack { name: "unended-trailers", act: unended_trailers, expected: &[200, 0] },
];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let (mut block, mut encoder) = (Vec::new(), Encoder::default());
    fields.iter().for_each(|(name, value)| encoder.field(&mut block, name.as_bytes(), value.as_bytes()));
    block
}

fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(fields))
}

fn goaway() -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[0; 8])
}

fn half_a_frame(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    peer.say(&head(1, 0, &[(":status", "200")])[..12])?;
    peer.hear()
}

fn continuation(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    peer.say(&frame(HEADERS, 0, 1, &block(&[(":status", "200")])))?;
    peer.repeat(&frame(CONTINUATION, 0, 1, &[b'x'; 16_384]))
}

fn empty_continuation(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    peer.say(&frame(HEADERS, 0, 1, &[]))?;
    peer.repeat(&frame(CONTINUATION, 0, 1, &[]))
}

/// Makes the other end write without ever reading what it has written.
fn unread_ping(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    let many = frame(PING, 0, 0, &[7; 8]).repeat(1000);
    peer.repeat(&[&many[..], &head(1, 0, &[(":status", "103"), ("a", "b")])].concat())
}

fn push(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    let promised = [&[0, 0, 0, 2][..], &block(&[(":method", "GET"), (":path", "/")])].concat();
    peer.repeat(&frame(PUSH_PROMISE, END_HEADERS, 1, &promised))
}

fn window(peer: &mut Peer) -> io::Result<()> {
    peer.open_and_repeat(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()))
}

fn stream_window(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    peer.say(&frame(WINDOW_UPDATE, 0, 1, &0x7fff_ffff_u32.to_be_bytes()))?;
    peer.repeat(&settings(4, 0x7fff_ffff))
}

fn unknown_stream(peer: &mut Peer) -> io::Result<()> {
    peer.open_and_repeat(&frame(DATA, 0, 9_999, &[b'x'; 16_384]))
}

fn interim(peer: &mut Peer) -> io::Result<()> {
    peer.open_and_repeat(&head(1, 0, &[(":status", "103"), ("link", "</a>")]))
}

fn large_interim(peer: &mut Peer) -> io::Result<()> {
    peer.open_and_repeat(&head(1, 0, &[(":status", "103"), ("link", &"x".repeat(8_000))]))
}

fn long_head(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    let fields: Vec<u8> = (0..200).flat_map(|n| block(&[(&format!("x-{n}"), &"y".repeat(60))])).collect();
    peer.say(&frame(HEADERS, 0, 1, &[block(&[(":status", "200")]), fields.clone()].concat()))?;
    peer.repeat(&frame(CONTINUATION, 0, 1, &fields))
}

/// A field of the table, named again by one byte each time.
fn bomb(peer: &mut Peer) -> io::Result<()> {
    peer.open()?;
    let field = [&[0x40, 1, b'a', 0x7f, 0xd1, 0x1e][..], &[b'x'; 4_048]].concat();
    peer.say(&frame(HEADERS, 0, 1, &[block(&[(":status", "200")]), field].concat()))?;
    peer.repeat(&frame(CONTINUATION, 0, 1, &[0xbe; 16_384]))
}

fn beyond_window(peer: &mut Peer) -> io::Result<()> {
    peer.respond_and_repeat(&frame(DATA, 0, 1, &[b'x'; 16_384]))
}

fn unended_trailers(peer: &mut Peer) -> io::Result<()> {
    peer.respond_and_repeat(&head(1, 0, &[("a", "b")]))
}

/// A connection of the edge.
pub(crate) struct Peer {
    socket: TcpStream,
    begun: Arc<AtomicUsize>,
}

impl Peer {
    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Says the same thing until nobody hears it any more.
    fn repeat(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        loop {
            self.say(bytes)?;
        }
    }

    /// Says nothing until the other end has gone.
    fn hear(&mut self) -> io::Result<()> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        io::copy(&mut self.socket, &mut io::sink()).map(drop)
    }

    /// Reads up to the first request, and says settings.
    fn open(&mut self) -> io::Result<()> {
        self.socket.read_exact(&mut [0; 24])?;
        self.say(&frame(SETTINGS, 0, 0, &[]))?;
        while self.next_frame()?.0 != HEADERS {}
        Ok(())
    }

    fn open_and_repeat(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open()?;
        self.repeat(bytes)
    }

    fn respond_and_repeat(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open()?;
        self.say(&head(1, 0, &[(":status", "200")]))?;
        self.repeat(bytes)
    }

    /// Reads a frame: kind, flags, stream, payload.
    fn next_frame(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut header = [0; 9];
        self.socket.read_exact(&mut header)?;
        let [a, b, c, kind, flags, s0, s1, s2, s3] = header;
        let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        self.socket.read_exact(&mut payload)?;
        Ok((kind, flags, u32::from_be_bytes([s0, s1, s2, s3]), payload))
    }
}

/// Responds to whatever is asked, as long as the connection lasts.
fn serve(peer: &mut Peer) -> io::Result<()> {
    peer.socket.read_exact(&mut [0; 24])?;
    peer.say(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let (kind, flags, stream, payload) = peer.next_frame()?;
        match kind {
            HEADERS => peer.say(&head(stream, 1, &[(":status", "200")]))?,
            SETTINGS if flags == 0 => peer.say(&frame(SETTINGS, 1, 0, &[]))?,
            PING if flags == 0 => peer.say(&frame(PING, 1, 0, &payload))?,
            _ => {}
        }
    }
}

/// A server that listens.
pub(crate) struct Listening {
    pub(crate) port: u16,
    begun: Arc<AtomicUsize>,
}

impl Listening {
    pub(crate) fn good() -> Self {
        Self::attacking(serve)
    }

    pub(crate) fn attacking(act: fn(&mut Peer) -> io::Result<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, begun) = (listener.local_addr().unwrap().port(), Arc::default());
        let counted = Arc::clone(&begun);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let mut peer = Peer { socket, begun: Arc::clone(&counted) };
                // The error with which it ends is the end of the connection.
                std::thread::spawn(move || drop(act(&mut peer)));
            }
        });
        Self { port, begun }
    }

    /// Waits until that number of attacks has begun.
    pub(crate) fn wait_for_attacks(&self, count: usize) {
        wait_for("an attack", || (self.begun.load(Ordering::Relaxed) >= count).then_some(()));
    }
}
