//! Certificates of the store: each is one file, with its key and its chain, as they were put there
//! together.

use std::collections::HashSet;
use std::time::Duration;

use fosse_die::{Escaped, warning};
use fosse_gather::Problems;
use fosse_images::CHAIN_COUNT_MAX;
use fosse_settings::tls::{Certs, CertsAcme};

use crate::{
    PROGRAM,
    chain::{self, covers},
    key::PrivateKey,
    sound::{Sound, Source, Strictness},
};

/// Reads those that are there. One that is not right is left out, and another is got in its place;
/// but the one that has just been issued is refused.
pub(crate) fn read(
    task: &Certs,
    files: &[&[u8]],
    now: Duration,
    strictness: Strictness,
    (certificates, problems): (&mut Vec<Sound>, &mut Problems),
) {
    for (number, (named, pem)) in task.acme.iter().zip(files).enumerate().filter(|(_, (_, pem))| !pem.is_empty()) {
        let is_new = strictness.issued == Some(number);
        match one(named, pem, now, is_new) {
            Ok((chain, checked, key)) => {
                if let Some(why) = &checked.untimely {
                    say(named, "certificate-untimely", why);
                }
                certificates.push(Sound::of(chain, checked, key, Source::Store(number)));
            }
            Err(why) if is_new => problems.note(format_args!("{}: what was issued: {why}", named.place)),
            Err(why) => say(named, "stored-certificate-left-out", &why),
        }
    }
}

type Parts = (Vec<rustls_pki_types::CertificateDer<'static>>, chain::Checked, PrivateKey);

fn one(named: &CertsAcme, pem: &[u8], now: Duration, is_new: bool) -> Result<Parts, String> {
    let key = PrivateKey::of_pem(pem)?;
    let chain = chain::certificates_beside_key(pem, CHAIN_COUNT_MAX)?;
    let checked = chain::check(&chain, Some(&key), now)?;
    let names: HashSet<&str> = checked.names.iter().map(String::as_str).collect();
    if let Some(missing) = named.names.iter().find(|name| !covers(&names, name)) {
        return Err(format!("the certificate lacks the name {missing}"));
    }
    match &checked.untimely {
        Some(why) if is_new => Err(why.clone()),
        _ => Ok((chain, checked, key)),
    }
}

fn say(named: &CertsAcme, event: &str, why: &str) {
    let place = Escaped(named.place.as_bytes());
    warning(PROGRAM, format_args!("event={event} place={place} why={}", Escaped(why.as_bytes())));
}
