//! fosse-plan: the configuration of fosse-start, in a layout fixed enough for a program that parses
//! nothing else.
//!
//! `magic | version | numbers | listeners | log paths | files | cache | files of TLS | acme |
//! blobs`, little-endian, consumed exactly. fosse-config writes it under lock-down; start checks
//! every number against its own limits before it acts on it.

#![forbid(unsafe_code)]

use core::time::Duration;

mod acme;
mod authorities;
mod files;
mod listener;
mod tls_file;

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    launch::Program,
};

pub use acme::{ACME_ID_BYTES, AcmePlan};
pub use authorities::{AUTHORITIES_MAX, AuthoritiesPlan, AuthorityFiles};
pub use files::FilesPlan;
pub use listener::{Listener, PATH_BYTES_MAX, Place};
pub use tls_file::{SYSTEM_ROOTS, TlsFile};

const MAGIC: [u8; 8] = *b"fossep16";
/// Longest configuration, all its files together: some 10,000 sites of 400 bytes. The worst text of
/// this length (one mistake a byte) takes 1 GiB and two seconds to refuse.
pub const CONFIGURATION_BYTES_MAX: usize = 4 << 20;
/// Lanes of one generation. One a core is the rule, and no edge is given more cores.
pub const LANES_MAX: u32 = 64;
/// Listeners of one edge.
pub const LISTENERS_MAX: usize = 64;
/// Sites of one edge.
const SITES_MAX: u32 = 10_000;
/// Backends of one edge.
const BACKENDS_MAX: u32 = 10_000;
/// Bytes of the file for bodies: more than a disk has for it.
const SPOOL_BYTES_MAX: u64 = 1 << 40;
/// Bytes of memory for responses that are kept.
const CACHE_BYTES_MAX: u64 = 1 << 36;
/// Bytes of disk for them.
const CACHE_DISK_BYTES_MAX: u64 = 1 << 40;
/// The scheduling of the programs on a request's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheduling {
    /// By what each of them has to do.
    #[default]
    Auto,
    /// As busy ones always.
    Batch,
    /// As start itself is scheduled.
    Inherit,
}

impl Scheduling {
    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        match c.u8()? {
            0 => Ok(Self::Auto),
            1 => Ok(Self::Batch),
            2 => Ok(Self::Inherit),
            _ => Err(WireError::Field("scheduling")),
        }
    }
}

/// The place for bodies that are longer than memory has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolPlan {
    /// The directory in which start makes a file without a name.
    pub spool_directory: Vec<u8>,
    /// Bytes of the file.
    pub spool_bytes_max: u64,
}

/// The place for responses that are kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDiskPlan {
    /// The directory in which start makes the files.
    pub cache_directory: Vec<u8>,
    /// Bytes of all of them.
    pub cache_disk_bytes_max: u64,
}

/// The configuration of start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Lanes of a generation, 0 for one a core.
    pub lanes: u32,
    /// First UID of the processes; slot n runs as `uid_base + n`.
    pub uid_base: u32,
    /// Group of every fosse-connect, beside which it has none; 0 for one of its own.
    pub group: u32,
    /// Longest time of a generation after the drain began; in the layout u32 milliseconds.
    pub drain_seconds_max: Duration,
    /// Longest time of the end of the edge; in the layout u32 milliseconds.
    pub stop_seconds_max: Duration,
    /// Connections of one lane.
    pub lane_connections_max: u32,
    /// Event lines that a process may write in a second.
    pub log_second_lines_max: u32,
    /// Number of sites, each of which parse counts by itself.
    pub sites: u32,
    /// Number of backends, each of which dispatch counts by itself.
    pub backends: u32,
    /// Some site has its responses inspected: waf-filter is a stage of the response path too.
    pub inspect_responses: bool,
    /// The scheduling of its children.
    pub scheduling: Scheduling,
    /// Clients are offered HTTP/2: lanes have its front, with the settings of parse.
    pub http2: bool,
    /// This is no plan yet but the settings of fosse-load alone: fosse-config wants the files that
    /// the configuration includes, which fosse-load reads, and then writes the plan.
    pub includes: bool,
    /// In the order of their index.
    pub listeners: Vec<Listener>,
    /// File for access lines, below start's log directory; empty for none.
    pub access_log: Vec<u8>,
    /// File for audit lines, below start's log directory; empty for none.
    pub audit_log: Vec<u8>,
    /// Unix socket of fosse-status.
    pub status_socket: Option<Place>,
    /// TCP socket of fosse-status.
    pub status_address: Option<Place>,
    /// The spool, where there is one; in the layout u64 bytes, 0 for none, and the directory.
    pub spool: Option<SpoolPlan>,
    /// The backends that serve files, in the order of their number.
    pub files: Vec<FilesPlan>,
    /// Bytes of memory for responses that are kept; 0 where none are.
    pub cache_bytes: u64,
    /// The disk for them, where there is one; in the layout of the spool.
    pub cache_disk: Option<CacheDiskPlan>,
    /// Files of certificates, keys and authorities, as fosse-certs numbers them.
    pub tls_files: Vec<TlsFile>,
    /// Certificates that are got by ACME, in the order of their number.
    pub acme: Vec<AcmePlan>,
    /// The authorities of which they are ordered; none without such certificates.
    pub authorities: Option<AuthoritiesPlan>,
    /// Configuration of each program that runs.
    pub blobs: Vec<(Program, Vec<u8>)>,
}

