//! The names: what each has, in which slots, and when it is asked for again.

use std::collections::HashMap;

use fosse_counters::AddressesPage;
use fosse_die::warning;
use fosse_dns::{Addresses, Kind, Name, Response};
use fosse_settings::FollowedName;

use crate::{
    PROGRAM,
    attempt::Subject,
    followed::{Family, Followed, kind_of, type_of},
    limits,
};

/// The effect of an outcome, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Addresses that came, went or changed.
    pub(crate) changes: u64,
    /// Addresses that the name may not have, and did not have before.
    pub(crate) refused: u64,
}

/// All names, and the page that has their addresses.
#[derive(Debug)]
pub(crate) struct Names {
    all: Vec<Followed>,
    page: AddressesPage,
    /// Says whether an address is this machine's own.
    is_own: fn([u8; 16]) -> bool,
}

impl Names {
    /// Goes on with what the page knows of the names, and with what /etc/hosts says.
    pub(crate) fn new(
        settings: Vec<FollowedName>,
        page: AddressesPage,
        hosts: &HashMap<Name, Vec<[u8; 16]>>,
        is_own: fn([u8; 16]) -> bool,
        now_ms: u64,
    ) -> Self {
        let numbers: Vec<u64> = settings.iter().flat_map(|name| name.numbers.iter().copied()).collect();
        let mut places = page.claim(&numbers).into_iter();
        let all = settings.into_iter().filter_map(|settings| {
            let places: Vec<_> = places.by_ref().take(settings.numbers.len()).collect();
            Followed::new(settings, places, &page, now_ms)
        });
        let mut names = Self { all: all.collect(), page, is_own };
        names.take_hosts(hosts);
        names
    }

    fn take_hosts(&mut self, hosts: &HashMap<Name, Vec<[u8; 16]>>) {
        for name in &mut self.all {
            let Some(addresses) = hosts.get(&name.name) else { continue };
            for family in 0..name.families.len() {
                let kind = name.families[family].kind;
                let of_kind = addresses.iter().copied().filter(|address| kind_of(*address) == kind).collect();
                name.has_addresses(family, of_kind, self.is_own);
                name.families[family].due_ms = None;
            }
            name.show(&self.page);
        }
    }

    /// Returns the number of names, and how many of them have no address.
    pub(crate) fn numbers(&self) -> (usize, usize) {
        (self.all.len(), self.all.iter().filter(|name| !name.has_address()).count())
    }

    /// Returns what is to be asked for now.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<Subject> {
        let of_name = |(name, followed): (usize, &Followed)| {
            let due = |family: &Family| !family.under_way && family.due_ms.is_some_and(|due_ms| due_ms <= now_ms);
            let due = followed.families.iter().enumerate().filter(|(_, family)| due(family));
            due.map(|(family, _)| Subject { name, family }).collect::<Vec<_>>()
        };
        self.all.iter().enumerate().flat_map(of_name).collect()
    }

    /// Returns how many milliseconds nothing is to be asked for; `None` for no end.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let waiting = self.all.iter().flat_map(|name| &name.families).filter(|family| !family.under_way);
        waiting.filter_map(|family| family.due_ms).min().map(|due_ms| due_ms.max(now_ms) - now_ms)
    }

    /// Notes that it is asked for a name. Returns the name, and the kind of address.
    pub(crate) fn begin(&mut self, Subject { name, family }: Subject) -> (&Name, Kind) {
        let followed = &mut self.all[name];
        followed.families[family].under_way = true;
        (&followed.name, followed.families[family].kind)
    }

    /// Takes over what a name server has said.
    pub(crate) fn responded(&mut self, subject: Subject, response: Response, now_ms: u64) -> Effect {
        let Subject { name, family } = subject;
        let followed = &mut self.all[name];
        let mut refused = 0;
        match response {
            Response::Addresses(Addresses { addresses, ttl_seconds }) => {
                refused = followed.has_addresses(family, addresses, self.is_own);
                let ttl_seconds = ttl_seconds.clamp(limits::TTL_SECONDS_MIN, limits::TTL_SECONDS_MAX);
                followed.families[family].ended(now_ms, ttl_seconds.into());
            }
            Response::Nothing { ttl_seconds } => {
                followed.nothing(family, now_ms);
                let ttl_seconds = ttl_seconds.unwrap_or(limits::NOTHING_SECONDS_MAX);
                let ttl_seconds = ttl_seconds.clamp(limits::TTL_SECONDS_MIN, limits::NOTHING_SECONDS_MAX);
                // Within the time for which the last addresses are kept it is asked for often.
                let is_held = followed.families[family].nothing_since_ms.is_some();
                followed.families[family].ended(now_ms, if is_held { 1 } else { ttl_seconds.into() });
            }
            // Attempts end with neither.
            Response::Truncated | Response::Failed(_) => followed.families[family].failed(now_ms),
        }
        Effect { changes: followed.show(&self.page), refused }
    }

    /// Notes that no name server had a response: the last addresses stay.
    pub(crate) fn failed(&mut self, Subject { name, family }: Subject, now_ms: u64) -> Effect {
        let followed = &mut self.all[name];
        let of_family = &mut followed.families[family];
        of_family.failed(now_ms);
        if of_family.failures == 1 {
            let (written, kept) = (followed.name.as_str(), of_family.addresses.len());
            warning(
                PROGRAM,
                format_args!("event=no-response name={written} type={} kept={kept}", type_of(of_family.kind)),
            );
        }
        Effect { changes: followed.show(&self.page), refused: 0 }
    }
}

