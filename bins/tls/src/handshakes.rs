//! From the first bytes of a client to the end of its handshake.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use fosse_counters::tls as count;
use fosse_eventloop::Watched;
use fosse_hello::{Hello, HelloError, ja4};
use fosse_records::{Session, Taken};
use fosse_wire::facts::{HandshakeFacts, KeptFacts};
use fosse_wire::handshaken::Protocol;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustls::server::UnbufferedServerConnection;

use crate::challenges::Challenges;
use crate::client::{Client, Context, Open, Shaking, Stage, Step};
use crate::client_certificate::Shown;
use crate::front::Handshaken;
use crate::limits::{HANDSHAKE_BYTES_MAX, PLAIN_BUFFER_BYTES};
use crate::moving;
use crate::opening::{self, Opening, Proxied};
use crate::queue::Queue;
use crate::refusal::{INAPPROPRIATE_FALLBACK, PLAIN_HTTP, PROTOCOL_VERSION, UNRECOGNIZED_NAME, alert, is_http};
use crate::set::Sets;
use crate::sources::Sources;

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;
/// The cipher that a client adds which tries an older version after a later one has failed.
const FALLBACK_SCSV: u16 = 0x5600;

/// The means of handshakes.
#[derive(Debug)]
pub(crate) struct Handshakes {
    pub(crate) sources: Sources,
    pub(crate) queue: Queue,
    pub(crate) sets: Sets,
    pub(crate) challenges: Challenges,
}

impl Handshakes {
    /// Makes them without a client.
    pub(crate) fn new(sets: Sets, challenges: Challenges) -> Self {
        Self { sources: Sources::default(), queue: Queue::default(), sets, challenges }
    }

    /// Reads what a client begins with.
    pub(crate) fn open(&mut self, client: &mut Client, slot: u32, context: &mut Context) -> Step {
        let length = match client.receive(context) {
            Ok(length) => length,
            Err(step) => return step,
        };
        let mut bytes = context.input[..length].to_vec();
        if client.awaits_header {
            match opening::proxied(&bytes) {
                Proxied::Cut => return wait(client, &bytes),
                // As of a plain listener: a trusted proxy that sends none is misconfigured.
                Proxied::Bad(_) => return refuse(context, count::FAILED),
                Proxied::Header(header, named) => {
                    bytes.drain(..header);
                    client.awaits_header = false;
                    if let Some(named) = named {
                        client.proxied = true;
                        client.endpoint = named;
                        if !self.sources.admits(client.record.listener, &named, context.now_ms) {
                            return refuse(context, count::REFUSED);
                        }
                    }
                }
            }
        }
        match opening::hello(&bytes) {
            Opening::Cut => wait(client, &bytes),
            Opening::Hello(hello) if self.challenges.are_for(&hello, &bytes) => {
                client.keep(&bytes);
                Step::Challenge
            }
            Opening::Hello(hello) => self.admit(hello, &bytes, client, slot, context),
            Opening::NotHello(HelloError::NotTls) if is_http(&bytes) => {
                context.counters.add(count::PLAIN, 1);
                context.output.append(PLAIN_HTTP);
                client.part(slot, context)
            }
            Opening::NotHello(error) => {
                context.counters.add(if error == HelloError::NotTls { count::PLAIN } else { count::FAILED }, 1);
                context.output.append(&alert(error.alert()));
                client.part(slot, context)
            }
        }
    }

    /// Puts a client into the queue, unless its name is not served.
    fn admit(
        &mut self,
        hello: Box<Hello>,
        bytes: &[u8],
        client: &mut Client,
        slot: u32,
        context: &mut Context,
    ) -> Step {
        if let Some(code) = bad_version(&hello) {
            context.counters.add(count::FAILED, 1);
            context.output.append(&alert(code));
            return client.part(slot, context);
        }
        if !self.sets.current.certificates.has(hello.server_name.as_str()) {
            context.counters.add(count::UNKNOWN_NAMES, 1);
            context.output.append(&alert(UNRECOGNIZED_NAME));
            return client.part(slot, context);
        }
        if !self.sources.begin(client.source()) {
            return refuse(context, count::REFUSED);
        }
        client.counted = true;
        client.stage = Stage::Queued(hello);
        client.keep(bytes);
        Step::Hello
    }

    /// Begins a handshake with what has come.
    pub(crate) fn begin(&self, client: &mut Client, slot: u32, context: &mut Context) -> Step {
        let Stage::Queued(hello) = &client.stage else { return Step::Stays };
        if client.socket.is_over() {
            // A signature is not for who has gone meanwhile.
            return refuse(context, count::FAILED);
        }
        let sni: Box<str> = hello.server_name.as_str().into();
        let config = self.sets.current.terms.of_name(&sni, client.record.listener);
        let session = config.and_then(|config| UnbufferedServerConnection::new(config).ok());
        let Some(mut session) = session.map(Session::new) else { return refuse(context, count::FAILED) };
        let length = client.input.len();
        context.input[..length].copy_from_slice(&client.input);
        context.plain.clear();
        let taken = session.take(&mut context.input[..length], &mut context.plain, &mut context.output);
        if self.sets.current.keys.was_unavailable() && taken.failed.is_some() {
            // Nothing has been sent, and all that the client has said is here still.
            context.output.clear();
            return Step::Hello;
        }
        let set = Rc::clone(&self.sets.current);
        let shaking = Shaking { set, session, ja4: ja4(hello), sni, client_is_done: false };
        client.stage = Stage::Shaking(Box::new(shaking));
        shaken(client, &taken, length, slot, context)
    }