impl Plan {
    /// Returns the bytes that fosse-config writes.
    ///
    /// # Errors
    /// [`WireError::Field`] for a part longer than its length field, or a time of more than 32
    /// bits.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = MAGIC.to_vec();
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).map_err(|_| WireError::Field("time"));
        let (drain_ms, stop_ms) = (milliseconds(self.drain_seconds_max)?, milliseconds(self.stop_seconds_max)?);
        let (connections, lines) = (self.lane_connections_max, self.log_second_lines_max);
        for number in [self.lanes, self.uid_base, self.group, drain_ms, stop_ms, connections, lines] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.sites, self.backends] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(u8::from(self.inspect_responses));
        out.push(self.scheduling as u8);
        out.push(u8::from(self.http2));
        out.push(u8::from(self.includes));
        put_count(&mut out, self.listeners.len())?;
        for listener in &self.listeners {
            listener.put(&mut out)?;
        }
        for path in [&self.access_log, &self.audit_log] {
            put_short(&mut out, path, "path")?;
        }
        for place in [&self.status_socket, &self.status_address] {
            out.push(u8::from(place.is_some()));
            place.iter().try_for_each(|place| place.put(&mut out))?;
        }
        put_disk(&mut out, self.spool.as_ref().map(|spool| (&*spool.spool_directory, spool.spool_bytes_max)))?;
        put_count(&mut out, self.files.len())?;
        self.files.iter().try_for_each(|files| files.put(&mut out))?;
        out.extend_from_slice(&self.cache_bytes.to_le_bytes());
        let cache_disk = self.cache_disk.as_ref().map(|disk| (&*disk.cache_directory, disk.cache_disk_bytes_max));
        put_disk(&mut out, cache_disk)?;
        TlsFile::put_all(&self.tls_files, &mut out)?;
        AcmePlan::put_all(&self.acme, &mut out)?;
        AuthoritiesPlan::put_optional(self.authorities.as_ref(), &mut out)?;
        put_count(&mut out, self.blobs.len())?;
        for (program, blob) in &self.blobs {
            out.push(*program as u8);
            put_long(&mut out, blob, "blob")?;
        }
        Ok(out)
    }

    /// Reads a plan, consuming exactly `bytes`.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array::<8>()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let mut plan = Self {
            lanes: c.u32()?,
            uid_base: c.u32()?,
            group: c.u32()?,
            drain_seconds_max: Duration::from_millis(u64::from(c.u32()?)),
            stop_seconds_max: Duration::from_millis(u64::from(c.u32()?)),
            lane_connections_max: c.u32()?,
            log_second_lines_max: c.u32()?,
            sites: c.u32()?,
            backends: c.u32()?,
            inspect_responses: take_bool(&mut c, "inspect responses")?,
            scheduling: Scheduling::take(&mut c)?,
            http2: take_bool(&mut c, "http2")?,
            includes: take_bool(&mut c, "includes")?,
            ..Self::default()
        };
        let listeners = usize::from(c.u16()?);
        let rows_fit = plan.sites <= SITES_MAX && plan.backends <= BACKENDS_MAX;
        if plan.lanes > LANES_MAX || listeners > LISTENERS_MAX || !rows_fit {
            return Err(WireError::Field("plan size"));
        }
        for _ in 0..listeners {
            plan.listeners.push(Listener::take(&mut c)?);
        }
        plan.access_log = c.short_bytes()?.to_vec();
        plan.audit_log = c.short_bytes()?.to_vec();
        plan.status_socket = Place::take_optional(&mut c)?;
        plan.status_address = Place::take_optional(&mut c)?;
        plan.spool = take_spool(&mut c)?;
        plan.files = FilesPlan::take_all(&mut c)?;
        (plan.cache_bytes, plan.cache_disk) = take_cache(&mut c)?;
        plan.tls_files = TlsFile::take_all(&mut c)?;
        (plan.acme, plan.authorities) = (AcmePlan::take_all(&mut c)?, AuthoritiesPlan::take_optional(&mut c)?);
        plan.blobs = take_blobs(&mut c)?;
        c.end()?;
        Ok(plan)
    }

    /// Returns the blob of a program; empty where it has none.
    #[must_use]
    pub fn blob(&self, program: Program) -> &[u8] {
        self.blobs.iter().find(|(p, _)| *p == program).map_or(&[], |(_, blob)| blob)
    }
}

