//! One name: the addresses that it has, those that are used, and what the log is told.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use fosse_counters::AddressesPage;
use fosse_deadlines::after;
use fosse_die::{info, warning};
use fosse_dns::{Kind, Name};
use fosse_settings::{AddressFamily, FollowedName, permits};

use crate::{PROGRAM, limits, slots::assign};

/// One kind of address of a name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: Kind,
    /// Those that the last response had and that the name may have; those of the page until there
    /// is one.
    pub(crate) addresses: Vec<[u8; 16]>,
    /// Time at which it is asked for again, in milliseconds; `None` where it stands in /etc/hosts.
    pub(crate) due_ms: Option<u64>,
    pub(crate) under_way: bool,
    /// Questions in a row that nobody had a response to.
    pub(crate) failures: u32,
    /// Time since which name servers say that there is none, while its last addresses are kept.
    pub(crate) nothing_since_ms: Option<u64>,
    /// It has been asked for, whatever came of it.
    decided: bool,
}

/// A name that is followed.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) settings: FollowedName,
    pub(crate) name: Name,
    pub(crate) families: Vec<Family>,
    /// Places in the page; `None` where there is none left, which fosse-config prevents.
    places: Vec<Option<usize>>,
    slots: Vec<Option<[u8; 16]>>,
    /// Addresses that it has and may not have, as of the last response.
    refused: Vec<[u8; 16]>,
    /// It is known in the log that it has no address.
    is_said_unresolved: bool,
}

impl Followed {
    /// `None` where the name is none, which fosse-config prevents.
    pub(crate) fn new(
        settings: FollowedName,
        places: Vec<Option<usize>>,
        page: &AddressesPage,
        now_ms: u64,
    ) -> Option<Self> {
        let name = Name::parse(&settings.name)?;
        let known = |place: Option<usize>| place.and_then(|place| page.get(place).address);
        let slots: Vec<_> = places.iter().map(|place| known(*place)).collect();
        let families = kinds(settings.address_family).iter().map(|kind| Family {
            kind: *kind,
            addresses: slots.iter().flatten().copied().filter(|address| kind_of(*address) == *kind).collect(),
            due_ms: Some(now_ms),
            under_way: false,
            failures: 0,
            nothing_since_ms: None,
            decided: false,
        });
        let families = families.collect();
        Some(Self { settings, name, families, places, slots, refused: Vec::new(), is_said_unresolved: false })
    }

    pub(crate) fn has_address(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }

    /// Takes over the addresses of a family. Returns how many of them it may not have and did not
    /// have before; those are logged.
    pub(crate) fn has_addresses(
        &mut self,
        family: usize,
        addresses: Vec<[u8; 16]>,
        is_own: fn([u8; 16]) -> bool,
    ) -> u64 {
        let networks = &self.settings.networks;
        let is_refused = |address: &[u8; 16]| !permits(networks, address) || networks.is_empty() && is_own(*address);
        let (refused, kept): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_refused);
        let kind = self.families[family].kind;
        let new: Vec<_> = refused.iter().filter(|address| !self.refused.contains(address)).copied().collect();
        for address in &new {
            let (name, address) = (self.name.as_str(), text(*address));
            let cure = "name its network in address_networks, if it is meant";
            warning(PROGRAM, format_args!("event=address-refused name={name} address={address} cure=\"{cure}\""));
        }
        self.refused.retain(|address| kind_of(*address) != kind);
        self.refused.extend(refused);
        let of_family = &mut self.families[family];
        (of_family.addresses, of_family.nothing_since_ms, of_family.decided) = (kept, None, true);
        u64::try_from(new.len()).unwrap_or(u64::MAX)
    }

    /// Notes that there is no address of that kind. The last ones are kept for a while, unless the
    /// name has others.
    pub(crate) fn nothing(&mut self, family: usize, now_ms: u64) {
        let has_others =
            self.families.iter().enumerate().any(|(at, other)| at != family && !other.addresses.is_empty());
        let of_family = &mut self.families[family];
        of_family.decided = true;
        let since_ms = *of_family.nothing_since_ms.get_or_insert(now_ms);
        let is_over = now_ms >= after(since_ms, limits::NOTHING_HOLD);
        if has_others || is_over || of_family.addresses.is_empty() {
            (of_family.addresses, of_family.nothing_since_ms) = (Vec::new(), None);
        }
    }

    /// Puts the addresses into their slots and shows them. Returns how many have changed.
    pub(crate) fn show(&mut self, page: &AddressesPage) -> u64 {
        let before = self.slots.clone();
        let all: Vec<_> = self.families.iter().flat_map(|family| family.addresses.iter().copied()).collect();
        assign(&mut self.slots, &all);
        let decided = self.families.iter().all(|family| family.decided);
        for (place, address) in self.places.iter().zip(&self.slots) {
            if let Some(place) = place {
                page.set(*place, decided || address.is_some(), *address);
            }
        }
        let changes = before.iter().zip(&self.slots).filter(|(before, after)| before != after).count();
        self.say(changes > 0, decided, all.len());
        u64::try_from(changes).unwrap_or(u64::MAX)
    }

    /// Logs what a name has now, where that has changed.
    fn say(&mut self, is_changed: bool, decided: bool, has: usize) {
        let name = self.name.as_str();
        if self.has_address() {
            self.is_said_unresolved = false;
            if is_changed {
                let used: Vec<String> = self.slots.iter().flatten().map(|address| text(*address)).collect();
                let more = has - used.len();
                let unused = if more == 0 { String::new() } else { format!(" unused={more}") };
                info(PROGRAM, format_args!("event=resolved name={name} addresses={}{unused}", used.join(",")));
            }
        } else if decided && !std::mem::replace(&mut self.is_said_unresolved, true) {
            warning(PROGRAM, format_args!("event=unresolved name={name} state=down"));
        }
    }
}

impl Family {
    /// Notes a response that holds for that time.
    pub(crate) fn ended(&mut self, now_ms: u64, seconds: u64) {
        self.under_way = false;
        self.failures = 0;
        self.due_ms = Some(after(now_ms, Duration::from_secs(seconds)));
    }

    /// Notes that there was no response: the pause before the next question doubles each time.
    pub(crate) fn failed(&mut self, now_ms: u64) {
        let pause_seconds = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX).min(limits::RETRY_SECONDS_MAX);
        self.under_way = false;
        self.decided = true;
        // A shift by more would be none: the pause is the longest long before.
        self.failures = (self.failures + 1).min(32);
        self.due_ms = Some(after(now_ms, Duration::from_secs(pause_seconds)));
    }
}

const fn kinds(family: AddressFamily) -> &'static [Kind] {
    match family {
        AddressFamily::Any => &[Kind::A, Kind::Aaaa],
        AddressFamily::Ipv4 => &[Kind::A],
        AddressFamily::Ipv6 => &[Kind::Aaaa],
    }
}

pub(crate) fn kind_of(address: [u8; 16]) -> Kind {
    if Ipv6Addr::from(address).to_ipv4_mapped().is_some() { Kind::A } else { Kind::Aaaa }
}

pub(crate) const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::A => "A",
        Kind::Aaaa => "AAAA",
    }
}

pub(crate) fn text(address: [u8; 16]) -> String {
    let address: IpAddr = Ipv6Addr::from(address).to_canonical();
    address.to_string()
}
