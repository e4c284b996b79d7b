//! The health checks, and the numbers under which fosse-prober's page has their results.

use std::collections::BTreeMap;

use fosse_settings as blobs;
use fosse_settings::tls::ServerTerms;

use crate::model::{Backend, ProxyOut};

/// Returns the check of a backend that names a path for it.
pub(super) fn check(backend: &Backend) -> Option<blobs::Check> {
    let health = &backend.health.value;
    health.path.as_ref().map(|path| blobs::Check {
        method: health.method.0.clone(),
        path: path.0.clone(),
        host: health.host.0.clone(),
        status: health.status.iter().map(|range| (range.first, range.last)).collect(),
        body: health.body.as_ref().map(|text| text.0.clone()).unwrap_or_default(),
        interval_seconds: health.interval_seconds.duration(),
        first_byte_seconds: backend.first_byte_seconds.duration(),
        passes_min: health.passes_min.value,
        failures_max: health.failures_max.value,
        proxy_protocol: proxy_version(backend),
        lenient_responses: backend.lenient_responses.value,
    })
}

/// Returns the version of the PROXY header that a backend gets; 0 for none.
pub(super) const fn proxy_version(backend: &Backend) -> u8 {
    match backend.proxy_protocol.value {
        ProxyOut::Off => 0,
        ProxyOut::V1 => 1,
        ProxyOut::V2 => 2,
    }
}

/// The numbers of the checked servers of a configuration, each with the check it is for.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<u64, blobs::Check>);

impl Numbers {
    /// Returns the number of a server in the page of results, and whether that is new here. It says
    /// which address is asked what, and which responses are good in which time: what has been found
    /// out is believed wherever exactly this is asked, and nowhere else. The names of server and
    /// backend are no part of it, nor is the pace: a server that is known to be out stays out while
    /// its backend gets another name or interval.
    ///
    /// Of two backends that ask the same at another pace, the second one has a number of its own.
    pub(super) fn number(
        &mut self,
        server: &blobs::Server,
        terms: Option<&ServerTerms>,
        check: &blobs::Check,
    ) -> (u64, bool) {
        let mut digest = Digest::default();
        digest.server(server);
        // A server without TLS has the number that it had before there was any.
        terms.iter().for_each(|terms| digest.terms(terms));
        digest.check(check);
        let shared = self.0.get(&digest.number()).is_some_and(|other| pace(other) != pace(check));
        if shared {
            digest.pace(check);
        }
        let number = digest.number();
        (number, self.0.insert(number, check.clone()).is_none())
    }
}

type Pace = (core::time::Duration, u32, u32);

const fn pace(check: &blobs::Check) -> Pace {
    (check.interval_seconds, check.passes_min, check.failures_max)
}

