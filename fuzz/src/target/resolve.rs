//! What must hold whatever /etc/resolv.conf and /etc/hosts hold.

use fosse_dns::Name;
use fosse_resolve::files::{hosts, name_servers};

/// Either file.
///
/// # Panics
/// Where a promise is broken.
pub fn files(data: &[u8]) {
    let servers = name_servers(data);
    assert!((1..=8).contains(&servers.len()) && servers.iter().all(|server| server.port() == 53));
    let wanted: Vec<_> = ["app.internal", "a", "localhost"].into_iter().filter_map(Name::parse).collect();
    for (name, addresses) in hosts(data, &wanted) {
        assert!(wanted.contains(&name) && !addresses.is_empty() && addresses.len() <= fosse_dns::ADDRESSES_MAX);
    }
}
