//! Names of servers, as fosse-resolve follows them.

use fosse_dns::Name;
use fosse_settings as blobs;

use crate::compile::checks::Digest;
use crate::compile::listeners::net;
use crate::model::{AddressFamily, Backend};

/// Addresses that names may have at a time, all together: the page of addresses has a place for
/// each.
pub(super) const ADDRESSES_NAMED_MAX: usize = 4096;

/// Returns the networks in which the addresses of a backend's names must lie.
pub(super) fn networks(backend: &Backend) -> Vec<blobs::Net> {
    backend.address_networks.iter().map(|network| net(&network.0)).collect()
}

/// Has a name followed for a backend. Returns the number of each address that it may have: the same
/// in every configuration in which the name is asked for in the same way, so that what is known of
/// it outlives a reload. All who want the same of a name share its addresses.
pub(super) fn follow(resolve: &mut blobs::Resolve, name: &Name, backend: &Backend) -> Vec<u64> {
    let followed = blobs::FollowedName {
        name: name.as_str().to_owned(),
        address_family: match backend.address_family.value {
            AddressFamily::Any => blobs::AddressFamily::Any,
            AddressFamily::Ipv4 => blobs::AddressFamily::Ipv4,
            AddressFamily::Ipv6 => blobs::AddressFamily::Ipv6,
        },
        networks: networks(backend),
        numbers: Vec::new(),
    };
    add(resolve, followed, backend.addresses_max.value)
}

/// Has a name followed, wherever its addresses lie. Returns the number of each that it may have.
pub(super) fn follow_anywhere(resolve: &mut blobs::Resolve, name: &Name, addresses_max: u32) -> Vec<u64> {
    let followed = blobs::FollowedName { name: name.as_str().to_owned(), ..blobs::FollowedName::default() };
    add(resolve, followed, addresses_max)
}

fn add(resolve: &mut blobs::Resolve, followed: blobs::FollowedName, addresses_max: u32) -> Vec<u64> {
    let numbers: Vec<u64> = (0..addresses_max).map(|slot| number(&followed, slot)).collect();
    let same = |other: &&mut blobs::FollowedName| other.numbers.first() == numbers.first();
    match resolve.names.iter_mut().find(same) {
        Some(other) if other.numbers.len() < numbers.len() => other.numbers.clone_from(&numbers),
        Some(_) => {}
        None => resolve.names.push(blobs::FollowedName { numbers: numbers.clone(), ..followed }),
    }
    numbers
}

/// Returns the number of an address of a name.
fn number(followed: &blobs::FollowedName, slot: u32) -> u64 {
    let blobs::FollowedName { name, address_family, networks, .. } = followed;
    let mut digest = Digest::default();
    digest.part(name.as_bytes());
    let family = match address_family {
        blobs::AddressFamily::Any => 0,
        blobs::AddressFamily::Ipv4 => 4,
        blobs::AddressFamily::Ipv6 => 6,
    };
    digest.values(networks.iter().flat_map(|net| [u128::from_be_bytes(net.addr), net.prefix.into()]));
    digest.values([family, slot.into()]);
    digest.number()
}
