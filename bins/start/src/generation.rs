//! A generation: a configuration, sealed for the programs that serve it.

use std::{collections::HashMap, os::fd::OwnedFd, time::Duration};

use fosse_bundle::{Part, Parts};
use fosse_die::warning;
use fosse_eventloop::slab::Key;
use fosse_plan::{ACME_ID_BYTES, Plan};
use fosse_wire::launch::Program;
use rustix::process::{Resource, getrlimit};

use crate::{PROGRAM, certificates::copy::Copied, limits};

/// A configuration with the settings made of it.
#[derive(Debug)]
pub(crate) struct Generation {
    pub plan: Plan,
    /// Counted from 1; 0 before the first plan.
    pub number: u32,
    /// The sealed settings of each program.
    pub blobs: HashMap<Program, OwnedFd>,
    /// The bundle of rule files, where there are any.
    pub rules: Option<OwnedFd>,
    /// The process that has compiled them and makes the filters.
    pub zygote: Option<Key>,
    /// The rules keep records of persistent collections.
    pub keeps_records: bool,
    /// Compiled address lists by listener.
    pub addresses: Vec<(u16, OwnedFd)>,
    /// The pages that sites respond with, where there are any.
    pub pages: Option<OwnedFd>,
    /// The keys of signed links, where there are any.
    pub keys: Option<OwnedFd>,
    /// The files of users, where there are any.
    pub users: Option<OwnedFd>,
    /// Certificates and private keys, where some listener has TLS.
    pub tls: Option<TlsImages>,
    /// The files of authorities, where certificates are ordered.
    pub authorities: Option<Authorities>,
}

/// A set of certificates: the images that fosse-certs makes.
#[derive(Debug)]
pub(crate) struct TlsImages {
    /// Counted from 1 over the edge's life.
    pub set: u32,
    /// Certificates, which are public.
    pub chains: OwnedFd,
    /// Private keys, for fosse-keys alone.
    pub keys: OwnedFd,
    /// The words about each certificate, for fosse-status.
    pub listing: OwnedFd,
    /// The files that it was made of; `None` where a predecessor has read them.
    pub files: Option<Copied>,
}

/// The parts of a generation that are for fosse-acme.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// Settings of its connect.
    pub connect: OwnedFd,
    /// Roots and keys, each with the descriptor that it gets.
    pub files: Vec<(u8, OwnedFd)>,
}

impl Generation {
    /// Returns the generation before the first plan: fosse-config itself needs a user ID.
    pub(crate) fn none() -> Self {
        Self::new(Plan { uid_base: limits::UID_BASE_FIRST, ..Plan::default() })
    }

    /// Returns the time by which lanes that drain from now on are over, on the same clock.
    pub(crate) fn drain_deadline_ms(&self, now_ms: u64) -> u64 {
        deadline_ms(now_ms, self.plan.drain_seconds_max)
    }

