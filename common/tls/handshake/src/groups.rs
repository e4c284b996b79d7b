//! The groups of key exchange that are spoken here.

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number in IANA's registry.
    pub number: u16,
    /// Its name there.
    pub name: &'static str,
    /// Other names that people know it by.
    pub aliases: &'static [&'static str],
}

/// All of them. The first two are hybrids, which a quantum computer does not open; of these only
/// the first is spoken unless the configuration names the second.
pub const GROUPS: [Group; 5] = [
    Group { number: 0x11ec, name: "X25519MLKEM768", aliases: &[] },
    Group { number: 0x11eb, name: "SecP256r1MLKEM768", aliases: &[] },
    Group { number: 0x001d, name: "X25519", aliases: &[] },
    Group { number: 0x0017, name: "secp256r1", aliases: &["P-256", "prime256v1"] },
    Group { number: 0x0018, name: "secp384r1", aliases: &["P-384"] },
];

impl Group {
    /// Returns the group that somebody calls so.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        let is_named =
            |group: &&Self| std::iter::once(&group.name).chain(group.aliases).any(|one| one.eq_ignore_ascii_case(name));
        GROUPS.iter().find(is_named)
    }
}
