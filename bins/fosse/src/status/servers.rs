//! The servers of an edge, each summed over all lanes.

use std::collections::BTreeMap;

/// The sums of a server over all lanes.
#[derive(Debug, Default)]
pub(super) struct Server {
    lanes: u64,
    up: u64,
    drained: u64,
    absent: u64,
    weight: u64,
    /// Connections.
    pub(super) open: u64,
    /// Requests under way.
    pub(super) busy: u64,
    /// The address that its name stands for.
    address: String,
}

impl Server {
    /// Returns its state for people.
    pub(super) fn state(&self) -> String {
        match (self.lanes - self.up - self.drained, self.drained) {
            (down, _) if down > 0 && self.absent == down => "no address".to_owned(),
            (0, 0) => "up".to_owned(),
            (0, _) => "drained".to_owned(),
            (down, _) => format!("down in {down} of {}", self.lanes),
        }
    }

    /// Returns whether it is a further address that its name may have, and does not have now.
    pub(super) fn is_unused(&self, name: &str) -> bool {
        self.absent == self.lanes && !name.ends_with("#1")
    }

    /// Returns the address that its name stands for, where it has a name.
    pub(super) fn address(&self) -> String {
        if self.address.is_empty() { String::new() } else { format!(" at {}", self.address) }
    }

    /// Returns the weight, where it is not the usual one.
    pub(super) fn weight(&self) -> String {
        if self.weight == 1 { String::new() } else { format!(" weight {}", self.weight) }
    }
}

/// Returns the servers by name, from lines `lane pid up|down|drained|absent failures connections
/// requests weight name`, behind which stands the address of one that has a name.
pub(super) fn read(lines: &str) -> BTreeMap<String, Server> {
    let mut all: BTreeMap<String, Server> = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.splitn(9, ' ').skip(2);
        // Numbers of 32 bits, so that no sum of lines overflows.
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<u32>().ok()).map_or(0, u64::from);
        let state = words.next();
        let (_, open, busy, weight) = (words.next(), number(words.next()), number(words.next()), number(words.next()));
        let Some(name) = words.next() else { continue };
        let server = all.entry(name.to_owned()).or_default();
        server.lanes += 1;
        server.up += u64::from(state == Some("up"));
        server.drained += u64::from(state == Some("drained"));
        server.absent += u64::from(state == Some("absent"));
        server.weight = weight;
        server.open += open;
        server.busy += busy;
        server.address = words.next().unwrap_or_default().to_owned();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_one_value_and_says_in_how_many_lanes_it_is_down() {
        let all = read(
            "0 20 up 0 2 1 1 a/unix:/a\n1 21 down 3 2 0 1 a/unix:/a\n1 21 up 0 0 0 1 a/127.0.0.1:1\nbroken\n\
             0 20 drained 0 1 1 5 b/unix:/a\n1 21 drained 0 0 0 5 b/unix:/a\n",
        );
        let seen: Vec<_> = all.iter().map(|(name, one)| (name.as_str(), one.state(), one.open, one.weight())).collect();
        let expected = [
            ("a/127.0.0.1:1", "up".into(), 0, String::new()),
            ("a/unix:/a", "down in 1 of 2".into(), 4, String::new()),
            ("b/unix:/a", "drained".into(), 1, " weight 5".into()),
        ];
        assert_eq!(read("0 20 up 0 2 1 1 a/app:80#1 10.0.0.1\n")["a/app:80#1"].address(), " at 10.0.0.1");
        assert_eq!(all["a/unix:/a"].address(), "");
        let none = read("0 20 absent 0 0 0 1 a/app:80#1\n0 20 absent 0 0 0 1 a/app:80#2\n");
        assert_eq!(none["a/app:80#1"].state(), "no address");
        assert_eq!(none.iter().filter(|(name, server)| !server.is_unused(name)).count(), 1);
        assert_eq!((seen, all["a/unix:/a"].busy), (expected.into(), 1));
    }
}
