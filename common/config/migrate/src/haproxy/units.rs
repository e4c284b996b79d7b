//! Addresses, names and times as HAProxy writes them.

/// Returns an address as fosse has it: of a server, or to listen on.
pub(super) fn address(written: &str) -> Option<String> {
    let path = written.strip_prefix("unix@").unwrap_or(written);
    if path.starts_with('/') {
        return Some(format!("unix:{path}"));
    }
    let written = written.strip_prefix("ipv4@").or(written.strip_prefix("ipv6@")).unwrap_or(written);
    let (host, port) = written.rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|port| *port > 0)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => Some(format!("{address}:{port}")),
        Ok(std::net::IpAddr::V6(address)) => Some(format!("[{address}]:{port}")),
        // What is all digits at its end would be an address.
        Err(_) => is_host(host).then(|| format!("{}:{port}", host.to_ascii_lowercase())),
    }
}

/// Returns whether a text is a name of a host.
pub(super) fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253
        && host.split('.').all(is_label)
        && !host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads a time, in milliseconds where it has no unit, as seconds from 1 on.
pub(super) fn seconds(text: &str, milliseconds_max: u64) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let scale = match &text[digits..] {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let milliseconds = text[..digits].parse::<u64>().ok()?.checked_mul(scale)?;
    (1000..=milliseconds_max).contains(&milliseconds).then(|| match milliseconds % 1000 {
        0 => (milliseconds / 1000).to_string(),
        part => format!("{}.{part:03}", milliseconds / 1000),
    })
}
