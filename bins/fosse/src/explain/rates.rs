//! The rates that a response has, in the words of `fosse explain`.

use std::fmt::Write as _;

use fosse_settings::{Parse, ParsePolicy};

/// Returns a line for each rate that the response to a request has.
pub(super) fn lines(parse: &Parse, policy: &ParsePolicy, listener: u16) -> String {
    let mut out = String::new();
    let (rate, after) = (policy.response_bytes_per_second, policy.response_rate_after_bytes);
    if rate > 0 {
        let first = if after > 0 { format!("after its first {after} bytes ") } else { String::new() };
        let _ = writeln!(out, "rate      {first}{rate} bytes a second for each response");
    }
    let of_listener = parse.listeners.get(usize::from(listener)).map_or(0, |known| known.source_bytes_per_second);
    match (policy.source_bytes_per_second, of_listener) {
        (0, 0) => {}
        (0, rate) => {
            let _ = writeln!(out, "rate      {rate} bytes a second for all that a source has on the listener");
        }
        (rate, _) => {
            let _ = writeln!(out, "rate      {rate} bytes a second for all that a source has of the site");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TEXT, explain, explain_of};

    #[test]
    fn says_how_fast_responses_are_sent() {
        let rates = "response_bytes_per_second = \"1 KiB\"\nresponse_rate_after_bytes = 7\n";
        let text = TEXT
            .replace("inspect_responses = true", rates)
            .replace("127.0.0.1:80\"", "127.0.0.1:80\"\nsource_bytes_per_second = 4096");
        let said = explain_of(&text, "a.example", "/");
        assert!(said.contains("\nrate      after its first 7 bytes 1024 bytes a second for each response\n"), "{said}");
        assert!(said.contains("\nrate      4096 bytes a second for all that a source has on the listener\n"), "{said}");
        let said = explain_of(&text.replacen(rates, "source_bytes_per_second = 2048\n", 1), "a.example", "/");
        assert!(said.contains("\nrate      2048 bytes a second for all that a source has of the site\n"), "{said}");
        assert!(!explain("a.example", "/").contains("\nrate "));
    }
}
