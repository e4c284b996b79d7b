//! The certificate authorities of which certificates are ordered: what start gives to fosse-acme
//! besides its settings.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
};

use crate::{TlsFile, take_bool};

/// Certificate authorities of one edge: fosse-acme has two descriptors for each.
pub const AUTHORITIES_MAX: usize = 8;
/// Bytes of the table of their addresses.
const CONNECT_BYTES_MAX: usize = 64 * 1024;

/// The files of an authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityFiles {
    /// The certificates by which it is known; none for those that the system trusts.
    pub roots: Option<TlsFile>,
    /// The key that binds the account to another one, where there is one.
    pub binding_key: Option<TlsFile>,
}

/// The authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthoritiesPlan {
    /// Settings of the connect that reaches them, and nothing else.
    pub connect: Vec<u8>,
    /// Their files, in the order of their number.
    pub files: Vec<AuthorityFiles>,
    /// Some ask for their proofs over HTTP (RFC 8555, section 8.3).
    pub ask_over_http: bool,
    /// Some ask for their proofs in a handshake (RFC 8737).
    pub ask_over_tls: bool,
}

impl AuthoritiesPlan {
    pub(crate) fn put_optional(plan: Option<&Self>, out: &mut Vec<u8>) -> Result<(), WireError> {
        out.push(u8::from(plan.is_some()));
        let Some(Self { connect, files, ask_over_http, ask_over_tls }) = plan else { return Ok(()) };
        out.extend([*ask_over_http, *ask_over_tls].map(u8::from));
        put_long(out, connect, "connect")?;
        let count = u8::try_from(files.len()).ok().filter(|_| files.len() <= AUTHORITIES_MAX);
        out.push(count.ok_or(WireError::Field("certificate authorities"))?);
        for file in files.iter().flat_map(|files| [&files.roots, &files.binding_key]) {
            match file {
                Some(file) => {
                    put_short(out, &file.path, "path")?;
                    put_short(out, &file.place, "place")?;
                }
                None => {
                    put_short(out, b"", "path")?;
                    put_short(out, b"", "place")?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn take_optional(c: &mut Cursor<'_>) -> Result<Option<Self>, WireError> {
        if !take_bool(c, "certificate authorities")? {
            return Ok(None);
        }
        let [ask_over_http, ask_over_tls] = [take_bool(c, "challenges")?, take_bool(c, "challenges")?];
        let connect = c.long_bytes()?.to_vec();
        let count = usize::from(c.u8()?);
        if count > AUTHORITIES_MAX || connect.len() > CONNECT_BYTES_MAX {
            return Err(WireError::Field("certificate authorities"));
        }
        let files = (0..count).map(|_| Ok(AuthorityFiles { roots: file(c, false)?, binding_key: file(c, true)? }));
        let files = files.collect::<Result<_, WireError>>()?;
        Ok(Some(Self { connect, files, ask_over_http, ask_over_tls }))
    }
}

fn file(c: &mut Cursor<'_>, is_key: bool) -> Result<Option<TlsFile>, WireError> {
    let (path, place) = (c.short_bytes()?.to_vec(), c.short_bytes()?.to_vec());
    if path.contains(&0) || path.is_empty() && !place.is_empty() {
        return Err(WireError::Field("path"));
    }
    Ok((!path.is_empty()).then_some(TlsFile { path, place, is_key }))
}
