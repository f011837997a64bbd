//! Ports for networks of processes on this machine.

use std::net::{TcpListener, UdpSocket};

/// As `lockstep testnet` places the nodes.
pub const PORTS_EACH: u16 = 10;
/// First ports that a network may get: below those that systems give to outgoing connections.
const BASE_PORTS: std::ops::Range<u16> = 11_000..31_000;

/// The first of so many nodes' ports, none of which is in use.
pub fn free_ports(nodes: u16) -> u16 {
    let are_free = |base: &u16| {
        (0..nodes).all(|index| {
            let port = base + index * PORTS_EACH;
            let tcp = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
            let udp = UdpSocket::bind(("127.0.0.1", port)).is_ok();
            tcp(port) && tcp(port + 1) && tcp(port + 4) && udp
        })
    };
    // Different processes begin to look at different places.
    let skipped = (std::process::id() % 97) as usize * 2;
    let bases = BASE_PORTS.step_by((nodes * PORTS_EACH).into());
    bases.cycle().skip(skipped).take(10_000).find(are_free).expect("some ports are free")
}
