//! A value that comes later: one side gives it, the other side waits for it in a future. Nobody is
//! woken: whoever gives something has all that waits looked at again in the same turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// The side that gives.
#[derive(Debug)]
pub(crate) struct Giver<T>(Arc<Mutex<Option<T>>>);

/// The side that waits. Comes to `None` where nobody is left to give.
#[derive(Debug)]
pub(crate) struct Promise<T>(Arc<Mutex<Option<T>>>);

/// Returns both sides.
pub(crate) fn promise<T>() -> (Giver<T>, Promise<T>) {
    let place = Arc::new(Mutex::new(None));
    (Giver(Arc::clone(&place)), Promise(place))
}

impl<T> Giver<T> {
    /// Gives the value.
    pub(crate) fn give(self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    /// Returns whether nobody waits any more.
    pub(crate) fn is_forgotten(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl<T> Future for Promise<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if value.is_none() && Arc::strong_count(&self.0) > 1 { Poll::Pending } else { Poll::Ready(value) }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_value_comes_once_it_is_given_and_nothing_comes_of_who_is_gone() {
        let mut cx = Context::from_waker(Waker::noop());
        let (giver, mut waits) = promise();
        assert_eq!(Pin::new(&mut waits).poll(&mut cx), Poll::Pending);
        giver.give(7);
        assert_eq!(Pin::new(&mut waits).poll(&mut cx), Poll::Ready(Some(7)));
        let (giver, mut waits) = promise::<u8>();
        assert!(!giver.is_forgotten());
        drop(giver);
        assert_eq!(Pin::new(&mut waits).poll(&mut cx), Poll::Ready(None));
        let (giver, waits) = promise::<u8>();
        drop(waits);
        assert!(giver.is_forgotten());
    }
}
