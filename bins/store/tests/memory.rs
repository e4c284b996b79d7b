//! The memory the records are counted with is no less than what they take.

use fosse_collections::{Change, Collection, RecordAddress};
use fosse_store::records::Records;

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Records of one short variable are those that are most overhead.
#[test]
fn small_records_take_no_more_memory_than_they_are_counted_with() {
    let before = resident_bytes();
    let mut records = Records::new(16 << 20);
    // More than there is room for: what is dropped and used again counts as well.
    for number in 0..80_000 {
        let key = format!("2001:db8::{number:08x}");
        let place = RecordAddress::new(Collection::Ip, b"", key.as_bytes());
        records.save(&place, &[(b"hits", Change::Add(1))], 3600, 1);
    }
    let taken = resident_bytes() - before;
    assert!(records.len() < 80_000 && records.len() > 20_000, "{}", records.len());
    assert!(taken <= records.bytes(), "{taken} where {} are counted", records.bytes());
}
