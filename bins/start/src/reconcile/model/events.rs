//! The events of a made up edge: replies, messages and exits, in any order.

use fosse_eventloop::slab::Key;
use fosse_plan::Plan;
use fosse_wire::{launch::Program, start::ToStart};
use rustix::io::Errno;

use super::{LANES, World, jobs, listener};
use crate::{
    children::process::End,
    exits,
    generation::{Generation, TlsImages},
    messages,
    penalties::Crash,
    reload,
};

impl World {
    pub(super) fn launched(&mut self, key: Key, is_made: bool) {
        self.next_pid += 1;
        let (token, pid) = (self.children[&key].token, if is_made { self.next_pid } else { 0 });
        // Numbers of processes that nobody has: a signal that start sends reaches none.
        let pid = if is_made { pid | 1 << 30 } else { pid };
        let reply = ToStart::Started { token, pid, errno: u16::try_from(Errno::AGAIN.raw_os_error()).unwrap() };
        self.say_as_zygote(reply);
    }

    fn say_as_zygote(&mut self, reply: ToStart) {
        let ToStart::Started { token, pid, errno } = reply else { return };
        messages::launched(&mut self.state, &mut self.reload, token, pid, errno);
    }

    pub(super) fn say(&mut self, key: Key, message: ToStart) {
        assert!(messages::act_on(&mut self.state, &mut self.reload, key, message), "{message:?}");
    }

    pub(super) fn exits(&mut self, key: Key, end: End) {
        exits::exited(&mut self.state, &mut self.reload, key, end);
        let children = &self.state.children;
        self.children.retain(|key, _| children.get(*key).is_some());
    }

    pub(super) fn read_orders(&mut self, key: Key) {
        let (Some(process), Some(child)) = (self.state.children.get(key), self.children.get_mut(&key)) else { return };
        child.read(process.program, &self.sums);
    }

    pub(super) fn begin_reload(&mut self) {
        if !self.reload.is_idle() || self.state.shutdown.is_some() {
            return;
        }
        let drain_seconds_max = std::time::Duration::from_secs(300);
        let plan = Plan { lanes: LANES, drain_seconds_max, status_socket: Some(listener().place), ..Plan::default() };
        let mut next = Generation::sealed(plan, &fosse_bundle::Parts::default().encode().unwrap()).unwrap();
        if self.has_checks {
            next.blobs.insert(Program::Prober, fosse_sys::memfd::sealed("checks", b"checks").unwrap());
        }
        if self.has_encode {
            let sealed = |name| fosse_sys::memfd::sealed(name, b"settings").unwrap();
            next.blobs.insert(Program::Encode, sealed("encode"));
            next.blobs.insert(Program::Tls, sealed("tls"));
            next.tls = Some(TlsImages {
                set: self.state.certificates.take_number(),
                chains: sealed("chains"),
                keys: sealed("keys"),
                listing: sealed("listing"),
                files: None,
            });
        }
        if self.has_rules {
            next.rules = Some(fosse_sys::memfd::sealed("rules", b"rules").unwrap());
        }
        let next = next.numbered_after(&self.state.generation).unwrap();
        let jobs = if self.has_files { jobs() } else { Vec::new() };
        reload::enter(&mut self.reload, &mut self.state, next, vec![listener(), listener()], jobs);
    }

    /// Lets something happen.
    pub(super) fn happen(&mut self) {
        let ends = [End::Exit(0), End::Exit(111), End::Exit(1), End::Signal(9), End::Signal(11)];
        match self.dice.roll(16) {
            0..=3 => {
                let waiting = self.keys(|process| process.pid.is_none());
                let is_made = !self.refusals || self.dice.roll(8) != 0;
                self.dice.pick(waiting).into_iter().for_each(|key| self.launched(key, is_made));
            }
            4..=7 => self.readies(),
            8 => {
                let living = self.keys(|process| process.pid.is_some());
                let end = ends[self.dice.roll(ends.len())];
                self.dice.pick(living).into_iter().for_each(|key| self.exits(key, end));
            }
            9..=11 => {
                let all = self.keys(|_| true);
                self.dice.pick(all).into_iter().for_each(|key| self.read_orders(key));
            }
            12 => self.begin_reload(),
            13 => self.refusals = !self.refusals,
            14 => self.paused.clear(),
            _ if self.dice.roll(8) == 0 => self.passed_ms += 400_000,
            _ => {
                self.connections += 1;
                self.state.penalties.crashes.push(Crash { connection: self.connections, source: 0 });
            }
        }
    }

    pub(super) fn readies(&mut self) {
        let waiting = self.keys(|process| process.pid.is_some() && !process.ready && !process.killed);
        let Some(key) = self.dice.pick(waiting) else { return };
        let keeps_records = self.state.generation.zygote == Some(key) && self.dice.roll(2) == 0;
        if keeps_records {
            self.say(key, ToStart::KeepsRecords);
        }
        self.say(key, ToStart::Ready);
    }

    /// Lets a process do what it has to. Returns whether it had.
    pub(super) fn respond(&mut self, key: Key) -> bool {
        self.read_orders(key);
        let Some(process) = self.state.children.get(key) else { return true };
        let drains = self.children[&key].drains;
        if process.program == Program::Prober && process.ready && self.state.services.prober_connect.is_none() {
            // It sees that its connect is gone.
            self.exits(key, End::Exit(111));
            return true;
        }
        match (process.pid.is_some(), process.killed, process.ready) {
            (false, ..) => self.launched(key, true),
            (true, true, _) => self.exits(key, End::Signal(9)),
            (true, false, false) => self.say(key, ToStart::Ready),
            (true, false, true) if drains => self.exits(key, End::Exit(0)),
            (true, false, true) => return false,
        }
        true
    }
}
