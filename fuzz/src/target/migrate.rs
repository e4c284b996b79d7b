//! Entries for fuzzing: any text is migrated or refused, and what comes out is TOML in its layout.

use fosse_migrate::{Format, migrate};

/// Migrates a configuration of nginx.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn nginx(data: &[u8]) {
    check(Format::Nginx, data);
}

/// Migrates a configuration of HAProxy.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn haproxy(data: &[u8]) {
    check(Format::Haproxy, data);
}

/// Migrates a configuration of Caddy.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn caddy(data: &[u8]) {
    check(Format::Caddy, data);
}

fn check(format: Format, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let files = |name: &str| if name == "x" { Ok(vec![("x".to_owned(), text.to_owned())]) } else { Err(String::new()) };
    let lines = text.matches('\n').count() + 1;
    match migrate(format, ("file".to_owned(), text.to_owned()), &files) {
        Ok(migrated) => {
            assert_eq!(fosse_layout::layout(&migrated.toml).as_deref(), Ok(migrated.toml.as_str()), "it is TOML");
            assert!(migrated.notes.iter().all(|note| (1..=lines).contains(&note.line)), "a line of the file");
        }
        Err(mistake) => assert!((1..=lines).contains(&mistake.line), "a line of the file: {mistake}"),
    }
}
