//! From the files to the images.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fosse_gather::Problems;
use fosse_images::{Authority, CHAIN_COUNT_MAX, Certificate, Chains, Files, Key, Keys};
use fosse_settings::tls::{Certs, CertsFile};
use fosse_sys::blob::Mapped;
use fosse_wire::signing::SpkiHash;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::{
    PROGRAM,
    chain::{self, Checked, covers},
    key::{PrivateKey, spki_hash},
};

/// Certificates of the file of an authority.
const AUTHORITY_CERTIFICATES_MAX: usize = 255;

/// A certificate that is as it should be.
#[derive(Debug)]
struct Sound {
    chain: Vec<CertificateDer<'static>>,
    names: Vec<String>,
    not_after: u64,
    key: PrivateKey,
}

/// All that the files hold, once everything is right.
#[derive(Debug, Default)]
pub struct Read {
    certificates: Vec<Sound>,
    authorities: Vec<Vec<CertificateDer<'static>>>,
}

/// Makes both images, or ends the program with everything that is wrong.
pub fn make(task: &Certs, files: &Mapped, (chains, keys): (OwnedFd, OwnedFd)) {
    let files = Files::decode(files.as_ref()).unwrap_or_else(|error| unable(error)).files;
    if files.len() != task.files().count() {
        unable("the files are not those of this configuration");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut problems = Problems::default();
    let read = read(task, &files, now, &mut problems);
    refuse_any(&problems);
    let (public, secret) = encode(&read).unwrap_or_else(|error| unable(error));
    for (fd, bytes) in [(chains, &public[..]), (keys, &secret[..])] {
        if let Err(error) = File::from(fd).write_all(bytes) {
            fosse_die::temporary(PROGRAM, format_args!("unable to write an image: {error}"));
        }
    }
}

/// Reads all files; what is wrong is noted.
#[must_use]
pub fn read(task: &Certs, files: &[&[u8]], now: Duration, problems: &mut Problems) -> Read {
    let mut read = Read::default();
    let (pairs, authorities) = files.split_at(files.len().min(2 * task.certificates.len()));
    for (named, pair) in task.certificates.iter().zip(pairs.chunks_exact(2)) {
        let chain = noted(&named.file, chain::certificates(pair[0], CHAIN_COUNT_MAX), problems);
        let key = noted(&named.key, PrivateKey::of_pem(pair[1]), problems);
        let Some(mut chain) = chain else { continue };
        let checked = noted(&named.file, chain::check(&chain, key.as_ref(), now), problems);
        if let (Some(Checked { names, not_after, sent }), Some(key)) = (checked, key) {
            chain.truncate(sent);
            read.certificates.push(Sound { chain, names, not_after, key });
        }
    }
    for (named, pem) in task.authorities.iter().zip(authorities) {
        let all = chain::certificates(pem, AUTHORITY_CERTIFICATES_MAX);
        read.authorities.extend(noted(named, all, problems));
    }
    if problems.is_empty() {
        uncovered(task, &read, problems);
    }
    read
}

fn noted<T>(file: &CertsFile, result: Result<T, String>, problems: &mut Problems) -> Option<T> {
    result.map_err(|what| problems.note(format_args!("{}: {}: {what}", file.place, file.path))).ok()
}

/// Notes the names of sites that no certificate has: clients would be refused, or warned.
fn uncovered(task: &Certs, read: &Read, problems: &mut Problems) {
    let names: HashSet<&str> = read.certificates.iter().flat_map(|one| one.names.iter().map(String::as_str)).collect();
    for (host, place) in task.hosts.iter().filter(|(host, _)| !covers(&names, host)) {
        let cure = "name one that has it, or write tls.enabled = false in the site";
        problems.note(format_args!("{place}: no certificate has the name {host}; {cure}"));
    }
}

/// Returns the bytes of both images.
///
/// # Errors
/// More than fits.
pub fn encode(read: &Read) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), fosse_wire::WireError> {
    let mut chains = Chains::default();
    let mut keys: BTreeMap<SpkiHash, &PrivateKey> = BTreeMap::new();
    for one in &read.certificates {
        let spki = spki_hash(&one.key.spki);
        keys.insert(spki, &one.key);
        let chain = one.chain.iter().map(AsRef::as_ref).collect();
        let certificate = Certificate { spki, kind: one.key.kind, not_after: one.not_after, chain };
        chains.add(certificate, one.names.iter().map(String::as_bytes));
    }
    for authority in &read.authorities {
        chains.add_authority(Authority { certificates: authority.iter().map(AsRef::as_ref).collect() });
    }
    let keys = keys.into_iter().map(|(spki, key)| Key { spki, kind: key.kind, pkcs8: &key.pkcs8 });
    let keys = Keys { keys: keys.collect() };
    let mut secret = Zeroizing::new(Vec::with_capacity(keys.encoded_bytes()));
    keys.encode(&mut secret)?;
    Ok((chains.encode()?, secret))
}

/// Ends the program where there are problems, after the last of them.
fn refuse_any(problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    // A reader of messages that is gone changes nothing: the exit code says it too.
    let _ = std::io::stderr().write_all(problems.to_string().as_bytes());
    let count = problems.total();
    let what = if count == 1 { "problem" } else { "problems" };
    fosse_die::fatal(PROGRAM, format_args!("{count} {what} with certificates; nothing was changed"));
}

fn unable(why: impl std::fmt::Display) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("certificates: {why}"))
}
