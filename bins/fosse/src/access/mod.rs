//! Whom an edge lets in: users with passwords, links that are signed.

pub(crate) mod password;
pub(crate) mod sign;
