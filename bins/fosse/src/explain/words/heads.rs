//! The limits of a request's head, in the words of `fosse explain`.

use fosse_settings::{Parse, ParsePolicy};

/// Returns the line of the limits that a head has: the policy's own, or those of all.
pub(super) fn head_limits(parse: &Parse, policy: &ParsePolicy) -> String {
    let of = policy.head.unwrap_or(parse.head);
    format!(
        "head      {} bytes; target {}, each header {}, {} headers\n",
        of.head_bytes_max, of.target_bytes_max, of.header_bytes_max, of.header_count_max
    )
}

#[cfg(test)]
mod tests {
    use crate::explain::tests::{TEXT, explain, explain_of};

    #[test]
    fn says_how_long_a_head_may_be() {
        assert!(
            explain("a.example", "/")
                .contains("\nhead      32768 bytes; target 8192, each header 16384, 100 headers\n")
        );
        let own = "prefix = \"/api\"\nhead_bytes_max = 65536\nheader_bytes_max = \"48 KiB\"\nheader_count_max = 9\n";
        let text = TEXT.replace("prefix = \"/api\"\n", own);
        let said = explain_of(&text, "a.example", "/api");
        assert!(said.contains("\nhead      65536 bytes; target 8192, each header 49152, 9 headers\n"), "{said}");
        assert!(explain_of(&text, "a.example", "/").contains("\nhead      32768 bytes; "), "others have those of all");
    }
}
