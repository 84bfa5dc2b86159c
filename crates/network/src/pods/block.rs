//! Blocks of addresses: `10.0.0.0/8`.

use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    base: IpAddr,
    bits: u8,
}

/// A text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no block of addresses such as 10.0.0.0/8")]
pub struct Error(String);

impl Block {
    /// Whether an address lies in it.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let distance = u32::from(base) ^ u32::from(address);
                distance.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let distance = u128::from(base) ^ u128::from(address);
                distance
                    .checked_shr(128 - u32::from(self.bits))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Block {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let failed = || Error(text.to_owned());
        let (base, bits) = text.split_once('/').ok_or_else(failed)?;
        let base: IpAddr = base.parse().map_err(|_| failed())?;
        let bits: u8 = bits.parse().map_err(|_| failed())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        if bits > most {
            return Err(failed());
        }
        Ok(Self { base, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bits_decide() {
        let within = |block: &str, address: &str| {
            let block: Block = block.parse().unwrap();
            block.contains(address.parse().unwrap())
        };
        assert!(within("10.0.0.0/8", "10.255.0.1"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("10.1.2.3/32", "10.1.2.3"));
        assert!(!within("10.1.2.3/32", "10.1.2.2"));
        assert!(within("0.0.0.0/0", "255.1.2.3"));
        assert!(!within("0.0.0.0/0", "::1"));
        assert!(within("fd00::/8", "fd12::1"));
        assert!(within("::/0", "fd12::1"));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/x", "::/129"] {
            assert!(wrong.parse::<Block>().is_err(), "{wrong}");
        }
    }
}
