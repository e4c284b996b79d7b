//! How a program ends.

use rustix::io::Errno;

/// The reason for which the loop of a program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// There is nothing left to do. Exit status 0.
    Done,
    /// The program was told to drain, and nothing is under way any more: start is sent DRAINED.
    /// Exit status 0.
    Drained,
    /// The program lost something that a new process will have again. One line says what; exit
    /// status 111.
    Failed(String),
    /// The same, of which [`Service::finish`](crate::Service::finish) has written its own line.
    /// Exit status 111.
    Reported,
}

impl ExitReason {
    /// Returns the failure of a peer that said something that is not in the conversation.
    #[must_use]
    pub fn broken_protocol(peer: &str) -> Self {
        Self::Failed(format!("{peer} broke the protocol"))
    }
}

/// The kernel refused something that the loop cannot do without.
impl From<Errno> for ExitReason {
    fn from(errno: Errno) -> Self {
        Self::Failed(format!("unable to serve: {errno}"))
    }
}
