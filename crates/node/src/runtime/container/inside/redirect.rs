//! Catching what leaves the pod.
//!
//! ```text
//!   process ── connect 10.96.0.7:80 ──▶ route: local, lo ──▶ nftables: redirect ──▶ listener ──▶ node
//!   process ── datagram 10.96.0.10:53 ─────────────────────▶ nftables: redirect ──▶ socket ────▶ node
//! ```
//!
//! The kernel remembers for each caught connection where it was meant to go.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::net::{AddressFamily, SocketType, netlink as protocol};

use super::netlink::{self, APPEND, Body, CREATE};
use super::network;
use crate::runtime::sandbox::protocol::{Caught, Datagrams, Failure, Phase, Way};

/// As many as the kernel lets wait to be accepted.
const BACKLOG: i32 = 4096;
const TABLE: &str = "seatrial";
const LOOPBACK_NET: u8 = 127;
const NAMES_PORT: u16 = 53;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The sockets at which what leaves the pod arrives: first the one for questions to the name server,
/// then those for connections, last one for other datagrams.
pub(crate) fn catch(
    address: IpAddr,
    (resolver, balancers): (Ipv4Addr, Option<[u8; 2]>),
    direct: &[SocketAddrV4],
) -> Result<(Caught, Vec<OwnedFd>), Failure> {
    let failed = |step: &str| Failure::at::<io::Error>(Phase::Sandbox, step.to_owned());
    let IpAddr::V4(address) = address else {
        return Err(failed("redirect connections of an IPv6 pod")(
            io::ErrorKind::Unsupported.into(),
        ));
    };
    network::be_everywhere(address).map_err(failed("route all addresses to the pod"))?;
    let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let listener = listen(anywhere).map_err(failed("listen for connections of the pod"))?;
    let names = bind_datagrams(anywhere).map_err(failed("listen for questions of the pod"))?;
    let ports = (port_of(&listener), port_of(&names));
    let (Ok(connections), Ok(questions)) = ports else {
        return Err(failed("find out a port of its own")(
            io::ErrorKind::Other.into(),
        ));
    };
    let table = |queue| Table {
        own: address,
        resolver,
        balancers,
        connections,
        questions,
        queue,
    };
    let with_datagrams = |way, mut sockets: Vec<OwnedFd>| {
        // Some kernels lack what it needs; then they are refused, as on an address that nobody has.
        let (datagrams, socket) = match catch_datagrams(address) {
            Ok(socket) => (Datagrams::Caught, Some(socket)),
            Err(_) => (Datagrams::Lost, None),
        };
        sockets.extend(socket);
        (Caught { way, datagrams }, sockets)
    };
    // Kernels have one, the other, or neither.
    for kind in [Queue::Native, Queue::Compatible] {
        let asked = open_queue().and_then(|queue| {
            install(&table(Some(kind)).rules())?;
            Ok(queue)
        });
        if let Ok(queue) = asked {
            return Ok(with_datagrams(Way::Asked, vec![names, queue, listener]));
        }
    }
    match install(&table(None).rules()) {
        Ok(()) => Ok(with_datagrams(Way::Redirected, vec![names, listener])),
        Err(error) => fall_back(&error, resolver, direct),
    }
}

/// The queue in which first packets wait.
fn open_queue() -> io::Result<OwnedFd> {
    let socket = netlink::open(Some(protocol::NETFILTER))?;
    let configure = |fill: &dyn Fn(&mut Body)| {
        let mut body = general(0, QUEUE);
        fill(&mut body);
        let mut batch = Vec::new();
        netlink::message(&mut batch, QUEUE_CONFIGURE, 0, &body);
        netlink::send(&socket, &batch)
    };
    // Bind; then: the beginning of each packet is copied, and this many may wait.
    configure(&|body| {
        body.put(1, &[1, 0, 0, 0]);
    })?;
    configure(&|body| {
        let copied = [&PACKET_BEGIN.to_be_bytes()[..], &[2]].concat();
        body.put(2, &copied).number(3, BACKLOG.cast_unsigned());
    })?;
    Ok(socket)
}

/// Without a packet filter only addresses that are known beforehand can be caught: by listening there.
fn fall_back(
    error: &io::Error,
    resolver: Ipv4Addr,
    direct: &[SocketAddrV4],
) -> Result<(Caught, Vec<OwnedFd>), Failure> {
    let failed = |place: SocketAddrV4| {
        Failure::at::<io::Error>(Phase::Sandbox, format!("listen on {place} inside"))
    };
    let place = SocketAddrV4::new(resolver, NAMES_PORT);
    let mut sockets = vec![bind_datagrams(place).map_err(failed(place))?];
    for place in direct.iter().copied() {
        sockets.push(listen(place).map_err(failed(place))?);
    }
    let reason = error.to_string();
    let caught = Caught {
        way: Way::Direct { reason },
        datagrams: Datagrams::Lost,
    };
    Ok((caught, sockets))
}

