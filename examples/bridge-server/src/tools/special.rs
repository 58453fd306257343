//! Addresses that are not on the public internet.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use ipnet::{Ipv4Net, Ipv6Net};

/// Whether `address` is one that anybody on the internet could have, and so leads to nothing that is only reachable
/// from this machine.
///
/// Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190) and the IANA IPv6
/// Address Space registry (RFC 4291 §2.4). Whole blocks are refused, also the few addresses in them that are
/// reachable from everywhere. IPv6 addresses that carry an IPv4 address are refused whatever it is, since what
/// lies behind a translator is not for this server to tell. A network's own translation prefix (RFC 6052 §2.2)
/// cannot be told from other addresses.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST.contains(&address) && !V6.iter().any(|net| net.contains(&address))
        }
    }
}

static V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    [
        (Ipv4Addr::UNSPECIFIED, 8),            // this network, RFC 791 §3.2
        (Ipv4Addr::new(10, 0, 0, 0), 8),       // private, RFC 1918
        (Ipv4Addr::new(100, 64, 0, 0), 10),    // shared by a provider's customers, RFC 6598
        (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback, RFC 1122 §3.2.1.3
        (Ipv4Addr::new(168, 63, 129, 16), 32), // services of Azure's hosts, Azure documentation
        (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, RFC 3927; clouds' metadata
        (Ipv4Addr::new(172, 16, 0, 0), 12),    // private, RFC 1918
        (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments, RFC 6890 §2.1
        (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation, RFC 5737
        (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays, RFC 7526
        (Ipv4Addr::new(192, 168, 0, 0), 16),   // private, RFC 1918
        (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks, RFC 2544
        (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation, RFC 5737
        (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation, RFC 5737
        (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast, RFC 5771
        (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved and broadcast, RFC 1112 §4, RFC 919
    ]
    .map(|(address, prefix)| Ipv4Net::new_assert(address, prefix))
    .to_vec()
});

/// All that is outside is not for unicast over the internet: unspecified, loopback, IPv4-compatible and -mapped
/// (RFC 4291 §2.5.5), NAT64 (64:ff9b::/96 RFC 6052, 64:ff9b:1::/48 RFC 8215), discard-only (100::/64 RFC 6666),
/// segment routing (5f00::/16 RFC 9602), unique local (fc00::/7 RFC 4193), link-local, site-local (fec0::/10
/// RFC 3879), multicast, and what is not assigned.
static GLOBAL_UNICAST: LazyLock<Ipv6Net> =
    LazyLock::new(|| Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3));

static V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    [
        // Protocol assignments, RFC 2928: Teredo (RFC 4380), benchmarks (RFC 5180), ORCHID (RFC 7343).
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
        // Documentation, RFC 3849.
        (Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0), 32),
        // 6to4, RFC 3056.
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
        // Documentation, RFC 9637.
        (Ipv6Addr::new(0x3FFF, 0, 0, 0, 0, 0, 0, 0), 20),
    ]
    .map(|(address, prefix)| Ipv6Net::new_assert(address, prefix))
    .to_vec()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public_and_their_neighbours_are() {
        for special in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.9",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700:4700::1111",
            "2a00::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    /// The standard library knows most of them, too.
    #[test]
    fn what_the_standard_library_calls_local_is_never_public() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                for last in [0, 1, 254, 255] {
                    let v4 = Ipv4Addr::new(first, second, last, last);
                    if v4.is_private()
                        || v4.is_loopback()
                        || v4.is_link_local()
                        || v4.is_multicast()
                        || v4.is_broadcast()
                        || v4.is_documentation()
                        || v4.is_unspecified()
                    {
                        assert!(!is_public(v4.into()), "{v4}");
                    }
                    assert!(!is_public(v4.to_ipv6_mapped().into()), "{v4}");
                    assert!(!is_public(v4.to_ipv6_compatible().into()), "{v4}");
                }
            }
        }
        for first in 0..=u16::MAX {
            let v6 = Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 1);
            if v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() {
                assert!(!is_public(v6.into()), "{v6}");
            }
        }
    }
}