    /// Goes on with a handshake.
    pub(crate) fn go_on(&mut self, client: &mut Client, slot: u32, context: &mut Context) -> Step {
        match client.receive(context) {
            Ok(length) => shake(client, length, slot, context),
            Err(step) => step,
        }
    }

    /// Makes the pair that carries the plaintext of a client whose handshake is done, and says what
    /// is known of it; `None` where there is no room for a pair.
    pub(crate) fn pass_on(&mut self, client: &mut Client, token: u64, context: &mut Context) -> Option<Handshaken> {
        self.forget(client);
        client.counted = false;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let Ok((ours, theirs)) = pair else {
            context.counters.add(count::EXHAUSTED, 1);
            return None;
        };
        // Where this fails more of a response waits in the kernel, and no less is right.
        let _ = sockopt::set_socket_send_buffer_size(&theirs, PLAIN_BUFFER_BYTES);
        let Stage::Shaking(shaking) = std::mem::replace(&mut client.stage, Stage::Parting) else { return None };
        let Shaking { session, ja4, sni, client_is_done, .. } = *shaking;
        context.counters.add(count::HANDSHAKES, 1);
        context.counters.add(count::RESUMED, u64::from(session.is_resumed()));
        // A session that is taken up again has the certificate of before, which was readable then.
        let facts = facts(&session, &ja4)?;
        let handshaken = handshaken(client, &session, (sni, facts), theirs);
        let mut open = Open {
            session,
            plain: Some(Watched::new(ours, token)),
            to_front: Vec::new(),
            client_is_done,
            front_knows: false,
            ended: None,
        };
        // A request that has come with the last message of the handshake goes along.
        moving::give(&mut open, &context.plain);
        context.plain.clear();
        client.stage = Stage::Open(Box::new(open));
        client.pass_end();
        client.timer.stop();
        Some(handshaken)
    }

    /// Discounts the handshake of a client for which it is over.
    pub(crate) fn forget(&mut self, client: &Client) {
        if client.counted {
            self.sources.end(client.source());
        }
    }
}

/// Has the session take the first bytes of the context's input.
fn shake(client: &mut Client, length: usize, slot: u32, context: &mut Context) -> Step {
    let Stage::Shaking(shaking) = &mut client.stage else { return Step::Stays };
    context.plain.clear();
    let taken = shaking.session.take(&mut context.input[..length], &mut context.plain, &mut context.output);
    shaken(client, &taken, length, slot, context)
}

/// Draws the consequences of what the session has taken.
fn shaken(client: &mut Client, taken: &Taken, length: usize, slot: u32, context: &mut Context) -> Step {
    let Stage::Shaking(shaking) = &mut client.stage else { return Step::Stays };
    let is_through = !shaking.session.is_handshaking();
    shaking.client_is_done |= taken.is_closed;
    if taken.failed.is_some() || shaking.client_is_done && !is_through {
        context.counters.add(count::FAILED, 1);
        return client.part(slot, context);
    }
    let rest = context.input[taken.used..length].to_vec();
    client.keep(&rest);
    if !client.send_output(slot, context) || rest.len() > HANDSHAKE_BYTES_MAX {
        return refuse(context, count::FAILED);
    }
    if is_through { Step::Through } else { Step::Stays }
}

/// Says what is known of a client whose handshake is done.
fn handshaken(
    client: &Client,
    session: &Session<UnbufferedServerConnection>,
    (sni, facts): (Box<str>, KeptFacts),
    plain: OwnedFd,
) -> Handshaken {
    let (version, cipher) = session.version();
    Handshaken {
        connection: client.record,
        version,
        cipher,
        protocol: match session.protocol() {
            Some(b"http/1.1") => Protocol::Http1,
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::None,
        },
        client: client.endpoint,
        proxied: client.proxied,
        sni,
        facts,
        plain,
    }
}

/// Returns what applications may hear of a client; `None` for one whose certificate cannot be read.
fn facts(session: &Session<UnbufferedServerConnection>, ja4: &str) -> Option<KeptFacts> {
    let mut bytes = Vec::new();
    match session.certificate() {
        Some(certificate) => Shown::of_der(certificate)?.encode(ja4, &mut bytes),
        None => HandshakeFacts::encode(&mut bytes, ja4.as_bytes(), None),
    }
    .ok()?;
    HandshakeFacts::decode(&bytes).ok().map(HandshakeFacts::kept)
}

/// Returns the alert for a client that speaks no version of ours, of whom rustls says that its
/// ciphers are none, or that has fallen back to an older one although we have the latest (RFC
/// 7507).
fn bad_version(hello: &Hello) -> Option<u8> {
    let ours = |version: &u16| (TLS12..=TLS13).contains(version);
    let is_spoken = hello.versions.is_empty() || hello.versions.iter().any(ours);
    if hello.legacy_version < TLS12 || !is_spoken {
        return Some(PROTOCOL_VERSION);
    }
    let fell_back = hello.ciphers.contains(&FALLBACK_SCSV) && !hello.versions.contains(&TLS13);
    fell_back.then_some(INAPPROPRIATE_FALLBACK)
}

/// Waits for more.
fn wait(client: &mut Client, bytes: &[u8]) -> Step {
    client.keep(bytes);
    Step::Stays
}

/// Ends a client without a word.
fn refuse(context: &Context, counter: usize) -> Step {
    context.counters.add(counter, 1);
    Step::Gone
}