/// The socket at which the first datagram of each pair of ends arrives, with the address it was meant for.
fn catch_datagrams(own: Ipv4Addr) -> io::Result<OwnedFd> {
    let socket = bind_datagrams(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    set_option(&socket, libc::IP_TRANSPARENT)?;
    set_option(&socket, libc::IP_RECVORIGDSTADDR)?;
    let port = port_of(&socket)?;
    let mut batch = Vec::new();
    netlink::bare_message(&mut batch, BATCH_BEGIN, &general(0, FILTER_SUBSYSTEM));
    arriving_chain(&mut batch, "datagrams", -150);
    let away = [
        Match::Protocol(UDP),
        Match::NotToNetwork(LOOPBACK_NET),
        Match::NotTo(own),
    ];
    rule(&mut batch, "datagrams", &away, Action::Divert(port));
    netlink::bare_message(&mut batch, BATCH_END, &general(0, FILTER_SUBSYSTEM));
    install(&batch)?;
    Ok(socket)
}

/// A socket for one pair of ends, of which the first may be anybody's address. Where a program of the pod listens on
/// that port at all addresses, it is a raw one, through which whole packets can be sent but none come.
pub(crate) fn datagrams(at: SocketAddrV4, peer: SocketAddrV4) -> Result<OwnedFd, Failure> {
    let made = || -> io::Result<OwnedFd> {
        let kind = SocketType::DGRAM;
        let socket = rustix::net::socket(AddressFamily::INET, kind, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        set_option(&socket, libc::IP_TRANSPARENT)?;
        rustix::net::bind(&socket, &at)?;
        rustix::net::connect(&socket, &peer)?;
        Ok(socket)
    };
    let made = || match made() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && at.port() != 0 => whole(peer),
        made => made,
    };
    let step = || format!("make a socket between {at} and {peer}");
    made().map_err(|error| Failure::at(Phase::Sandbox, step())(error))
}

/// A socket that sends whole packets, which say themselves where they come from.
fn whole(peer: SocketAddrV4) -> io::Result<OwnedFd> {
    let protocol = Some(rustix::net::ipproto::RAW);
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::RAW, protocol)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::net::connect(&socket, &SocketAddrV4::new(*peer.ip(), 0))?;
    Ok(socket)
}

/// Switches an option of the internet protocol on.
fn set_option(socket: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    #[allow(unsafe_code)]
    // SAFETY: the kernel reads one number from `on`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_IP,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn listen(place: SocketAddrV4) -> io::Result<OwnedFd> {
    let socket = bound(SocketType::STREAM, place)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn bind_datagrams(place: SocketAddrV4) -> io::Result<OwnedFd> {
    bound(SocketType::DGRAM, place)
}

fn bound(kind: SocketType, place: SocketAddrV4) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::INET, kind, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &place)?;
    Ok(socket)
}

fn port_of(socket: &OwnedFd) -> io::Result<u16> {
    let address = rustix::net::getsockname(socket)?;
    Ok(SocketAddr::try_from(address)?.port())
}

fn install(batch: &[u8]) -> io::Result<()> {
    let socket = netlink::open(Some(protocol::NETFILTER))?;
    netlink::send(&socket, batch)
}

/// What a packet must be for a rule, in the order in which it is looked at.
#[derive(Clone, Copy)]
enum Match {
    Protocol(u8),
    /// Not to this network of eight bits.
    NotToNetwork(u8),
    NotTo(Ipv4Addr),
    To(Ipv4Addr),
    ToBlock([u8; 2]),
    ToPort(u16),
    /// The first packet of a connection: of the flags for beginning and acknowledging, only the former.
    First,
    /// Its connection is refused.
    Marked,
}

/// What becomes of it.
#[derive(Clone, Copy)]
enum Action {
    /// It goes to this port of the pod's loopback.
    Redirect(u16),
    /// It goes to the socket with this port, but keeps its address.
    Divert(u16),
    Drop,
    /// It waits until the node has decided.
    Ask(Queue),
    Reset,
}

/// What the table is made of.
struct Table {
    own: Ipv4Addr,
    resolver: Ipv4Addr,
    balancers: Option<[u8; 2]>,
    /// The ports of the sockets for connections and for questions.
    connections: u16,
    questions: u16,
    queue: Option<Queue>,
}

/// How a rule is told to queue a packet.
#[derive(Clone, Copy)]
enum Queue {
    Native,
    /// By the older packet filter's target of that name.
    Compatible,
}

