//! The effect of a request, by which it may reach two servers or not.

/// The effect of a method on the application (RFC 9110, sections 9.2.1 and 9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// None: it is safe.
    None,
    /// One that is the same when the request comes twice.
    Once,
    /// One that may come twice with the request.
    Repeated,
}

impl Effect {
    pub(super) const fn of(method: &[u8]) -> Self {
        match method {
            b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" => Self::None,
            b"PUT" | b"DELETE" => Self::Once,
            _ => Self::Repeated,
        }
    }
}
