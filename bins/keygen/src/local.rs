//! A certificate for this machine alone: an authority is made for it that may issue for these names
//! and no others (RFC 5280, section 4.2.1.10), and whose key is gone when this program ends. So
//! people can trust it, and nobody can issue anything else that they would believe.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use fosse_settings::tls::{Keygen, KeygenKey};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use zeroize::Zeroizing;

use crate::made::key;

/// A key, its certificate and that of the authority.
pub(crate) struct Local {
    /// PKCS#8 in PEM.
    pub(crate) key: Zeroizing<String>,
    /// The certificate and that of its authority, in PEM.
    pub(crate) chain: String,
    /// That of the authority, in PEM: what people trust.
    pub(crate) authority: String,
}

/// Shows nothing of the key.
impl core::fmt::Debug for Local {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Local").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// The days of a certificate: browsers take none that holds for longer (CA/Browser Forum Baseline
/// Requirements, section 6.3.2, before 2026).
const DAYS: u64 = 397;

/// Makes it, to hold from a second since 1970 on.
///
/// # Errors
/// A name that no certificate can have, or what the library says.
pub(crate) fn make(task: &Keygen, from_seconds: u64) -> Result<Local, Error> {
    let authority_key = key(KeygenKey::EcdsaP256)?;
    let own_key = key(task.key)?;
    let mut own = CertificateParams::new(task.names.clone())?;
    let mut authority = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("fosse local authority of {}", task.names.join(", ")));
    authority.distinguished_name = name;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: own.subject_alt_names.iter().filter_map(only).collect(),
        excluded_subtrees: excluded(&own.subject_alt_names),
    });
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "fosse local certificate");
    own.distinguished_name = name;
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    own.use_authority_key_identifier_extension = true;
    // An hour before: clocks of this machine and of what runs on it agree.
    let epoch = date_time_ymd(1970, 1, 1);
    let from = epoch + Duration::from_secs(from_seconds - from_seconds.min(3600));
    for one in [&mut own, &mut authority] {
        (one.not_before, one.not_after) = (from, from + Duration::from_secs(DAYS * 86_400));
    }
    let of_authority = authority.self_signed(&authority_key)?.pem();
    let of_own = own.signed_by(&own_key, &Issuer::from_params(&authority, &authority_key))?.pem();
    let chain = format!("{of_own}{of_authority}");
    Ok(Local { key: Zeroizing::new(own_key.serialize_pem()), chain, authority: of_authority })
}

/// Returns what an authority may issue for that is for this name alone.
fn only(name: &SanType) -> Option<GeneralSubtree> {
    match name {
        SanType::DnsName(name) => Some(GeneralSubtree::DnsName(name.as_str().to_owned())),
        SanType::IpAddress(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits)))
        }
        _ => None,
    }
}

/// Returns what an authority may not issue for: a form of names of which it has none is not bound
/// by those that it has.
fn excluded(names: &[SanType]) -> Vec<GeneralSubtree> {
    let mut excluded = Vec::new();
    if !names.iter().any(|name| matches!(name, SanType::IpAddress(_))) {
        let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        excluded.extend(all.map(|address| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, 0))));
    }
    if !names.iter().any(|name| matches!(name, SanType::DnsName(_))) {
        // Every name lies below the empty one.
        excluded.push(GeneralSubtree::DnsName(String::new()));
    }
    excluded
}
