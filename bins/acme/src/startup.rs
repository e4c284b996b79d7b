//! What is read once: the roots by which authorities are known, and the keys that bind accounts to
//! others.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use fosse_service::{ExitReason, Given};
use fosse_settings::acme::CertificateAuthority;
use rustix::io::pread;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::authorities::Reach;
use crate::client::{Client, host_of};
use crate::desk::Desk;
use crate::limits::{BINDING_KEY_BYTES_MAX, ROOTS_BYTES_MAX};
use crate::order::Authority;

/// Descriptor of the first authority's `ca_file`; those of the others follow.
const CA_FILE_FD_FIRST: i32 = 16;
/// Descriptor of the first authority's `key_file`; those of the others follow.
const KEY_FILE_FD_FIRST: i32 = 24;

/// Reads what there is for each authority.
///
/// # Errors
/// The authority, and what is wrong.
pub(crate) fn authorities(
    given: &mut Given,
    all: Vec<CertificateAuthority>,
    desk: &Desk,
) -> Result<(Vec<Arc<Authority>>, Vec<Reach>), ExitReason> {
    let mut authorities = Vec::new();
    let mut reaches = Vec::new();
    for (at, settings) in all.into_iter().enumerate() {
        let number = i32::try_from(at).unwrap_or(i32::MAX);
        let name = settings.name.clone();
        let failed = |why: String| ExitReason::Failed(format!("acme \"{name}\": {why}"));
        let ca_file =
            given.optional(CA_FILE_FD_FIRST + number).ok_or_else(|| failed("no ca_file was given".to_owned()))?;
        let config = config(&ca_file).map_err(failed)?;
        let (authority, host, _) =
            host_of(&settings.directory).ok_or_else(|| failed("its directory is no URL".to_owned()))?;
        let host = ServerName::try_from(host).map_err(|error| failed(error.to_string()))?;
        reaches.push(Reach { config, host, servers: settings.servers });
        let key_file = given.optional(KEY_FILE_FD_FIRST + number);
        let binding_key = key_file.map(|file| binding_key_of(&file)).transpose().map_err(failed)?;
        let client = Client { desk: desk.clone(), authority: at, host: authority };
        authorities.push(Arc::new(Authority { settings, binding_key, client }));
    }
    Ok((authorities, reaches))
}

/// Reads a file that others may write to meanwhile: as much as there is, and no more than it may
/// have.
fn read(file: &OwnedFd, bytes_max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; bytes_max + 1];
    let mut length = 0;
    while length < bytes.len() {
        match pread(file, &mut bytes[length..], u64::try_from(length).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(errno) => return Err(errno.to_string()),
        }
    }
    bytes.truncate(length);
    if length > bytes_max { Err(format!("a file of more than {bytes_max} bytes")) } else { Ok(bytes) }
}

fn config(ca_file: &OwnedFd) -> Result<Arc<ClientConfig>, String> {
    let pem = read(ca_file, ROOTS_BYTES_MAX)?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("its ca_file: {error}"))?;
        // Of all that a system trusts some may be of a kind that nobody here knows.
        let _ = store.add(certificate);
    }
    if store.is_empty() {
        return Err("its ca_file has no certificate of an authority".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(store).with_no_client_auth();
    Ok(Arc::new(config))
}

/// Reads a key as authorities show it to people: base64url, with or without padding.
fn binding_key_of(key_file: &OwnedFd) -> Result<Vec<u8>, String> {
    let text = read(key_file, BINDING_KEY_BYTES_MAX)?;
    let text = text.trim_ascii();
    let key = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text));
    key.map_err(|_| "its key_file has no key in base64url".to_owned())
}