#[cfg(test)]
mod tests {
    use fosse_counters::{ADDRESSES_PAGE_BYTES, AddressesReader};
    use fosse_sys::page::{Page, PageReader};

    use super::*;
    use crate::followed::text;

    const A: Subject = Subject { name: 0, family: 0 };
    const AAAA: Subject = Subject { name: 0, family: 1 };

    /// One name of two addresses at most, and what others see of it.
    struct Fixture {
        names: Names,
        reader: AddressesReader,
        fd: std::os::fd::OwnedFd,
    }

    fn mapped(text: &str) -> [u8; 16] {
        crate::files::mapped(text.parse().unwrap())
    }

    fn settings() -> Vec<FollowedName> {
        vec![FollowedName { name: "app.internal".into(), numbers: vec![7, 8], ..FollowedName::default() }]
    }

    fn never(_: [u8; 16]) -> bool {
        false
    }

    fn names(fd: &std::os::fd::OwnedFd, hosts: &[&str]) -> Names {
        let page = AddressesPage::new(Page::map(fd).unwrap()).unwrap();
        let hosts = hosts.iter().map(|address| mapped(address)).collect::<Vec<_>>();
        let hosts = if hosts.is_empty() {
            HashMap::new()
        } else {
            HashMap::from([(Name::parse("app.internal").unwrap(), hosts)])
        };
        Names::new(settings(), page, &hosts, never, 0)
    }

    impl Fixture {
        fn new() -> Self {
            let fd = fosse_sys::memfd::page("test", ADDRESSES_PAGE_BYTES).unwrap();
            let reader = AddressesReader::new(PageReader::map(&fd).unwrap());
            Self { names: names(&fd, &[]), reader, fd }
        }

        fn respond(&mut self, subject: Subject, addresses: &[&str], ttl_seconds: u32, now_ms: u64) -> Effect {
            let addresses = addresses.iter().map(|address| mapped(address)).collect();
            self.names.begin(subject);
            self.names.responded(subject, Response::Addresses(Addresses { addresses, ttl_seconds }), now_ms)
        }

        fn nothing(&mut self, subject: Subject, now_ms: u64) {
            self.names.begin(subject);
            self.names.responded(subject, Response::Nothing { ttl_seconds: None }, now_ms);
        }

        /// Returns whether each slot is decided, and its address.
        fn shown(&self) -> Vec<(bool, String)> {
            let of = |number| self.reader.get(self.reader.find(number).unwrap(), number).unwrap();
            let named = [7, 8].map(of);
            named.map(|one| (one.decided, one.address.map(text).unwrap_or_default())).to_vec()
        }

        fn addresses(&self) -> Vec<String> {
            self.shown().into_iter().map(|(_, address)| address).collect()
        }
    }

    fn pair(decided: bool, address: &str) -> (bool, String) {
        (decided, address.to_owned())
    }

    #[test]
    fn an_address_serves_at_once_and_what_is_missing_is_missing_when_both_kinds_were_asked_for() {
        let mut fixture = Fixture::new();
        assert_eq!((fixture.names.due(0), fixture.names.numbers()), (vec![A, AAAA], (1, 1)));
        assert_eq!(fixture.shown(), [pair(false, ""), pair(false, "")]);
        assert_eq!(fixture.respond(A, &["10.0.0.1"], 60, 5).changes, 1);
        assert_eq!(fixture.shown(), [pair(true, "10.0.0.1"), pair(false, "")]);
        fixture.nothing(AAAA, 5);
        assert_eq!(fixture.shown(), [pair(true, "10.0.0.1"), pair(true, "")]);
        assert_eq!((fixture.names.due(60_004), fixture.names.wait_ms(5)), (Vec::new(), Some(60_000)));
        assert_eq!(fixture.names.due(60_005), [A, AAAA]);
    }

