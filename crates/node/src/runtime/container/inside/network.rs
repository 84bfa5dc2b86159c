//! The pod's network: `lo` with the pod's address, by netlink.

use std::io;
use std::net::IpAddr;

use super::netlink::{self, Body, CREATE};
use crate::runtime::sandbox::protocol::{Failure, Phase};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
const ROUTE_INTERFACE: u16 = 4;
const ROUTE_SOURCE: u16 = 7;
const LOCAL: u8 = 2;
const TABLE_LOCAL: u8 = 255;
const PROTOCOL_STATIC: u8 = 4;
const SCOPE_HOST: u8 = 254;
const INTERFACE_UP: u32 = 1;
/// The loopback interface is the first in any network namespace.
const LOOPBACK: i32 = 1;

/// Brings `lo` up and gives it the address.
pub(super) fn bring_up(address: IpAddr) -> Result<(), Failure> {
    let socket =
        netlink::open(None).map_err(Failure::at(Phase::Sandbox, "open a netlink socket"))?;
    let request = |kind, flags, body: &Body| -> io::Result<()> {
        let mut batch = Vec::new();
        netlink::message(&mut batch, kind, flags, body);
        netlink::send(&socket, &batch)
    };
    request(NEW_LINK, 0, &link_up())
        .map_err(Failure::at(Phase::Sandbox, "bring the interface lo up"))?;
    if !address.is_loopback() {
        request(NEW_ADDRESS, CREATE, &new_address(address)).map_err(Failure::at(
            Phase::Sandbox,
            format!("give lo the address {address}"),
        ))?;
    }
    // Ports below 1024 are free to every user inside, as in other container runtimes. Where /proc
    // is read-only, only root can have them.
    let _ = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(())
}

/// Makes every address of the world one of this pod's own: what is sent anywhere arrives here, at a
/// socket that is bound to that address, or at the redirection. Connections leave with the pod's address
/// as their source.
pub(super) fn be_everywhere(address: std::net::Ipv4Addr) -> io::Result<()> {
    let socket = netlink::open(None)?;
    let mut batch = Vec::new();
    netlink::message(&mut batch, NEW_ROUTE, CREATE, &everything(address));
    netlink::send(&socket, &batch)
}

/// `struct ifinfomsg`
fn link_up() -> Body {
    let mut body = vec![0; 4];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    Body(body)
}

/// `struct ifaddrmsg` with two attributes.
fn new_address(address: IpAddr) -> Body {
    let (family, octets) = match address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let mut fixed = vec![family, octets.len() as u8 * 8, 0, 0];
    fixed.extend(LOOPBACK.to_ne_bytes());
    let mut body = Body(fixed);
    body.put(ATTRIBUTE_LOCAL, &octets)
        .put(ATTRIBUTE_ADDRESS, &octets);
    body
}

/// `struct rtmsg` of `local 0.0.0.0/0 dev lo src ADDRESS table local`.
fn everything(address: std::net::Ipv4Addr) -> Body {
    let fixed = [
        2,
        0,
        0,
        0,
        TABLE_LOCAL,
        PROTOCOL_STATIC,
        SCOPE_HOST,
        LOCAL,
        0,
        0,
        0,
        0,
    ];
    let mut body = Body::new(&fixed);
    body.put(ROUTE_INTERFACE, &LOOPBACK.to_ne_bytes())
        .put(ROUTE_SOURCE, &address.octets());
    body
}
