//! A parse that an attacker has taken over, and the real dispatch behind it: nothing wrong may
//! reach a backend.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fosse_fdpass::{Received, receive, send};
use fosse_harness::sockets::{pair, readable};
use fosse_harness::{Stage, WAIT_MAX};
use fosse_settings::{Action, Backend, Dispatch, DispatchPolicy, DispatchSite, ServerName};
use fosse_stage::Input;
use fosse_wire::{
    Kind, StreamId,
    connect::{ConnectRequest, Outcome, Reply},
};
use rustix::net::SocketType;

use super::{
    recorder::{Record, Recorder},
    run,
    script::{Script, hello, stream},
};

/// A slot no script uses.
const SENTINEL_SLOT: u32 = 900_000;

/// Settings of a dispatch with one server for two sites.
#[must_use]
pub fn settings() -> Dispatch {
    // A site has a policy; that of both is the same.
    let site = |host: &str| DispatchSite { hosts: vec![host.into()], ..DispatchSite::default() };
    Dispatch {
        sites: vec![site("a.example"), site("b.example")],
        policies: vec![DispatchPolicy { action: Action::Backend(0), ..DispatchPolicy::default() }],
        backends: vec![Backend {
            name: "a".into(),
            server_first: 0,
            server_count: 1,
            connections_max: 64,
            queue_requests_max: 64,
            pool_connections_max: 16,
            connect_seconds: Duration::from_secs(2),
            queue_seconds: Duration::from_secs(10),
            first_byte_seconds: Duration::from_secs(10),
            idle_seconds: Duration::from_secs(10),
            pool_idle_seconds: Duration::from_secs(4),
            failures_max: 1_000_000,
            rest_seconds: Duration::from_millis(1),
            upgrade: vec!["websocket".into()],
            ..Backend::default()
        }],
        servers: vec![ServerName {
            name: "a".into(),
            backend: 0,
            weight: 1,
            backup: false,
            health_number: None,
            address_number: None,
            tls: false,
        }],
        lane_held_bytes_max: 1 << 20,
        lane_buffered_bytes_max: 1 << 20,
        lane_response_bytes_max: 1 << 20,
        write_seconds: Duration::from_secs(30),
        response_head_bytes_max: 32 * 1024,
        response_header_bytes_max: 16 * 1024,
        response_header_count_max: 128,
        group: String::new(),
        configuration: 0,
    }
}

/// The real fosse-dispatch, its neighbours played.
#[derive(Debug)]
pub struct Target {
    stage: Stage,
    forward: OwnedFd,
    back: Input,
    _direct: OwnedFd,
    connect: Option<JoinHandle<Recorder>>,
    over: Arc<AtomicBool>,
    sentinels: u32,
    gone: bool,
    /// Everything that was sent to it, for whoever has to look into a finding.
    pub sent: Mutex<Vec<Vec<u8>>>,
}

impl Target {
    /// A fresh one that has been greeted, properly or not.
    #[must_use]
    pub fn start(greeting: &[u8]) -> Self {
        let (forward, input) = pair(SocketType::STREAM);
        let (back, output) = pair(SocketType::STREAM);
        let (direct, direct_far) = pair(SocketType::SEQPACKET);
        let (connect, connect_far) = pair(SocketType::SEQPACKET);
        let fds = vec![(0, input), (1, output), (8, direct_far), (9, connect_far)];
        let stage = run("dispatch", &settings(), fds);
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let connect = Some(thread::spawn(move || reply_to_requests(&connect, &stop)));
        let target = Self {
            stage,
            forward,
            back: Input::new(back),
            _direct: direct,
            connect,
            over,
            sentinels: 0,
            gone: false,
            sent: Mutex::default(),
        };
        target.say(greeting);
        target
    }

