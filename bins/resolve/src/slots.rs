//! The addresses of a name that are used: each has a slot, and keeps it as long as the name has
//! that address, so that a server of a backend does not change with the order of a response.

/// Puts addresses into slots: one that has a slot keeps it, those that are gone leave theirs, and
/// new ones take what is free, in the order of the response.
pub(crate) fn assign(slots: &mut [Option<[u8; 16]>], addresses: &[[u8; 16]]) {
    for slot in slots.iter_mut() {
        *slot = slot.filter(|address| addresses.contains(address));
    }
    for address in addresses {
        if slots.contains(&Some(*address)) {
            continue;
        }
        let Some(free) = slots.iter_mut().find(|slot| slot.is_none()) else { return };
        *free = Some(*address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn address(n: u8) -> [u8; 16] {
        [n; 16]
    }

    #[test]
    fn an_address_keeps_its_slot_and_new_ones_take_those_of_the_gone() {
        let mut slots = [None; 3];
        let mut after = |addresses: &[u8]| {
            assign(&mut slots, &addresses.iter().map(|n| address(*n)).collect::<Vec<_>>());
            slots.map(|slot| slot.map_or(0, |address| address[0]))
        };
        assert_eq!(after(&[1, 2]), [1, 2, 0]);
        assert_eq!(after(&[2, 1]), [1, 2, 0], "the order of a response is no change");
        assert_eq!(after(&[3, 2]), [3, 2, 0]);
        assert_eq!(after(&[9, 8, 7, 6, 2]), [9, 2, 8], "more than there is room for");
        assert_eq!(after(&[6, 2, 8, 7, 9]), [9, 2, 8]);
        assert_eq!(after(&[2, 2, 2]), [0, 2, 0]);
        assert_eq!(after(&[]), [0, 0, 0]);
    }
}
