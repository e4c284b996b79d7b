//! What must hold of files of users: whoever is read is read again from the line that he makes, and
//! every line that is not is found.

use fosse_passwords::{User, users};

/// A file.
///
/// # Panics
/// Where a promise is broken.
pub fn files(data: &[u8]) {
    match users(data) {
        Ok(users) => {
            for User { name, hash } in users {
                let line = format!("{name}:{hash}");
                assert_eq!(User::parse(&line), Ok(User { name, hash }), "{line}");
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for (at, fault) in faults {
                let begins_a_line = at == 0 || data.get(at - 1) == Some(&b'\n');
                assert!(begins_a_line && at < data.len(), "{at} {fault}");
            }
        }
    }
}