    #[test]
    fn a_time_to_live_has_a_floor_and_a_ceiling() {
        let mut fixture = Fixture::new();
        fixture.nothing(AAAA, 0);
        fixture.respond(A, &["10.0.0.1"], 0, 0);
        assert_eq!((fixture.names.due(999), fixture.names.due(1000)), (Vec::new(), vec![A]));
        fixture.respond(A, &["10.0.0.1"], u32::MAX, 0);
        assert_eq!(fixture.names.all[0].families[0].due_ms, Some(3_600_000));
    }

    #[test]
    fn with_no_name_server_the_last_addresses_stay_for_ever_and_questions_become_rare() {
        let mut fixture = Fixture::new();
        fixture.respond(A, &["10.0.0.1", "10.0.0.2"], 1, 0);
        let mut now_ms = 1000;
        let mut pauses = Vec::new();
        for _ in 0..80 {
            fixture.names.begin(A);
            assert_eq!(fixture.names.failed(A, now_ms), Effect::default());
            pauses.push((fixture.names.all[0].families[0].due_ms.unwrap() - now_ms) / 1000);
            now_ms += 30_000;
        }
        assert_eq!((&pauses[..7], pauses[79]), (&[1, 2, 4, 8, 16, 30, 30][..], 30));
        assert_eq!(fixture.addresses(), ["10.0.0.1", "10.0.0.2"]);
    }

    #[test]
    fn a_zone_that_is_empty_for_a_moment_takes_nothing_away_and_one_that_stays_so_does() {
        let mut fixture = Fixture::new();
        fixture.respond(A, &["10.0.0.1"], 1, 0);
        fixture.nothing(AAAA, 0);
        fixture.nothing(A, 1000);
        assert_eq!((fixture.addresses()[0].as_str(), fixture.names.wait_ms(1000)), ("10.0.0.1", Some(1000)));
        fixture.nothing(A, 30_999);
        assert_eq!(fixture.addresses()[0], "10.0.0.1");
        fixture.respond(A, &["10.0.0.1"], 1, 31_000);
        fixture.nothing(A, 40_000);
        assert_eq!(fixture.addresses()[0], "10.0.0.1", "it begins again");
        fixture.nothing(A, 70_000);
        assert_eq!((fixture.shown()[0].clone(), fixture.names.numbers()), (pair(true, ""), (1, 1)));
    }

    #[test]
    fn who_comes_next_goes_on_with_what_the_page_has() {
        let mut fixture = Fixture::new();
        fixture.respond(A, &["10.0.0.1", "10.0.0.2"], 60, 0);
        fixture.names = names(&fixture.fd, &[]);
        assert_eq!(
            (fixture.addresses(), fixture.names.due(0)),
            (vec!["10.0.0.1".into(), "10.0.0.2".into()], vec![A, AAAA])
        );
        fixture.respond(A, &["10.0.0.3", "10.0.0.2"], 60, 0);
        assert_eq!(fixture.addresses(), ["10.0.0.3", "10.0.0.2"]);
    }

    #[test]
    fn a_name_of_etc_hosts_is_never_asked_for() {
        let mut fixture = Fixture::new();
        fixture.names = names(&fixture.fd, &["10.0.0.1", "2001:db8::1"]);
        assert_eq!(fixture.shown(), [pair(true, "10.0.0.1"), pair(true, "2001:db8::1")]);
        assert_eq!((fixture.names.due(u64::MAX), fixture.names.wait_ms(0)), (Vec::new(), None));
    }

    #[test]
    fn an_address_of_this_machine_or_its_links_is_refused_whoever_says_so() {
        let mut fixture = Fixture::new();
        let rebound = ["127.0.0.1", "169.254.169.254", "10.0.0.1"];
        assert_eq!(fixture.respond(A, &rebound, 1, 0), Effect { changes: 1, refused: 2 });
        assert_eq!(fixture.respond(A, &rebound, 1, 0).refused, 0, "it has been said");
        assert_eq!(fixture.respond(AAAA, &["::1", "fe80::1"], 1, 0).refused, 2);
        assert_eq!(fixture.addresses(), ["10.0.0.1", ""]);
        fixture.names.is_own = |address| address == mapped("10.0.0.1");
        fixture.respond(A, &["10.0.0.1"], 1, 0);
        assert_eq!(fixture.addresses(), ["", ""]);
        fixture.names.all[0].settings.networks = vec![fosse_settings::Net { addr: mapped("10.0.0.0"), prefix: 104 }];
        fixture.respond(A, &["10.0.0.1", "192.0.2.1"], 1, 0);
        assert_eq!(fixture.addresses(), ["10.0.0.1", ""], "its network is named");
    }
}
