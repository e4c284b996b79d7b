//! From the files to the images.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fosse_die::{Escaped, warning};
use fosse_gather::Problems;
use fosse_images::{Authority, CHAIN_COUNT_MAX, Certificate, Chains, Files, Key, Keys};
use fosse_settings::tls::{Certs, CertsFile};
use fosse_sys::blob::Mapped;
use fosse_wire::signing::SpkiHash;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use zeroize::Zeroizing;

use crate::{
    PROGRAM,
    chain::{self, covers},
    key::{PrivateKey, spki_hash},
    listing::Listed,
    revoked::lists,
    sound::{Sound, Source, Strictness},
    stored,
};

/// Certificates of the file of an authority.
const AUTHORITY_CERTIFICATES_MAX: usize = 255;

/// All that the files hold, once everything is right.
#[derive(Debug, Default)]
pub struct Read {
    certificates: Vec<Sound>,
    authorities: Vec<Vec<CertificateDer<'static>>>,
    /// Lists of what authorities have revoked, each with the number of one.
    revoked: Vec<(u32, Vec<CertificateRevocationListDer<'static>>)>,
}

/// The memories that are filled.
#[derive(Debug)]
pub struct Outputs {
    /// The image of chains.
    pub chains: OwnedFd,
    /// The image of keys.
    pub keys: OwnedFd,
    /// The words about each certificate, or about what is wrong.
    pub listing: OwnedFd,
}

/// Makes both images, or ends the program with everything that is wrong.
pub fn make(task: &Certs, files: &Mapped, outputs: Outputs, strictness: Strictness) {
    let files = Files::decode(files.as_ref()).unwrap_or_else(|error| unable(error)).files;
    if files.len() != task.files().count() + task.acme.len() {
        unable("the files are not those of this configuration");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut problems = Problems::default();
    let read = read(task, &files, now, strictness, &mut problems);
    refuse_any(&problems, &outputs.listing);
    let (public, secret) = encode(&read).unwrap_or_else(|error| unable(error));
    let listing = listing(task, &read);
    for (fd, bytes) in
        [(outputs.chains, &public[..]), (outputs.keys, &secret[..]), (outputs.listing, listing.as_bytes())]
    {
        if let Err(error) = File::from(fd).write_all(bytes) {
            fosse_die::temporary(PROGRAM, format_args!("unable to write an image: {error}"));
        }
    }
}

/// Reads all files; what is wrong is noted.
#[must_use]
pub fn read(task: &Certs, files: &[&[u8]], now: Duration, strictness: Strictness, problems: &mut Problems) -> Read {
    let mut read = Read::default();
    let (pairs, rest) = files.split_at(files.len().min(2 * task.certificates.len()));
    let (authorities, rest) = rest.split_at(rest.len().min(task.authorities.len()));
    let (revoked, of_store) = rest.split_at(rest.len().min(task.revoked.len()));
    for (number, (named, pair)) in task.certificates.iter().zip(pairs.chunks_exact(2)).enumerate() {
        let chain = noted(&named.file, chain::certificates(pair[0], CHAIN_COUNT_MAX), problems);
        let key = noted(&named.key, PrivateKey::of_pem(pair[1]), problems);
        let Some(chain) = chain else { continue };
        let checked = noted(&named.file, chain::check(&chain, key.as_ref(), now), problems);
        if let (Some(checked), Some(key)) = (checked, key) {
            say_untimely(&named.file, checked.untimely.as_deref(), strictness, problems);
            read.certificates.push(Sound::of(chain, checked, key, Source::Files(number)));
        }
    }
    for (named, pem) in task.authorities.iter().zip(authorities) {
        let all = chain::certificates(pem, AUTHORITY_CERTIFICATES_MAX);
        read.authorities.extend(noted(named, all, problems));
    }
    for ((number, named), pem) in task.revoked.iter().zip(revoked) {
        if let Some((lists, ended)) = noted(named, lists(pem, now), problems) {
            say_untimely(named, ended.as_deref(), strictness, problems);
            read.revoked.push((*number, lists));
        }
    }
    stored::read(task, of_store, now, strictness, (&mut read.certificates, problems));
    if problems.is_empty() {
        uncovered(task, &read, problems);
    }
    read
}

fn noted<T>(file: &CertsFile, result: Result<T, String>, problems: &mut Problems) -> Option<T> {
    result.map_err(|what| problems.note(format_args!("{}: {}: {what}", file.place, file.path))).ok()
}

/// Says that something does not hold now: an edge whose other sites are fine serves them.
fn say_untimely(file: &CertsFile, why: Option<&str>, strictness: Strictness, problems: &mut Problems) {
    let Some(why) = why else { return };
    if strictness.untimely {
        return problems.note(format_args!("{}: {}: {why}", file.place, file.path));
    }
    let (place, path) = (Escaped(file.place.as_bytes()), Escaped(file.path.as_bytes()));
    warning(
        PROGRAM,
        format_args!("event=certificate-untimely place={place} file={path} why={}", Escaped(why.as_bytes())),
    );
}

/// Notes the names of sites that no certificate has, nor will have: clients would be refused, or
/// warned.
fn uncovered(task: &Certs, read: &Read, problems: &mut Problems) {
    let there = read.certificates.iter().flat_map(|one| one.names.iter());
    let names: HashSet<&str> = there.chain(task.acme.iter().flat_map(|one| &one.names)).map(String::as_str).collect();
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
        let (kind, not_after) = (one.key.kind, one.not_after);
        let certificate = Certificate { spki, kind, not_after, acme: one.acme(), chain };
        chains.add(certificate, one.names.iter().map(String::as_bytes));
    }
    for (authority, number) in read.authorities.iter().zip(0..) {
        let lists = read.revoked.iter().filter(|(of, _)| *of == number).flat_map(|(_, lists)| lists);
        let (certificates, revoked) =
            (authority.iter().map(AsRef::as_ref).collect(), lists.map(AsRef::as_ref).collect());
        chains.add_authority(Authority { certificates, revoked });
    }
    let keys = keys.into_iter().map(|(spki, key)| Key { spki, kind: key.kind, pkcs8: &key.pkcs8 });
    let keys = Keys { keys: keys.collect() };
    let mut secret = Zeroizing::new(Vec::with_capacity(keys.encoded_bytes()));
    keys.encode(&mut secret)?;
    Ok((chains.encode()?, secret))
}

/// Returns what there is to say of each certificate.
#[must_use]
pub fn listing(task: &Certs, read: &Read) -> String {
    let mut out = String::new();
    for one in &read.certificates {
        let (place, path) = match one.from {
            Source::Files(number) => task.certificates.get(number).map(|named| (&*named.file.place, &*named.file.path)),
            Source::Store(number) => task.acme.get(number).map(|named| (&*named.place, "")),
        }
        .unwrap_or_default();
        let (not_after, kind, acme) = (one.not_after, one.key.kind, one.acme());
        Listed { not_after, kind, acme, place, path, names: &one.names, issuer: &one.issuer }.write(&mut out);
    }
    out
}

/// Ends the program where there are problems, after the last of them.
fn refuse_any(problems: &Problems, listing: &OwnedFd) {
    if problems.is_empty() {
        return;
    }
    let said = problems.to_string();
    // A reader of messages that is gone changes nothing: the exit code says it too.
    let _ = std::io::stderr().write_all(said.as_bytes());
    let _ = rustix::io::write(listing, said.as_bytes());
    let count = problems.total();
    let what = if count == 1 { "problem" } else { "problems" };
    fosse_die::fatal(PROGRAM, format_args!("{count} {what} with certificates; nothing was changed"));
}

fn unable(why: impl std::fmt::Display) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("certificates: {why}"))
}
