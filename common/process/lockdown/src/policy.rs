//! Policies: the rights of a program, as data with reasons.

pub use nix::sys::resource::Resource;

use crate::Call;

/// The rights of one program once it is locked. Everything not named here is forbidden.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Name of the program, as in its messages: `fosse-accept`.
    pub program: &'static str,
    /// System calls beyond [`crate::BASE`].
    pub syscalls: &'static [Row],
    /// The actions that Landlock leaves open.
    pub reach: &'static [Reach],
    /// Resource limits beyond the ones every program has, or instead of them.
    pub limits: &'static [Limit],
    /// The consequence of the parent's death.
    pub parent: Parent,
}

impl Policy {
    /// A program that may do nothing of its own; policies are written from it.
    pub const NOTHING: Policy =
        Policy { program: "fosse", syscalls: &[], reach: &[], limits: &[], parent: Parent::DieWith };
}

/// One permitted system call.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The call.
    pub call: Call,
    /// The arguments that are permitted.
    pub args: Args,
    /// The evidence of its need.
    pub why: Why,
    /// The purpose, for the reader.
    pub reason: &'static str,
}

impl Row {
    /// A call the program makes itself; it must occur in the test suite.
    pub const fn seen(call: Call, args: Args, reason: &'static str) -> Row {
        Row { call, args, why: Why::Seen, reason }
    }

    /// A call that libc, the Rust runtime or the kernel makes in cases a suite meets by chance
    /// only; a test provokes it.
    pub const fn platform(call: Call, args: Args, reason: &'static str) -> Row {
        Row { call, args, why: Why::Platform, reason }
    }

    /// A call that fails with `errno` instead of ending the process, because it is harmless to ask
    /// for and the caller can do without it. Overrides every other row for the call.
    pub const fn refused(call: Call, errno: u16, reason: &'static str) -> Row {
        Row { call, args: Args::Refuse(errno), why: Why::Platform, reason }
    }
}

/// The evidence of the need for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It occurs in the test suite.
    Seen,
    /// The platform needs it; a test of its own provokes it.
    Platform,
}

/// The arguments that are permitted.
#[derive(Clone, Copy, Debug)]
pub enum Args {
    /// Any (down to [`crate::FLOOR`]). The kernel remembers such calls in a bitmap and does not run
    /// the filter for them (Linux 5.11), so hot calls belong here.
    Any,
    /// Those for which all conditions hold. Several rows for one call permit either.
    All(&'static [Cond]),
    /// None: the call returns this errno.
    Refuse(u16),
}

impl Args {
    /// For sendto: to the peer the socket is connected to, without an address.
    pub const SENDTO_PEER: Args = Args::All(&[Cond::IsLong(4, 0)]);
}

/// A condition on one argument, counted from 0. `int` arguments are compared in 32 bits, as the
/// kernel sees no more.
#[derive(Clone, Copy, Debug)]
pub enum Cond {
    /// int argument `.0` equals `.1`.
    Is(u8, u32),
    /// int argument `.0` has none of the bits `.1`.
    Lacks(u8, u32),
    /// int argument `.0`, masked by `.1`, equals `.2`.
    Masked(u8, u32, u32),
    /// int argument `.0` is at most `.1`.
    AtMost(u8, u32),
    /// int argument `.0`, taken without a sign, is at least `.1`.
    AtLeast(u8, u32),
    /// Pointer or size argument `.0` equals `.1`, in 64 bits.
    IsLong(u8, u64),
    /// int argument `.0` is this process's own PID.
    OwnPid(u8),
}

/// An action that Landlock leaves open, with the reason.
#[derive(Clone, Copy, Debug)]
pub enum Reach {
    /// TCP connect to any port, until [`connect_to_ports`](crate::connect_to_ports) names some.
    ConnectTcp(&'static str),
    /// TCP bind to any port, until [`connect_to_ports`](crate::connect_to_ports) leaves that of no
    /// number, or none.
    BindTcp(&'static str),
    /// connect to unix sockets by path (kernels from 7.1 can forbid it).
    ConnectUnix(&'static str),
}

/// One resource limit, soft and hard alike.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The resource.
    pub resource: Resource,
    /// Its value; a lower hard limit that is already there stays.
    pub max: u64,
    /// The reason for this value.
    pub reason: &'static str,
}

/// The consequence of the parent's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// SIGKILL for this process too: a stage is nothing without its start.
    DieWith,
    /// Nothing: the program is run by a supervisor or a shell and ends by itself.
    Outlive,
}
