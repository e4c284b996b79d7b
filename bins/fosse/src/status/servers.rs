//! The servers of an edge, each summed over all lanes.

use std::collections::BTreeMap;

/// The sums of a server over all lanes.
#[derive(Debug, Default)]
pub(super) struct Server {
    lanes: u64,
    up: u64,
    /// Connections.
    pub(super) open: u64,
    /// Requests under way.
    pub(super) busy: u64,
}

impl Server {
    /// Returns its state for people.
    pub(super) fn state(&self) -> String {
        match self.lanes - self.up {
            0 => "up".to_owned(),
            down => format!("down in {down} of {}", self.lanes),
        }
    }
}

/// Returns the servers by name, from lines `lane pid up|down failures connections requests name`.
pub(super) fn read(lines: &str) -> BTreeMap<String, Server> {
    let mut all: BTreeMap<String, Server> = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.splitn(7, ' ').skip(2);
        // Numbers of 32 bits, so that no sum of lines overflows.
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<u32>().ok()).map_or(0, u64::from);
        let up = words.next() == Some("up");
        let (_, open, busy) = (words.next(), number(words.next()), number(words.next()));
        let Some(name) = words.next() else { continue };
        let server = all.entry(name.to_owned()).or_default();
        server.lanes += 1;
        server.up += u64::from(up);
        server.open += open;
        server.busy += busy;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_one_value_and_says_in_how_many_lanes_it_is_down() {
        let all = read("0 20 up 0 2 1 unix:/a\n1 21 down 3 2 0 unix:/a\n1 21 up 0 0 0 127.0.0.1:1\nbroken\n");
        let seen: Vec<_> = all.iter().map(|(name, one)| (name.as_str(), one.state(), one.open, one.busy)).collect();
        assert_eq!(seen, [("127.0.0.1:1", "up".into(), 0, 0), ("unix:/a", "down in 1 of 2".into(), 4, 1)]);
    }
}