/// FNV-1a over parts, each with its length. It has to be the same in every version, since the page
/// outlives an upgrade; nobody but the administrator chooses what goes in.
pub(super) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Returns the digest as a number of a server, which is never 0.
    pub(super) fn number(&self) -> u64 {
        self.0.max(1)
    }

    fn server(&mut self, server: &blobs::Server) {
        let blobs::Server { address, second, source_address, peer_uids, connect_seconds, tls: _, http2 } = server;
        for address in std::iter::once(address).chain(second) {
            match address {
                blobs::Address::Unix(path) => self.part(path.as_bytes()),
                blobs::Address::Tcp(addr, port) => {
                    self.part(addr);
                    self.value((*port).into());
                }
                // None is checked: start watches its process.
                blobs::Address::Files(number) => self.value((*number).into()),
                // Whatever it stands for: the next checks find out.
                blobs::Address::Named(server) => self.values([server.number.into(), server.port.into()]),
            }
        }
        self.values(peer_uids.iter().map(|uid| u128::from(*uid)));
        self.value(connect_seconds.as_millis());
        // A server without one has the number that it had before there were any.
        source_address.iter().for_each(|address| self.part(address));
        if *http2 {
            self.part(b"h2");
        }
    }

    fn terms(&mut self, terms: &ServerTerms) {
        let ServerTerms { server_name, authority, minimum_version, http2, .. } = terms;
        self.part(server_name.as_bytes());
        // The number of a file: where another is added before it the next checks find out.
        let authority = authority.map_or(u128::MAX, u128::from);
        self.values([authority, u128::from(*minimum_version as u8), u128::from(*http2)]);
    }

    fn check(&mut self, check: &blobs::Check) {
        let blobs::Check { method, path, host, body, status, proxy_protocol, lenient_responses, .. } = check;
        for text in [method, path, host, body] {
            self.part(text.as_bytes());
        }
        self.values(status.iter().flat_map(|(first, last)| [u128::from(*first), u128::from(*last)]));
        self.value((*proxy_protocol).into());
        self.value((*lenient_responses).into());
        self.value(check.first_byte_seconds.min(check.interval_seconds).as_millis());
    }

    fn pace(&mut self, check: &blobs::Check) {
        let (interval, passes_min, failures_max) = pace(check);
        self.values([interval.as_millis(), passes_min.into(), failures_max.into()]);
    }

    pub(super) fn values(&mut self, values: impl IntoIterator<Item = u128>) {
        let bytes: Vec<u8> = values.into_iter().flat_map(u128::to_le_bytes).collect();
        self.part(&bytes);
    }

    pub(super) fn value(&mut self, value: u128) {
        self.values([value]);
    }

    pub(super) fn part(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use fosse_settings::tls::TlsVersion;

    use super::*;

    fn server() -> blobs::Server {
        blobs::Server {
            address: blobs::Address::Tcp([1; 16], 80),
            second: None,
            source_address: Vec::new(),
            peer_uids: Vec::new(),
            connect_seconds: Duration::from_secs(1),
            tls: None,
            http2: false,
        }
    }

    fn check() -> blobs::Check {
        blobs::Check {
            method: "GET".into(),
            path: "/".into(),
            status: vec![(200, 299)],
            interval_seconds: Duration::from_secs(5),
            first_byte_seconds: Duration::from_secs(60),
            passes_min: 2,
            failures_max: 3,
            ..blobs::Check::default()
        }
    }

    fn alone(server: &blobs::Server, check: &blobs::Check) -> u64 {
        Numbers::default().number(server, None, check).0
    }

    #[test]
    fn whatever_decides_a_result_is_in_the_number() {
        let (server, check, ms) = (server(), check(), Duration::from_millis);
        let servers = [
            blobs::Server { address: blobs::Address::Tcp([2; 16], 80), ..server.clone() },
            blobs::Server { address: blobs::Address::Tcp([1; 16], 81), ..server.clone() },
            blobs::Server { address: blobs::Address::Unix("/run/app".into()), ..server.clone() },
            blobs::Server { second: Some(blobs::Address::Tcp([2; 16], 80)), ..server.clone() },
            blobs::Server { peer_uids: vec![7], ..server.clone() },
            blobs::Server { connect_seconds: ms(2), ..server.clone() },
            blobs::Server { source_address: vec![[3; 16]], ..server.clone() },
        ];
        let checks = [
            blobs::Check { method: "HEAD".into(), ..check.clone() },
            blobs::Check { path: "/up".into(), ..check.clone() },
            blobs::Check { host: "a".into(), ..check.clone() },
            blobs::Check { body: "a".into(), ..check.clone() },
            blobs::Check { status: vec![(200, 299), (401, 401)], ..check.clone() },
            blobs::Check { proxy_protocol: 1, ..check.clone() },
            blobs::Check { lenient_responses: true, ..check.clone() },
            blobs::Check { first_byte_seconds: ms(2), ..check.clone() },
            // No response can be waited for longer than until the next check.
            blobs::Check { interval_seconds: ms(3), ..check.clone() },
        ];
        let mut numbers: Vec<_> = servers.iter().map(|server| alone(server, &check)).collect();
        numbers.extend(checks.iter().map(|check| alone(&server, check)));
        numbers.push(alone(&server, &check));
        let terms = ServerTerms { server_name: "a".into(), authority: Some(0), ..ServerTerms::default() };
        for terms in [
            terms.clone(),
            ServerTerms { server_name: "b".into(), ..terms.clone() },
            ServerTerms { authority: None, ..terms.clone() },
            ServerTerms { minimum_version: TlsVersion::Tls13, ..terms.clone() },
            ServerTerms { http2: true, ..terms },
        ] {
            numbers.push(Numbers::default().number(&server, Some(&terms), &check).0);
        }
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    #[test]
    fn two_that_ask_the_same_share_a_number_unless_their_pace_differs() {
        let (server, check) = (server(), check());
        let patient = blobs::Check { failures_max: 9, ..check.clone() };
        let slower = blobs::Check { first_byte_seconds: Duration::from_secs(5), ..check.clone() };
        assert_eq!(alone(&server, &check), alone(&server, &patient), "what was found out is believed after a reload");
        let mut numbers = Numbers::default();
        let (first, is_new) = numbers.number(&server, None, &check);
        assert!(is_new);
        assert_eq!(
            (numbers.number(&server, None, &check), numbers.number(&server, None, &slower)),
            ((first, false), (first, false))
        );
        let (second, is_new) = numbers.number(&server, None, &patient);
        assert!(is_new && second != first);
        assert_eq!(
            (numbers.number(&server, None, &patient), numbers.number(&server, None, &check)),
            ((second, false), (first, false))
        );
    }
}
