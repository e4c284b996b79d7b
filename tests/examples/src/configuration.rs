//! Configurations in examples: whole ones, or some tables that need the others.

/// A whole configuration that holds `part` word for word: where it has no listener, no site or not
/// the backend it names, plain ones stand behind it.
#[must_use]
pub fn completed(part: &str) -> String {
    let mut whole = part.to_owned();
    if !has_table(part, "site") && has_table(part, "site.route") {
        // A route belongs to the site before it.
        whole.insert_str(0, "[[site]]\nhosts = [\"example.org\"]\nbackend = \"app\"\n\n");
    }
    if !has_table(part, "listen") {
        whole.push_str("\n[[listen]]\naddress = \"127.0.0.1:8080\"\n");
    }
    if !has_table(&whole, "site") {
        let backend = values(part, "name").first().cloned().unwrap_or_else(|| "app".to_owned());
        whole.push_str(&format!("\n[[site]]\nhosts = [\"example.org\"]\nbackend = \"{backend}\"\n"));
    }
    let mut known = values(part, "name");
    for name in values(&whole, "backend") {
        if !known.contains(&name) {
            whole.push_str(&format!("\n[[backend]]\nname = \"{name}\"\nservers = [\"unix:/run/{name}.sock\"]\n"));
            known.push(name);
        }
    }
    if !has_table(&whole, "backend") {
        whole.push_str("\n[[backend]]\nname = \"app\"\nservers = [\"unix:/run/app.sock\"]\n");
    }
    whole
}

fn has_table(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.trim() == format!("[[{name}]]"))
}

/// Every value of a key whose values are a string or a list of strings.
#[must_use]
pub fn values(text: &str, key: &str) -> Vec<String> {
    let of_key =
        |line: &str| line.split_once('=').filter(|(name, _)| name.trim() == key).map(|(_, rest)| strings(rest));
    text.lines().filter_map(of_key).flatten().collect()
}

/// Commands that make the certificates of a configuration, each for all of its hosts.
#[must_use]
pub fn self_signed(whole: &str) -> Vec<String> {
    let names: Vec<String> = values(whole, "hosts").iter().map(|host| format!("DNS:{host}")).collect();
    let tables = whole.split("[[certificate]]").skip(1).map(|rest| rest.split("\n[").next().unwrap_or_default());
    let pairs = tables.flat_map(|table| values(table, "file").into_iter().zip(values(table, "key")));
    let made = pairs.map(|(file, key)| {
        format!(
            "mkdir -p $(dirname {file}) $(dirname {key}) && umask 077 && openssl req -x509 -newkey ec \
             -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=example -addext subjectAltName={} \
             -keyout {key} -out {file} 2> /dev/null",
            names.join(","),
        )
    });
    made.collect()
}

/// What stands between quotes.
fn strings(rest: &str) -> Vec<String> {
    rest.split('#').next().unwrap_or_default().split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_completed_and_a_whole_one_stays() {
        let whole = completed("[[site]]\nhosts = [\"a\"]\nbackend = \"x\"\n");
        assert!(whole.starts_with("[[site]]\nhosts = [\"a\"]\nbackend = \"x\"\n\n[[listen]]\n"), "{whole}");
        assert!(whole.ends_with("[[backend]]\nname = \"x\"\nservers = [\"unix:/run/x.sock\"]\n"), "{whole}");
        assert_eq!(completed(&whole), whole);
        let made = self_signed("[[certificate]]\nfile = \"/a\"\nkey = \"/b\"\n\n[[site]]\nhosts = [\"c\"]\n");
        assert!(made.len() == 1 && made[0].contains("=DNS:c -keyout /b -out /a "), "{made:?}");
        assert_eq!(values("servers = [\"unix:/a\", \"unix:/b\"] # \"c\"", "servers"), ["unix:/a", "unix:/b"]);
    }
}
