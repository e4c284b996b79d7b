//! The detectors that a gate runs itself.

/// A detector without a pattern, run by the gate itself: once for all equal values.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Probe {
    /// Nothing but the classes is asked.
    None,
    Sqli,
    Xss,
}

impl Probe {
    /// Returns whether the detector detects something.
    pub(crate) fn fires(self, value: &[u8]) -> bool {
        match self {
            Probe::None => true,
            Probe::Sqli => fosse_libinjection::is_sqli(value).is_some(),
            Probe::Xss => fosse_libinjection::is_xss(value),
        }
    }
}

/// The detectors' results for one text: each runs once, however many rules ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fired {
    sqli: Option<bool>,
    xss: Option<bool>,
}

impl Fired {
    /// Returns whether the detector detects something in `text`, which is the same in every call.
    pub(crate) fn ask(&mut self, probe: Probe, text: &[u8]) -> bool {
        match probe {
            Probe::None => true,
            Probe::Sqli => *self.sqli.get_or_insert_with(|| probe.fires(text)),
            Probe::Xss => *self.xss.get_or_insert_with(|| probe.fires(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    /// Generates a few thousand values of pieces that bring detectors to say yes, if anything does.
    fn values(alphabet: &[&str]) -> impl Iterator<Item = String> {
        let mut seed: u64 = 11;
        let mut draw = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap()
        };
        let alphabet: Vec<String> = alphabet.iter().map(|piece| (*piece).to_owned()).collect();
        (0..60_000).map(move |_| (0..draw() % 8).map(|_| alphabet[draw() % alphabet.len()].as_str()).collect())
    }

    #[test]
    fn nothing_without_a_tag_or_an_attribute_is_markup() {
        let pieces = [
            "script",
            "onload",
            "javascript:",
            ">",
            "\"",
            "'",
            "`",
            " ",
            "/",
            "!--",
            "&#x3c;",
            "&lt",
            ";",
            "style",
            "%3c",
            "[",
            "?xml",
            "href",
            "\0",
        ];
        for value in values(&pieces) {
            assert!(!fosse_libinjection::is_xss(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn no_word_is_an_injection() {
        let pieces = [
            "union", "select", "or", "and", "not", "if", "sleep", "null", "true", "like", "in", "x", "b", "n", "e",
            "q", "char", "user", "into", "div",
        ];
        for value in values(&pieces) {
            assert!(fosse_libinjection::is_sqli(value.as_bytes()).is_none(), "{value}");
        }
    }
}
