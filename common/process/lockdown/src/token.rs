//! Proof that the lock is on, and the wrapper that needs it.

/// Proof that this process is locked down, or unlocked at the administrator's request
/// (`--no-sandbox`). Only `enter` makes one. Takes no space.
#[derive(Clone, Copy, Debug)]
pub struct Locked(());

impl Locked {
    pub(crate) fn token() -> Locked {
        Locked(())
    }
}

/// Something from outside that must not be touched before the lock is on: a descriptor, or bytes.
#[derive(Debug)]
pub struct Sealed<T>(T);

impl<T> Sealed<T> {
    /// Seals a value. From here on it can be moved about, but not looked at.
    pub fn new(value: T) -> Sealed<T> {
        Sealed(value)
    }

    /// Returns the value, for a process that is locked.
    pub fn open(self, _proof: Locked) -> T {
        self.0
    }
}

const _: () = assert!(size_of::<Locked>() == 0);
