//! The pod's network: `lo` with the pod's address, by netlink.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};

use crate::runtime::sandbox::protocol::{Failure, Phase};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const ERROR: u16 = 2;
const REQUEST_WITH_ANSWER: u16 = 1 | 4;
const CREATE: u16 = 0x400;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
const INTERFACE_UP: u32 = 1;
/// The loopback interface is the first in any network namespace.
const LOOPBACK: i32 = 1;

/// Brings `lo` up and gives it the address.
pub(super) fn bring_up(address: IpAddr) -> Result<(), Failure> {
    let socket = open().map_err(Failure::at(Phase::Sandbox, "open a netlink socket"))?;
    request(&socket, NEW_LINK, 0, &link_up())
        .map_err(Failure::at(Phase::Sandbox, "bring the interface lo up"))?;
    if !address.is_loopback() {
        request(&socket, NEW_ADDRESS, CREATE, &new_address(address)).map_err(Failure::at(
            Phase::Sandbox,
            format!("give lo the address {address}"),
        ))?;
    }
    // Ports below 1024 are free to every user inside, as in other container runtimes. Where /proc
    // is read-only, only root can have them.
    let _ = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(())
}

fn open() -> io::Result<OwnedFd> {
    // The protocol with the number 0 is the one about links, addresses and routes.
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// `struct ifinfomsg`
fn link_up() -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    body.extend(INTERFACE_UP.to_ne_bytes());
    body
}

/// `struct ifaddrmsg` with two attributes.
fn new_address(address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let mut body = vec![family, octets.len() as u8 * 8, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [ATTRIBUTE_LOCAL, ATTRIBUTE_ADDRESS] {
        body.extend((4 + octets.len() as u16).to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(&octets);
    }
    body
}

fn request(socket: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST_WITH_ANSWER | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    rustix::net::send(socket, &message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (_, length) = rustix::net::recv(socket, &mut answer, RecvFlags::empty())?;
    parse_answer(&answer[..length])
}

/// An acknowledgement is an error message with the number 0.
fn parse_answer(answer: &[u8]) -> io::Result<()> {
    let (Some(kind), Some(number)) = (answer.get(4..6), answer.get(16..20)) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if kind != ERROR.to_ne_bytes() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    match i32::from_ne_bytes([number[0], number[1], number[2], number[3]]) {
        0 => Ok(()),
        negative => Err(io::Error::from_raw_os_error(-negative)),
    }
}
