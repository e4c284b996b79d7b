//! start and the processes that make processes: one SEQPACKET message a launch, with all
//! descriptors of the new process.
//!
//! The fork server executes a program by descriptor, a zygote goes on as an instance of itself;
//! both reply [`crate::start::ToStart::Started`]. The new process is start's child (CLONE_PARENT).

use crate::{
    WireError,
    cursor::{Cursor, put_short},
};

/// The programs of an edge. The number travels in launches, pages and log prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Program {
    /// Takes client connections.
    Accept = 0,
    /// HTTP/1 towards clients.
    Parse = 1,
    /// The web application firewall.
    WafFilter = 2,
    /// HTTP/1 towards backends.
    Dispatch = 3,
    /// Connects to backends.
    Connect = 4,
    /// Writes logs.
    Log = 5,
    /// Shows counters.
    Status = 6,
    /// Compiles the configuration.
    Config = 7,
    /// Bundles rule files.
    Load = 8,
    /// Serves files.
    Static = 9,
    /// Keeps the records of persistent collections.
    Store = 10,
    /// Checks the health of backend servers.
    Prober = 11,
    /// Keeps bodies that are longer than memory has room for.
    Spool = 12,
    /// Follows the names of backend servers.
    Resolve = 13,
    /// Checks passwords of users.
    Password = 14,
    /// Keeps responses.
    Cache = 15,
    /// Encodes responses.
    Encode = 16,
    /// TLS towards clients.
    Tls = 17,
    /// Signs handshakes.
    Keys = 18,
    /// Checks certificates and keys.
    Certs = 19,
    /// HTTP/2 towards clients.
    ParseH2 = 20,
    /// Makes private keys.
    Keygen = 21,
    /// Orders certificates.
    Acme = 22,
    /// TLS towards servers.
    ConnectTls = 23,
    /// HTTP/2 towards servers.
    DispatchH2 = 24,
}

impl Program {
    /// All programs, in the order of their numbers.
    pub const ALL: [Self; 25] = [
        Self::Accept,
        Self::Parse,
        Self::WafFilter,
        Self::Dispatch,
        Self::Connect,
        Self::Log,
        Self::Status,
        Self::Config,
        Self::Load,
        Self::Static,
        Self::Store,
        Self::Prober,
        Self::Spool,
        Self::Resolve,
        Self::Password,
        Self::Cache,
        Self::Encode,
        Self::Tls,
        Self::Keys,
        Self::Certs,
        Self::ParseH2,
        Self::Keygen,
        Self::Acme,
        Self::ConnectTls,
        Self::DispatchH2,
    ];

    /// The name of the executable without `fosse-`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Parse => "parse",
            Self::WafFilter => "waf-filter",
            Self::Dispatch => "dispatch",
            Self::Connect => "connect",
            Self::Log => "log",
            Self::Status => "status",
            Self::Config => "config",
            Self::Load => "load",
            Self::Static => "static",
            Self::Store => "store",
            Self::Prober => "prober",
            Self::Spool => "spool",
            Self::Resolve => "resolve",
            Self::Password => "password",
            Self::Cache => "cache",
            Self::Encode => "encode",
            Self::Tls => "tls",
            Self::Keys => "keys",
            Self::Certs => "certs",
            Self::ParseH2 => "parse-h2",
            Self::Keygen => "keygen",
            Self::Acme => "acme",
            Self::ConnectTls => "connect-tls",
            Self::DispatchH2 => "dispatch-h2",
        }
    }

    /// From the number on the wire.
    ///
    /// # Errors
    /// [`WireError::Field`] for a number outside the table.
    pub fn from_byte(byte: u8) -> Result<Self, WireError> {
        Self::ALL.into_iter().find(|program| *program as u8 == byte).ok_or(WireError::Field("program"))
    }
}

/// Descriptors that one process is spawned with, its program among them: connect has a channel to
/// each backend that serves files ([`crate::files::FILES_BACKENDS_MAX`]).
pub const LAUNCH_FDS_MAX: usize = 48;

/// Bytes of a process's command line: a dozen directories.
pub const LAUNCH_WORDS_BYTES_MAX: usize = 4096;

/// A new process: `u32 token | u32 uid | u32 gid | u32 cpu | u8 program | u8 mode | u8 count`, then
/// `count` target numbers and the words. Descriptor i becomes number `targets[i]`. For the fork
/// server one more descriptor comes first: the program. Words are the command line after the name,
/// a NUL after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch<'a> {
    /// start's token, given back in the response.
    pub token: u32,
    /// UID of the new process.
    pub uid: u32,
    /// GID of the new process.
    pub gid: u32,
    /// CPU it is pinned to, `u32::MAX` for none.
    pub cpu: u32,
    /// The program.
    pub program: Program,
    /// Sandbox mode: 0 default, 1 strict, 2 off, 3 trap.
    pub mode: u8,
    /// Numbers the descriptors get, in the order they come.
    pub targets: &'a [u8],
    /// Command line after the name, a NUL after each word.
    pub words: &'a [u8],
}

impl<'a> Launch<'a> {
    /// The bytes on the wire.
    ///
    /// # Errors
    /// [`WireError::Field`] for more than [`LAUNCH_FDS_MAX`] descriptors.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        if self.targets.len() > LAUNCH_FDS_MAX {
            return Err(WireError::Field("targets"));
        }
        let mut out = Vec::with_capacity(48);
        for number in [self.token, self.uid, self.gid, self.cpu] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let count = u8::try_from(self.targets.len()).map_err(|_| WireError::Field("targets"))?;
        out.extend_from_slice(&[self.program as u8, self.mode, count]);
        out.extend_from_slice(self.targets);
        put_short(&mut out, self.words, "words")?;
        Ok(out)
    }

    /// Reads a launch.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for values outside their range.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let (token, uid, gid, cpu) = (c.u32()?, c.u32()?, c.u32()?, c.u32()?);
        let program = Program::from_byte(c.u8()?)?;
        let mode = c.u8()?;
        let count = usize::from(c.u8()?);
        let targets = c.bytes(count)?;
        let words = c.short_bytes()?;
        c.end()?;
        if mode > 3
            || count > LAUNCH_FDS_MAX
            || words.len() > LAUNCH_WORDS_BYTES_MAX
            || !words.is_empty() && !words.ends_with(&[0])
        {
            return Err(WireError::Field("launch"));
        }
        Ok(Self { token, uid, gid, cpu, program, mode, targets, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_comes_back_and_a_cut_one_does_not() {
        let launch = Launch {
            token: 1,
            uid: 2,
            gid: 3,
            cpu: 0,
            program: Program::Parse,
            mode: 1,
            targets: &[0, 1, 2, 5],
            words: b"--a\0b\0",
        };
        let bytes = launch.encode().unwrap();
        assert_eq!(Launch::decode(&bytes), Ok(launch));
        for cut in 0..bytes.len() {
            assert!(Launch::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn each_program_has_a_number_of_its_own_and_comes_back_by_it() {
        assert!(Program::ALL.is_sorted_by(|one, next| one < next));
        for program in Program::ALL {
            assert_eq!(Program::from_byte(program as u8), Ok(program));
        }
        assert!(Program::from_byte(u8::MAX).is_err());
    }
}
