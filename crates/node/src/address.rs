//! Addresses for pods: each node has a range of its own and hands out addresses from it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A range of IPv4 addresses, such as `10.244.3.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: u32,
    bits: u8,
}

/// Why a range cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More addresses are wanted than `10.128.0.0/9` has.
    #[error(
        "{nodes} nodes of {pods} pods need more addresses than 10.128.0.0/9 has: \
         ask for fewer nodes or fewer pods on each"
    )]
    TooMany {
        /// How many nodes.
        nodes: usize,
        /// How many pods each node takes.
        pods: u32,
    },
}

impl Range {
    /// The range of the node with this index, among `nodes` nodes that take `pods` pods each.
    ///
    /// Small clusters get the usual `10.244.N.0/24`; larger ones are cut from `10.128.0.0/9`, which
    /// leaves the cluster addresses of services (`10.96.0.0/12`) alone.
    pub fn of_node(index: usize, nodes: usize, pods: u32) -> Result<Self, Error> {
        let host_bits = (32 - (pods + 1).leading_zeros()).max(8);
        let too_many = || Error::TooMany { nodes, pods };
        let whole = u32::try_from(nodes).map_err(|_| too_many())?;
        let needed = u64::from(whole) << host_bits;
        let start = match needed {
            0..=0x1_0000 => Ipv4Addr::new(10, 244, 0, 0),
            0x1_0001..=0x80_0000 => Ipv4Addr::new(10, 128, 0, 0),
            _ => return Err(too_many()),
        };
        let offset = u32::try_from(index).map_err(|_| too_many())? << host_bits;
        Ok(Self {
            base: u32::from(start) + offset,
            bits: 32 - host_bits as u8,
        })
    }

    /// A range of loopback addresses for the pods of the node with this index, where pods have no
    /// network namespace: 1022 addresses of one of the blocks `127.64.0.0/16` to `127.255.0.0/16`.
    ///
    /// Clusters that run at the same time on one machine should differ in `cluster`, for instance a
    /// hash of the data directory, which chooses the block.
    pub fn of_loopback(cluster: u64, index: usize) -> Self {
        let index = index as u64;
        let block = 64 + (cluster % 192 + index / 64) % 192;
        let base = u32::from(Ipv4Addr::new(127, block as u8, 0, 0));
        Self {
            base: base + ((index as u32 % 64) << 10),
            bits: 22,
        }
    }

    /// How many pods can have an address of it: all but the first and the last.
    pub fn usable(self) -> u32 {
        self.size() - 2
    }

    fn size(self) -> u32 {
        1 << (32 - self.bits)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

/// Hands out the addresses of a range, each to one pod at a time.
///
/// An address that is given back is not handed out again before all others were, so that late
/// connections to a dead pod do not reach its successor.
#[derive(Debug)]
pub struct Pool {
    range: Range,
    next: u32,
    taken: BTreeSet<u32>,
}

impl Pool {
    /// All of `range` except its first and last address.
    pub fn new(range: Range) -> Self {
        Self {
            range,
            next: 1,
            taken: BTreeSet::new(),
        }
    }

    /// The next free address; none where all are taken.
    pub fn take(&mut self) -> Option<IpAddr> {
        let usable = self.range.usable();
        if self.taken.len() >= usable as usize {
            return None;
        }
        while !self.taken.insert(self.next) {
            self.advance(usable);
        }
        let address = Ipv4Addr::from(self.range.base + self.next);
        self.advance(usable);
        Some(address.into())
    }

    fn advance(&mut self, usable: u32) {
        self.next = self.next % usable + 1;
    }

    /// Notes that a pod of an earlier process has this address. False where the address is foreign
    /// to the range or taken by another.
    pub fn claim(&mut self, address: IpAddr) -> bool {
        self.offset(address)
            .is_some_and(|offset| self.taken.insert(offset))
    }

    /// Frees an address; one that is foreign to the range is ignored.
    pub fn give_back(&mut self, address: IpAddr) {
        if let Some(offset) = self.offset(address) {
            self.taken.remove(&offset);
        }
    }

    fn offset(&self, address: IpAddr) -> Option<u32> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        let offset = u32::from(address).checked_sub(self.range.base)?;
        (1..self.range.size() - 1)
            .contains(&offset)
            .then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_clusters_get_the_usual_ranges() {
        let range =
            |index, nodes, pods| Range::of_node(index, nodes, pods).map(|range| range.to_string());
        assert_eq!(range(0, 3, 110).unwrap(), "10.244.0.0/24");
        assert_eq!(range(2, 3, 254).unwrap(), "10.244.2.0/24");
        assert_eq!(range(1, 3, 10_000).unwrap(), "10.244.64.0/18");
        assert_eq!(range(999, 1_000, 254).unwrap(), "10.131.231.0/24");
        assert_eq!(range(4_999, 5_000, 110).unwrap(), "10.147.135.0/24");
        assert!(
            range(0, 10_000, 10_000)
                .unwrap_err()
                .to_string()
                .contains("fewer nodes")
        );
    }

    #[test]
    fn nodes_without_namespaces_share_a_block_of_loopback_addresses() {
        let range = |cluster, index| Range::of_loopback(cluster, index).to_string();
        assert_eq!(range(0, 0), "127.64.0.0/22");
        assert_eq!(range(191, 2), "127.255.8.0/22");
        assert_eq!(range(191, 64), "127.64.0.0/22");
    }

    #[test]
    fn addresses_are_unique_until_all_are_taken() {
        let mut pool = Pool::new(Range::of_node(0, 1, 110).unwrap());
        let first = pool.take().unwrap();
        assert_eq!(first.to_string(), "10.244.0.1");
        let rest: BTreeSet<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(rest.len(), 253);
        pool.give_back(first);
        assert_eq!(pool.take(), Some(first));
    }

    #[test]
    fn a_claimed_address_is_not_handed_out() {
        let mut pool = Pool::new(Range::of_node(0, 1, 110).unwrap());
        assert!(pool.claim("10.244.0.1".parse().unwrap()));
        assert!(!pool.claim("10.244.0.1".parse().unwrap()));
        assert!(!pool.claim("10.9.0.1".parse().unwrap()));
        assert_eq!(pool.take().unwrap().to_string(), "10.244.0.2");
    }
}