    /// Returns a generation that has a plan and nothing of it yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let (blobs, addresses) = (HashMap::new(), Vec::new());
        let (pages, keys, users, tls, authorities) = (None, None, None, None, None);
        let (number, rules, zygote, keeps_records) = (0, None, None, false);
        Self { plan, number, blobs, rules, zygote, keeps_records, addresses, pages, keys, users, tls, authorities }
    }

    /// Seals each part of a plan and of what was loaded for it. The generation has no number yet.
    ///
    /// # Errors
    /// The fault of the bundle, or the error of the call that failed.
    pub(crate) fn sealed(plan: Plan, loaded: &[u8]) -> Result<Self, String> {
        let mut generation = Self::new(plan);
        for (program, blob) in &generation.plan.blobs {
            generation.blobs.insert(*program, seal(program.name(), blob)?);
        }
        for part in Parts::decode(loaded).map_err(|e| format!("bundle: {e}"))?.parts {
            match part {
                Part::Rules(bytes) if bytes.len() > fosse_bundle::EMPTY_BYTES => {
                    generation.rules = Some(seal("rules", bytes)?);
                }
                Part::Rules(_) => {}
                Part::Addresses { listener, image } => {
                    generation.addresses.push((listener, seal("addresses", image)?));
                }
                Part::Pages(bytes) => generation.pages = Some(seal("pages", bytes)?),
                Part::Keys(bytes) => generation.keys = Some(seal("keys", bytes)?),
                Part::Users(bytes) => generation.users = Some(seal("users", bytes)?),
            }
        }
        Ok(generation)
    }

    /// Takes its place after the one before.
    ///
    /// # Errors
    /// All numbers have been used.
    pub(crate) fn numbered_after(mut self, before: &Self) -> Result<Self, String> {
        if before.number != 0 {
            // Slots of processes that live are counted from the base they were started with.
            self.plan.uid_base = before.plan.uid_base;
        }
        self.number = before.number.checked_add(1).ok_or("no number is left for another generation")?;
        Ok(self)
    }

    /// Returns the connections that a lane may have at a time: what the plan says, as far as the
    /// limit of descriptors reaches. fosse-dispatch has two for a client whose response it writes
    /// itself, and a process that cannot take a descriptor loses the client it was for.
    pub(crate) fn lane_connections_max(&self) -> u32 {
        let wanted = self.plan.lane_connections_max;
        let Some(fds) = descriptors_max() else { return wanted };
        // Whatever the limit is, a lane serves a few.
        let of_pipes = if self.keeps_responses() { limits::LANE_FDS_OF_PIPES } else { 0 };
        let reserved = limits::LANE_FDS_RESERVED + of_pipes;
        let room = (fds.max(reserved) - reserved) / 2;
        u32::try_from(room.max(16)).map_or(wanted, |room| wanted.min(room))
    }

    /// Tells an administrator who has asked for more connections than there are descriptors.
    pub(crate) fn tell_of_descriptors(&self) {
        let (wanted, granted) = (self.plan.lane_connections_max, self.lane_connections_max());
        if let Some(fds) = descriptors_max().filter(|_| granted < wanted) {
            let cure = "raise the hard limit of descriptors (LimitNOFILE, ulimit -Hn)";
            warning(
                PROGRAM,
                format_args!(
                    "event=connections-limited lane_connections_max={wanted} granted={granted} descriptors={fds} cure=\"{cure}\""
                ),
            );
        }
    }

    /// Returns whether requests are inspected.
    pub(crate) fn has_filter(&self) -> bool {
        self.blobs.contains_key(&Program::WafFilter)
    }

    /// Returns whether responses are kept.
    pub(crate) fn keeps_responses(&self) -> bool {
        self.blobs.contains_key(&Program::Cache)
    }

    /// Returns whether responses are encoded.
    pub(crate) fn has_encode(&self) -> bool {
        self.blobs.contains_key(&Program::Encode)
    }

    /// Returns the number of its set of certificates, where it has one.
    pub(crate) fn set(&self) -> Option<u32> {
        self.tls.as_ref().map(|images| images.set)
    }

    /// Returns the name in the store of one of its certificates by ACME.
    pub(crate) fn acme_id(&self, certificate: u16) -> Option<[u8; ACME_ID_BYTES]> {
        self.plan.acme.get(usize::from(certificate)).map(|one| one.id)
    }

    /// Returns the number of the certificate by ACME that has this name in the store.
    pub(crate) fn acme_number(&self, id: [u8; ACME_ID_BYTES]) -> Option<u16> {
        self.plan.acme.iter().position(|one| one.id == id).and_then(|number| u16::try_from(number).ok())
    }

    /// Returns whether some listener has TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.blobs.contains_key(&Program::Tls)
    }

    /// Returns whether fosse-certs has something to read: certificates for clients, or authorities
    /// of servers.
    pub(crate) fn has_certificates(&self) -> bool {
        self.blobs.contains_key(&Program::Certs)
    }

    /// Returns whether some listener speaks HTTP/2, with TLS or without.
    pub(crate) fn has_http2(&self) -> bool {
        self.plan.http2
    }

    /// Returns the programs without which it cannot serve.
    pub(crate) fn programs(&self) -> impl Iterator<Item = Program> {
        let has_status = self.plan.status_socket.is_some() || self.plan.status_address.is_some();
        let asked_for = [
            (self.has_filter(), Program::WafFilter),
            (self.has_encode(), Program::Encode),
            (self.has_tls(), Program::Tls),
            (self.has_tls(), Program::Keys),
            (!self.plan.acme.is_empty(), Program::Keygen),
            (!self.plan.acme.is_empty(), Program::Acme),
            (self.has_http2(), Program::ParseH2),
            (self.blobs.contains_key(&Program::ConnectTls), Program::ConnectTls),
            (self.blobs.contains_key(&Program::DispatchH2), Program::DispatchH2),
            (self.blobs.contains_key(&Program::Prober), Program::Prober),
            (self.blobs.contains_key(&Program::Resolve), Program::Resolve),
            (self.blobs.contains_key(&Program::Password), Program::Password),
            (self.plan.spool.is_some(), Program::Spool),
            (self.keeps_responses(), Program::Cache),
            (!self.plan.files.is_empty(), Program::Static),
            (has_status, Program::Status),
        ];
        [Program::Accept, Program::Parse, Program::Dispatch, Program::Connect, Program::Log]
            .into_iter()
            .chain(asked_for.into_iter().filter(|(wanted, _)| *wanted).map(|(_, program)| program))
    }

    /// Returns a core for each lane: one lane a core, or as many as the plan says, going round the
    /// cores that were left to us. A supervisor or a container may have kept some for others, or
    /// allow less time than the cores have.
    pub(crate) fn cores(&self) -> Vec<u32> {
        let ours = fosse_sys::process::cores();
        let lanes = match self.plan.lanes {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            lanes => usize::try_from(lanes).unwrap_or(1),
        };
        let max = usize::try_from(fosse_plan::LANES_MAX).unwrap_or(1);
        // Where the kernel does not say which cores are left, lanes are pinned to none.
        let cores = if ours.is_empty() { vec![fosse_spawn::CORE_ANY] } else { ours };
        cores.into_iter().cycle().take(lanes.min(max)).collect()
    }
}

/// Returns the number of descriptors that a process may have, which is start's own limit; `None`
/// for any number.
fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Returns the time in milliseconds of a clock that is `time` after now.
pub(crate) fn deadline_ms(now_ms: u64, time: Duration) -> u64 {
    // A plan has at most 2^32 ms.
    now_ms.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn seal(name: &str, bytes: &[u8]) -> Result<OwnedFd, String> {
    fosse_sys::memfd::sealed(name, bytes).map_err(|e| format!("unable to seal {name}: {e}"))
}