impl Table {
    /// Connections and questions are redirected, and an echo request is lost, since the pod itself
    /// would answer for the whole world.
    fn rules(&self) -> Vec<u8> {
        let away = [Match::NotToNetwork(LOOPBACK_NET), Match::NotTo(self.own)];
        let mut batch = Vec::new();
        netlink::bare_message(&mut batch, BATCH_BEGIN, &general(0, FILTER_SUBSYSTEM));
        let mut table = general(FAMILY, 0);
        table.text(1, TABLE);
        netlink::message(&mut batch, NEW_TABLE, CREATE, &table);
        chain(&mut batch, "redirect", "nat", -100);
        chain(&mut batch, "silence", "filter", 0);
        let tcp = [&[Match::Protocol(TCP)][..], &away].concat();
        let mut outside = vec![tcp];
        if let Some(block) = self.balancers {
            outside.push(vec![Match::Protocol(TCP), Match::ToBlock(block)]);
        }
        if let Some(queue) = self.queue {
            chain(&mut batch, "ask", "filter", -150);
            chain(&mut batch, "refuse", "filter", -140);
            for one in &outside {
                let first = [&one[..], &[Match::First]].concat();
                rule(&mut batch, "ask", &first, Action::Ask(queue));
            }
            let refused = [Match::Protocol(TCP), Match::Marked];
            rule(&mut batch, "refuse", &refused, Action::Reset);
        }
        for one in &outside {
            rule(
                &mut batch,
                "redirect",
                one,
                Action::Redirect(self.connections),
            );
        }
        let names = [
            Match::Protocol(UDP),
            Match::To(self.resolver),
            Match::ToPort(NAMES_PORT),
        ];
        rule(
            &mut batch,
            "redirect",
            &names,
            Action::Redirect(self.questions),
        );
        let echo = [&[Match::Protocol(ICMP)][..], &away].concat();
        rule(&mut batch, "silence", &echo, Action::Drop);
        netlink::bare_message(&mut batch, BATCH_END, &general(0, FILTER_SUBSYSTEM));
        batch
    }
}

/// The part of the kernel that keeps queues.
pub(in crate::runtime::container) const QUEUE_SUBSYSTEM: u16 = 3;
/// What marks a packet whose connection is refused.
pub(in crate::runtime::container) const REFUSED_MARK: u32 = 0x5ea7;
const QUEUE_CONFIGURE: u16 = (QUEUE_SUBSYSTEM << 8) | 2;
/// The number of the queue: the namespace has no other.
const QUEUE: u16 = 0;
/// Without anybody who reads the queue, packets go on.
const QUEUE_BYPASS: u16 = 1;
/// More than the headers that are looked at.
const PACKET_BEGIN: u32 = 128;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const FILTER_SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = FILTER_SUBSYSTEM << 8;
const NEW_CHAIN: u16 = (FILTER_SUBSYSTEM << 8) | 3;
const NEW_RULE: u16 = (FILTER_SUBSYSTEM << 8) | 6;
/// IPv4
const FAMILY: u8 = 2;
/// The hook that packets made on this machine pass.
const HOOK_OUTPUT: u32 = 3;
/// The hook that packets pass when they arrive.
const HOOK_ARRIVAL: u32 = 0;
const REGISTER: u32 = 1;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Where the destination address stands in an IPv4 header, and the port in a UDP header.
const DESTINATION: u32 = 16;
const DESTINATION_PORT: u32 = 2;
const META_PROTOCOL: u32 = 16;
const META_MARK: u32 = 3;
/// Where the flags stand in a TCP header.
const FLAGS: u32 = 13;
const BEGIN: u8 = 0x02;
const BEGIN_OR_ACKNOWLEDGE: u8 = 0x12;
const VERDICT_DROP: u32 = 0;

/// `struct nfgenmsg`
fn general(family: u8, resource: u16) -> Body {
    let resource = resource.to_be_bytes();
    Body::new(&[family, 0, resource[0], resource[1]])
}

fn chain(batch: &mut Vec<u8>, name: &str, kind: &str, priority: i32) {
    hooked_chain(batch, name, kind, (HOOK_OUTPUT, priority));
}

/// A chain for packets that have come back in.
fn arriving_chain(batch: &mut Vec<u8>, name: &str, priority: i32) {
    hooked_chain(batch, name, "filter", (HOOK_ARRIVAL, priority));
}

fn hooked_chain(batch: &mut Vec<u8>, name: &str, kind: &str, (hook, priority): (u32, i32)) {
    let mut body = general(FAMILY, 0);
    body.text(1, TABLE)
        .text(3, name)
        .nest(4, |attributes| {
            attributes
                .number(1, hook)
                .number(2, priority.cast_unsigned());
        })
        .text(7, kind);
    netlink::message(batch, NEW_CHAIN, CREATE, &body);
}

