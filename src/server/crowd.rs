//! How many connections each address has, so that one caller cannot take them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections, counted by address.
pub struct Crowd {
    /// Of one address; 0: no bound.
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts until this is dropped.
pub struct Seat {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// Room for one more connection of this address; `None` where it has as many as it may.
    pub fn seat(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = caller(address);
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { crowd: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.address);
            }
        }
    }
}

/// Who that is: whoever has one address of IPv6 has the 2^64 beside it, too.
fn caller(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_so_many() {
        let crowd = Crowd::new(2);
        let seat = |text: &str| crowd.seat(address(text));
        let (first, second) = (seat("192.0.2.1"), seat("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some() && seat("192.0.2.1").is_none(), "both are one address");
        assert!(seat("192.0.2.2").is_some(), "others have their own");
        let network = [seat("2001:db8::1"), seat("2001:db8::2")];
        assert!(network.iter().all(Option::is_some) && seat("2001:db8::3").is_none());
        assert!(seat("2001:db8:0:1::3").is_some());
        drop(first);
        assert!(seat("192.0.2.1").is_some());
        drop((second, network));
        assert!(crowd.lock().is_empty(), "who has left is forgotten");
    }

    #[test]
    fn without_a_bound_everybody_comes_in() {
        let crowd = Crowd::new(0);
        let seats: Vec<_> = (0..1000).map(|_| crowd.seat(address("::1"))).collect();
        assert!(seats.iter().all(Option::is_some));
    }
}
