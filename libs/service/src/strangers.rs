//! Connections whose other end has not said who it is, counted by address: one address must not take the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// How many there are of each address.
#[derive(Debug)]
pub(crate) struct Strangers {
    most: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, until it is known or gone; an extension of every request. Its clones are the same one.
#[derive(Debug, Clone)]
pub struct Stranger(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    strangers: Arc<Strangers>,
    address: IpAddr,
    known: AtomicBool,
}

impl Strangers {
    /// At most so many of one address.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, by_address: Mutex::default() })
    }

    /// Counts one more, unless there are as many as may be.
    pub(crate) fn take_in(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let mut by_address = self.by_address.lock();
        let count = by_address.entry(address).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Stranger(Arc::new(Counted {
            strangers: Arc::clone(self),
            address,
            known: AtomicBool::default(),
        })))
    }
}

impl Stranger {
    /// The other end has proved who it is: its address has room for another stranger.
    pub fn is_known(&self) {
        self.0.forget();
    }
}

impl Counted {
    fn forget(&self) {
        if self.known.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut by_address = self.strangers.by_address.lock();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_full_of_strangers_until_one_is_known_or_gone() {
        let strangers = Strangers::new(2);
        let [here, there]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let (first, second) = (strangers.take_in(here).unwrap(), strangers.take_in(here).unwrap());
        assert!(strangers.take_in(here).is_none());
        assert!(strangers.take_in(there).is_some(), "another address is not touched");
        first.is_known();
        first.is_known();
        let third = strangers.take_in(here).unwrap();
        assert!(strangers.take_in(here).is_none(), "who is known twice is one");
        drop((first, second));
        let fourth = strangers.take_in(here).unwrap();
        assert!(strangers.take_in(here).is_none());
        drop((third, fourth));
        assert!(strangers.by_address.lock().is_empty());
    }
}