fn rule(batch: &mut Vec<u8>, chain: &str, matches: &[Match], action: Action) {
    let mut body = general(FAMILY, 0);
    body.text(1, TABLE).text(2, chain).nest(4, |expressions| {
        for one in matches {
            one.write(expressions);
        }
        action.write(expressions);
    });
    netlink::message(batch, NEW_RULE, CREATE | APPEND, &body);
}

fn expression(list: &mut Body, name: &str, fill: impl FnOnce(&mut Body)) {
    list.nest(1, |element| {
        element.text(1, name).nest(2, fill);
    });
}

/// Loads a piece of a header into the register.
fn load(list: &mut Body, header: u32, offset: u32, length: usize) {
    expression(list, "payload", |data| {
        data.number(1, REGISTER)
            .number(2, header)
            .number(3, offset)
            .number(4, length as u32);
    });
}

/// Goes on where the register is (0) or is not (1) the value.
fn compare(list: &mut Body, operation: u32, value: &[u8]) {
    expression(list, "cmp", |data| {
        data.number(1, REGISTER)
            .number(2, operation)
            .nest(3, |inner| {
                inner.put(1, value);
            });
    });
}

impl Match {
    fn write(self, list: &mut Body) {
        let address = |list: &mut Body, operation, octets: &[u8]| {
            load(list, NETWORK_HEADER, DESTINATION, octets.len());
            compare(list, operation, octets);
        };
        match self {
            Self::Protocol(number) => {
                expression(list, "meta", |data| {
                    data.number(1, REGISTER).number(2, META_PROTOCOL);
                });
                compare(list, 0, &[number]);
            }
            Self::NotToNetwork(first) => address(list, 1, &[first]),
            Self::NotTo(other) => address(list, 1, &other.octets()),
            Self::To(one) => address(list, 0, &one.octets()),
            Self::ToBlock(first) => address(list, 0, &first),
            Self::First => {
                load(list, TRANSPORT_HEADER, FLAGS, 1);
                expression(list, "bitwise", |data| {
                    data.number(1, REGISTER)
                        .number(2, REGISTER)
                        .number(3, 1)
                        .nest(4, |mask| {
                            mask.put(1, &[BEGIN_OR_ACKNOWLEDGE]);
                        })
                        .nest(5, |flip| {
                            flip.put(1, &[0]);
                        });
                });
                compare(list, 0, &[BEGIN]);
            }
            Self::Marked => {
                expression(list, "meta", |data| {
                    data.number(1, REGISTER).number(2, META_MARK);
                });
                compare(list, 0, &REFUSED_MARK.to_ne_bytes());
            }
            Self::ToPort(port) => {
                load(list, TRANSPORT_HEADER, DESTINATION_PORT, 2);
                compare(list, 0, &port.to_be_bytes());
            }
        }
    }
}

impl Action {
    fn write(self, list: &mut Body) {
        match self {
            Self::Redirect(port) => {
                immediate(list, REGISTER, |data| {
                    data.put(1, &port.to_be_bytes());
                });
                expression(list, "redir", |data| {
                    data.number(1, REGISTER);
                });
            }
            Self::Divert(port) => {
                immediate(list, REGISTER, |data| {
                    data.put(1, &port.to_be_bytes());
                });
                expression(list, "tproxy", |data| {
                    data.number(1, FAMILY.into()).number(3, REGISTER);
                });
            }
            Self::Ask(Queue::Native) => expression(list, "queue", |data| {
                data.put(1, &QUEUE.to_be_bytes())
                    .put(2, &1u16.to_be_bytes())
                    .put(3, &QUEUE_BYPASS.to_be_bytes());
            }),
            Self::Ask(Queue::Compatible) => expression(list, "target", |data| {
                // `struct xt_NFQ_info_v3`, filled up to eight bytes.
                let numbers = [QUEUE, 1, QUEUE_BYPASS, 0].map(u16::to_ne_bytes);
                data.text(1, "NFQUEUE")
                    .number(2, 3)
                    .put(3, &numbers.concat());
            }),
            Self::Reset => expression(list, "reject", |data| {
                data.number(1, 1).put(2, &[0]);
            }),
            Self::Drop => immediate(list, 0, |data| {
                data.nest(2, |verdict| {
                    verdict.number(1, VERDICT_DROP);
                });
            }),
        }
    }
}

fn immediate(list: &mut Body, register: u32, fill: impl FnOnce(&mut Body)) {
    expression(list, "immediate", |data| {
        data.number(1, register).nest(2, fill);
    });
}
