//! Addresses and ranges of addresses.

use std::fmt;
use std::net::IpAddr;

use super::super::signature::Overload;
use super::super::signature::Sort::{Bool, Cidr as Range, Int, Ip, Text};
use super::{Called, function, method, mismatch, text};
use crate::cel::value::Value;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address = parse(address)?;
        let plain = length == "0" || !length.starts_with(['0', '+']);
        let length = length
            .parse()
            .ok()
            .filter(|length| plain && *length <= width(address))?;
        Some(Self { address, length })
    }

    fn masked(self) -> Self {
        Self {
            address: mask(self.address, self.length),
            ..self
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && mask(address, self.length) == mask(self.address, self.length)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(length))
                .unwrap_or_default();
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(length))
                .unwrap_or_default();
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// An address; not an IPv4 address written as IPv6, which upstream refuses.
fn parse(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => None,
        address => Some(address),
    }
}

pub(super) static FUNCTIONS: &[Overload] = &[
    function("ip", &[Text], Ip, |_, values| {
        let text = text(values, 0)?;
        parse(text)
            .map(Value::Ip)
            .ok_or_else(|| format!("IP Address {text:?} parse error during conversion from string"))
    }),
    function("isIP", &[Text], Bool, |_, values| {
        Ok(parse(text(values, 0)?).is_some().into())
    }),
    function("ip.isCanonical", &[Text], Bool, |_, values| {
        let text = text(values, 0)?;
        let address = parse(text).ok_or_else(|| {
            format!("IP Address {text:?} parse error during conversion from string")
        })?;
        Ok((address.to_string() == text).into())
    }),
    method("family", &[Ip], Int, |_, values| {
        Ok(Value::Int(if one(values)?.is_ipv4() { 4 } else { 6 }))
    }),
    method("isUnspecified", &[Ip], Bool, |_, values| {
        Ok(one(values)?.is_unspecified().into())
    }),
    method("isLoopback", &[Ip], Bool, |_, values| {
        Ok(one(values)?.is_loopback().into())
    }),
    method("isLinkLocalMulticast", &[Ip], Bool, |_, values| {
        Ok(link_local_multicast(one(values)?).into())
    }),
    method("isLinkLocalUnicast", &[Ip], Bool, |_, values| {
        Ok(link_local(one(values)?).into())
    }),
    method("isGlobalUnicast", &[Ip], Bool, |_, values| {
        Ok(global(one(values)?).into())
    }),
    function("cidr", &[Text], Range, |_, values| {
        let text = text(values, 0)?;
        Cidr::parse(text).map(Value::Cidr).ok_or_else(|| {
            format!("network address parse error during conversion from string: {text:?}")
        })
    }),
    function("isCIDR", &[Text], Bool, |_, values| {
        Ok(Cidr::parse(text(values, 0)?).is_some().into())
    }),
    method("containsIP", &[Range, Ip], Bool, contains_address),
    method("containsIP", &[Range, Text], Bool, contains_address),
    method("containsCIDR", &[Range, Range], Bool, contains_range),
    method("containsCIDR", &[Range, Text], Bool, contains_range),
    method("ip", &[Range], Ip, |_, values| {
        Ok(Value::Ip(range(values, 0)?.address))
    }),
    method("masked", &[Range], Range, |_, values| {
        Ok(Value::Cidr(range(values, 0)?.masked()))
    }),
    method("prefixLength", &[Range], Int, |_, values| {
        Ok(Value::Int(range(values, 0)?.length.into()))
    }),
];

fn one(values: &[Value]) -> Result<IpAddr, String> {
    match values.first() {
        Some(Value::Ip(address)) => Ok(*address),
        _ => Err(mismatch()),
    }
}

fn range(values: &[Value], index: usize) -> Result<Cidr, String> {
    match values.get(index) {
        Some(Value::Cidr(range)) => Ok(*range),
        Some(Value::String(text)) => Cidr::parse(text).ok_or_else(|| {
            format!("network address parse error during conversion from string: {text:?}")
        }),
        _ => Err(mismatch()),
    }
}

fn contains_address(_: &mut super::Scratch<'_>, values: &[Value]) -> Called {
    let address = match values.get(1) {
        Some(Value::Ip(address)) => *address,
        Some(Value::String(text)) => parse(text).ok_or_else(|| {
            format!("IP Address {text:?} parse error during conversion from string")
        })?,
        _ => return Err(mismatch()),
    };
    Ok(range(values, 0)?.contains(address).into())
}

fn contains_range(_: &mut super::Scratch<'_>, values: &[Value]) -> Called {
    let (outer, inner) = (range(values, 0)?, range(values, 1)?);
    Ok((inner.length >= outer.length && outer.contains(inner.address)).into())
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

/// As Go's `IsGlobalUnicast`, which private addresses are too.
fn global(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || broadcast
        || link_local(address))
}
