//! From a child to start.

use crate::{
    WireError,
    message::{MESSAGE_BYTES, Raw, narrow},
    strike::Strike,
};

/// From a child to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToStart {
    /// Locked down and serving.
    Ready,
    /// Nothing is under way any more; exit 0 follows.
    Drained,
    /// A zygote or the fork server has started a process, or could not.
    Started {
        /// Token of the launch.
        token: u32,
        /// Process id, 0 where it failed.
        pid: u32,
        /// errno of the failure, 0 without.
        errno: u16,
    },
    /// accept: to be kept for the next one.
    Strike(Strike),
    /// A zygote, before READY: its rules keep records, so its filters need a socket to fosse-store.
    KeepsRecords,
    /// acme: an order is ready for a request: a new key is to be made.
    KeyWanted {
        /// Number of the certificate in the configuration.
        certificate: u16,
    },
    /// acme: the memory of CHAIN-ROOM has the chain of the new key's certificate.
    Chain {
        /// Number of the certificate.
        certificate: u16,
    },
    /// status: somebody wants the files of certificates to be read again.
    CertificatesWanted {
        /// Tells one from the next.
        tag: u32,
    },
    /// tls: new handshakes are of this set of certificates.
    Adopted {
        /// Number of the set.
        set: u32,
    },
}

impl ToStart {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_BYTES] {
        match *self {
            Self::Ready => Raw { kind: 64, ..Raw::default() },
            Self::Drained => Raw { kind: 65, ..Raw::default() },
            Self::Started { token, pid, errno } => Raw { kind: 66, a: 0, b: errno, c: token, d: u64::from(pid) },
            Self::Strike(strike) => strike.raw(),
            Self::KeepsRecords => Raw { kind: 68, ..Raw::default() },
            Self::KeyWanted { certificate } => Raw { kind: 69, b: certificate, ..Raw::default() },
            Self::Chain { certificate } => Raw { kind: 70, b: certificate, ..Raw::default() },
            Self::CertificatesWanted { tag } => Raw { kind: 71, c: tag, ..Raw::default() },
            Self::Adopted { set } => Raw { kind: 72, c: set, ..Raw::default() },
        }
        .encode()
    }

    /// Reads a message; children never send descriptors here.
    ///
    /// # Errors
    /// [`WireError::Kind`] for an unknown one, layout errors as everywhere.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let raw = Raw::decode(bytes)?;
        match raw.kind {
            64 => Ok(Self::Ready),
            65 => Ok(Self::Drained),
            66 => Ok(Self::Started { token: raw.c, pid: narrow(raw.d)?, errno: raw.b }),
            Strike::KIND => Strike::of_raw(raw).map(Self::Strike),
            68 => Ok(Self::KeepsRecords),
            69 => Ok(Self::KeyWanted { certificate: raw.b }),
            70 => Ok(Self::Chain { certificate: raw.b }),
            71 => Ok(Self::CertificatesWanted { tag: raw.c }),
            72 => Ok(Self::Adopted { set: raw.c }),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_for_the_supervisor_comes_back() {
        let narrow = Strike { wide: false, source: 0xc000_0201, penalised: false, seconds: 7 };
        let wide = Strike { wide: true, source: u64::MAX, penalised: true, seconds: u32::MAX };
        for message in [
            ToStart::Ready,
            ToStart::Drained,
            ToStart::Started { token: 1, pid: 2, errno: 3 },
            ToStart::Strike(narrow),
            ToStart::Strike(wide),
            ToStart::KeepsRecords,
            ToStart::KeyWanted { certificate: u16::MAX },
            ToStart::Chain { certificate: u16::MAX },
            ToStart::CertificatesWanted { tag: u32::MAX },
            ToStart::Adopted { set: u32::MAX },
        ] {
            assert_eq!(ToStart::decode(&message.encode()), Ok(message));
        }
        let no_address = Strike { source: 1 << 32, ..narrow };
        assert_eq!(ToStart::decode(&ToStart::Strike(no_address).encode()), Err(WireError::Field("strike")));
    }
}