fn take_bool(c: &mut Cursor<'_>, what: &'static str) -> Result<bool, WireError> {
    match c.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::Field(what)),
    }
}

fn take_blobs(c: &mut Cursor<'_>) -> Result<Vec<(Program, Vec<u8>)>, WireError> {
    (0..c.u16()?).map(|_| Ok((Program::from_byte(c.u8()?)?, c.long_bytes()?.to_vec()))).collect()
}

fn take_spool(c: &mut Cursor<'_>) -> Result<Option<SpoolPlan>, WireError> {
    let disk = take_disk(c, SPOOL_BYTES_MAX, "spool")?;
    Ok(disk.map(|(spool_directory, spool_bytes_max)| SpoolPlan { spool_directory, spool_bytes_max }))
}

fn take_cache(c: &mut Cursor<'_>) -> Result<(u64, Option<CacheDiskPlan>), WireError> {
    let bytes = Some(c.u64()?).filter(|bytes| *bytes <= CACHE_BYTES_MAX).ok_or(WireError::Field("cache"))?;
    let disk = take_disk(c, CACHE_DISK_BYTES_MAX, "cache disk")?
        .map(|(cache_directory, cache_disk_bytes_max)| CacheDiskPlan { cache_directory, cache_disk_bytes_max });
    Ok((bytes, disk))
}

fn put_disk(out: &mut Vec<u8>, disk: Option<(&[u8], u64)>) -> Result<(), WireError> {
    let (directory, bytes_max) = disk.unwrap_or_default();
    out.extend_from_slice(&bytes_max.to_le_bytes());
    put_short(out, directory, "path")
}

/// Reads a directory and the bytes of the files there, where there is one.
fn take_disk(c: &mut Cursor<'_>, most: u64, what: &'static str) -> Result<Option<(Vec<u8>, u64)>, WireError> {
    let (bytes_max, directory) = (c.u64()?, c.short_bytes()?.to_vec());
    if bytes_max == 0 && directory.is_empty() {
        return Ok(None);
    }
    let is_sound = !directory.is_empty() && !directory.contains(&0);
    if !is_sound || !(1..=most).contains(&bytes_max) {
        return Err(WireError::Field(what));
    }
    Ok(Some((directory, bytes_max)))
}

fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), WireError> {
    out.extend_from_slice(&u16::try_from(count).map_err(|_| WireError::Field("count"))?.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities() -> AuthoritiesPlan {
        AuthoritiesPlan {
            ask_over_http: true,
            ask_over_tls: false,
            connect: vec![5],
            files: vec![AuthorityFiles {
                roots: None,
                binding_key: Some(TlsFile { path: b"/k".to_vec(), place: b"a:1".to_vec(), is_key: true }),
            }],
        }
    }

    #[expect(clippy::too_many_lines, reason = "every field of a plan, once, in one place")]
    fn sample() -> Plan {
        Plan {
            lanes: 2,
            uid_base: 1000,
            group: 1001,
            drain_seconds_max: Duration::from_millis(5),
            stop_seconds_max: Duration::from_millis(6),
            lane_connections_max: 9,
            log_second_lines_max: 8,
            sites: 3,
            backends: 4,
            inspect_responses: true,
            scheduling: Scheduling::Inherit,
            http2: true,
            includes: true,
            listeners: vec![
                Listener {
                    name: b"http".to_vec(),
                    place: Place::Tcp { addr: [1; 16], port: 80 },
                    backlog: 7,
                    keepalive_seconds: 60,
                    freebind: true,
                },
                Listener {
                    name: vec![],
                    place: Place::Unix { path: b"/run/x".to_vec(), owner: 0, group: u32::MAX, mode: 0o660 },
                    backlog: 0,
                    keepalive_seconds: 0,
                    freebind: false,
                },
            ],
            access_log: b"access.log".to_vec(),
            status_address: Some(Place::Tcp { addr: [1; 16], port: 9145 }),
            spool: Some(SpoolPlan { spool_directory: b"/var/tmp".to_vec(), spool_bytes_max: SPOOL_BYTES_MAX }),
            cache_bytes: CACHE_BYTES_MAX,
            cache_disk: Some(CacheDiskPlan { cache_directory: b"/var/cache".to_vec(), cache_disk_bytes_max: 9 }),
            files: vec![FilesPlan { name: b"www".to_vec(), root: b"/srv/www".to_vec(), settings: vec![4, 5] }],
            tls_files: vec![TlsFile { path: b"/k.pem".to_vec(), place: b"fosse.toml:3".to_vec(), is_key: true }],
            acme: vec![AcmePlan { id: [7; ACME_ID_BYTES], keygen: vec![6] }],
            authorities: Some(authorities()),
            blobs: vec![(Program::Accept, vec![1, 2, 3])],
            ..Plan::default()
        }
    }

    #[test]
    fn a_plan_comes_back_and_a_cut_or_longer_one_does_not() {
        let mut bytes = sample().encode().unwrap();
        assert_eq!(Plan::decode(&bytes).unwrap(), sample());
        for cut in 0..bytes.len() {
            assert!(Plan::decode(&bytes[..cut]).is_err());
        }
        bytes.push(0);
        assert_eq!(Plan::decode(&bytes), Err(WireError::Long));
    }

    #[test]
    fn a_flipped_bit_never_panics_and_decodes_to_the_same_bytes_or_not_at_all() {
        let whole = sample().encode().unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(plan) = Plan::decode(&bytes) {
                assert_eq!(plan.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn refuses_more_lanes_sites_and_backends_and_longer_paths_than_there_can_be() {
        let lanes = Plan { lanes: LANES_MAX + 1, ..sample() };
        let sites = Plan { sites: SITES_MAX + 1, ..sample() };
        let backends = Plan { backends: BACKENDS_MAX + 1, ..sample() };
        for plan in [lanes, sites, backends] {
            assert!(Plan::decode(&plan.encode().unwrap()).is_err());
        }
        let spool = SpoolPlan { spool_directory: b"/x".to_vec(), spool_bytes_max: SPOOL_BYTES_MAX + 1 };
        assert!(Plan::decode(&Plan { spool: Some(spool), ..sample() }.encode().unwrap()).is_err());
        let (cache_directory, cache_disk_bytes_max) = (b"/x".to_vec(), CACHE_DISK_BYTES_MAX + 1);
        let disk = CacheDiskPlan { cache_directory, cache_disk_bytes_max };
        assert!(Plan::decode(&Plan { cache_disk: Some(disk), ..sample() }.encode().unwrap()).is_err());
        let mut path = sample();
        path.listeners[1].place = Place::Unix { path: vec![b'x'; 108], owner: 0, group: 0, mode: 0o600 };
        assert!(Plan::decode(&path.encode().unwrap()).is_err());
    }
}