    /// Sends bytes as they are; a target that is gone hears nothing.
    pub fn say(&self, mut bytes: &[u8]) {
        self.sent.lock().unwrap().push(bytes.to_vec());
        while !bytes.is_empty() {
            match rustix::net::send(&self.forward, bytes, rustix::net::SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(_) => return,
            }
        }
    }

    /// It has responded to everything said so far, or is gone: asked for by a request that must get
    /// a response.
    pub fn settle(&mut self) -> bool {
        let responded = self.settle_within(WAIT_MAX);
        assert!(
            responded || self.gone,
            "dispatch neither responds nor ends; it was told {:?}",
            self.sent.lock().unwrap()
        );
        responded
    }

    /// The same, where it may still wait for the rest of a damaged frame.
    pub fn settle_within(&mut self, patience: Duration) -> bool {
        self.sentinels += 1;
        let id = stream(SENTINEL_SLOT, 1 + self.sentinels % 4000);
        let script = Script::default().get(id, &[], |h| h.target = b"/sentinel");
        script.frames.iter().for_each(|f| self.say(f));
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if self.next_until(StreamId::from_raw(id)) {
                return true;
            }
            if self.gone || !self.stage.is_alive() {
                self.gone = true;
                return false;
            }
            readable(&self.back, Duration::from_millis(20));
            if self.back.read().is_err() {
                self.gone = true;
            }
        }
        false
    }

    fn next_until(&mut self, id: StreamId) -> bool {
        loop {
            match self.back.next_frame() {
                Ok(Some(frame)) if frame.stream == id && frame.kind == Kind::ResponseEnd => return true,
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(why) => panic!("dispatch itself breaks the protocol: {why}"),
            }
        }
    }

    /// It has ended by itself.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Lets everything end, and tells what the backend saw.
    ///
    /// # Errors
    /// An end that is a finding in itself.
    pub fn end(mut self) -> Result<Record, String> {
        drop((self.forward, self.back, self._direct));
        let ended = self.stage.end();
        self.over.store(true, Relaxed);
        let record = self.connect.take().unwrap().join().unwrap().end();
        ended.map(|_| record)
    }
}

/// Plays fosse-connect: the reply to every request is a connection to the recorder.
fn reply_to_requests(connect: &OwnedFd, over: &AtomicBool) -> Recorder {
    let (mut recorder, mut bytes, mut fds) = (Recorder::default(), [0; 64], Vec::new());
    while !over.load(Relaxed) {
        if !readable(connect, Duration::from_millis(20)) {
            continue;
        }
        let Ok(Received::Message(length)) = receive(connect, &mut bytes, &mut fds) else { break };
        let request = ConnectRequest::decode(&bytes[..length]).unwrap();
        assert_eq!(request.server, 0, "dispatch asks for a server that is not in the table");
        let (near, far) = pair(SocketType::STREAM);
        let reply = Reply { tag: request.tag, outcome: Outcome::Connected, errno: 0 };
        if send(connect, &reply.encode(), &[std::os::fd::AsFd::as_fd(&far)]).is_err() {
            break;
        }
        drop(far);
        recorder.serve(near);
    }
    recorder
}

/// One attack on a fresh dispatch: findings, and how many whole requests got through besides the
/// sentinel.
///
/// # Errors
/// Words about what went wrong.
pub fn attack(greeting: &[u8], script: &Script) -> Result<Vec<(String, String, Vec<u8>)>, String> {
    let mut target = Target::start(greeting);
    script.frames.iter().for_each(|f| target.say(f));
    target.settle();
    let record = target.end()?;
    if let Some(finding) = record.findings.first() {
        return Err(finding.clone());
    }
    Ok(record.whole.into_iter().filter(|(line, _, _)| line != "GET /sentinel").collect())
}

/// One attack with a proper greeting.
///
/// # Errors
/// As [`attack`].
pub fn attack_greeted(script: &Script) -> Result<Vec<(String, String, Vec<u8>)>, String> {
    attack(&hello(), script)
}
