//! Where webhooks may go.
//!
//! The URL is the user's and the model's words are in the body, so a webhook must not become a way into the network
//! this server is in (server-side request forgery). Hosts written as addresses are checked in the URL, names when
//! they are resolved: what a connection is opened to is what was checked, so a name that changes its address in
//! between gains nothing.

use std::{error::Error, fmt, net::IpAddr, str::FromStr, sync::Arc};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::lookup_host;

use super::special::is_public;

/// Which URLs webhooks may have: `https` on port 443 or 8443 of a host on the public internet, or any on a host of
/// the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    allowed: Arc<[AllowedHost]>,
}

impl Destinations {
    /// Besides the public internet, these hosts are allowed, whatever their address, also by `http`.
    pub fn new(allowed: impl IntoIterator<Item = AllowedHost>) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
        }
    }

    /// Reads the URL of a webhook.
    ///
    /// # Errors
    /// When nothing may be sent there. A name that leads to a forbidden address is found out only when it is
    /// resolved.
    pub fn check(&self, url: &str) -> Result<Url, Refused> {
        if url.len() > MAX_URL {
            return Err(Refused::Url);
        }
        let mut url = Url::parse(url).map_err(|_| Refused::Url)?;
        url.set_fragment(None);
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Refused::Url);
        };
        if self.knows(host) {
            let default = if url.scheme() == "https" { 443 } else { 80 };
            let allowed = self
                .allowed
                .iter()
                .any(|allowed| allowed.host == host && allowed.port.unwrap_or(default) == port);
            return if allowed { Ok(url) } else { Err(Refused::Port) };
        }
        if url.scheme() != "https" {
            return Err(Refused::Scheme);
        }
        if !PORTS.contains(&port) {
            return Err(Refused::Port);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host
            .parse()
            .is_ok_and(|address: IpAddr| !is_public(address))
        {
            return Err(Refused::Address);
        }
        Ok(url)
    }

    /// A resolver that gives only addresses that may be connected to, of those that `inner` finds.
    pub(super) fn guard(&self, inner: Arc<dyn Resolve>) -> Guard {
        Guard {
            destinations: self.clone(),
            inner,
        }
    }

    fn knows(&self, host: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.host == host)
    }
}

/// A host that webhooks may go to whatever its address: `host` or `host:port`. Without a port, the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// As a URL has it: in lower case, IPv6 in brackets.
    host: String,
    port: Option<u16>,
}

impl FromStr for AllowedHost {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text.contains(['/', '@', '?', '#', '\\']) {
            return Err(Refused::Url);
        }
        let url = Url::parse(&format!("http://{text}")).map_err(|_| Refused::Url)?;
        let explicit = text
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'));
        Ok(Self {
            host: url.host_str().ok_or(Refused::Url)?.to_owned(),
            port: explicit.and_then(|_| url.port_or_known_default()),
        })
    }
}

/// Why nothing may be sent to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is not a URL with a host, or longer than 2,048 bytes.
    Url,
    /// Neither `https` nor, on a host of the list, `http`.
    Scheme,
    /// It holds a user name or a password.
    Credentials,
    /// Not 443 or 8443, or not the one that the list has for the host.
    Port,
    /// It is not on the public internet.
    Address,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "not a URL with a host, or longer than 2,048 bytes",
            Self::Scheme => "not https",
            Self::Credentials => "has a user name or a password",
            Self::Port => "the port is not allowed",
            Self::Address => "the address is not on the public internet",
        })
    }
}

impl Error for Refused {}

/// The resolver of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<_> = lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Passes on what may be connected to.
pub(super) struct Guard {
    destinations: Destinations,
    inner: Arc<dyn Resolve>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let known = self.destinations.knows(name.as_str());
        let found = self.inner.resolve(name);
        Box::pin(async move {
            let addresses: Vec<_> = found.await?.collect();
            // One bad address spoils the name: nobody honest has both kinds.
            if !known && !addresses.iter().all(|address| is_public(address.ip())) {
                return Err(Refused::Address.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

const PORTS: [u16; 2] = [443, 8443];
const MAX_URL: usize = 2_048;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn hostile_urls_are_refused() {
        let destinations = Destinations::default();
        for (url, refused) in [
            ("", Refused::Url),
            ("example.com/hook", Refused::Url),
            ("https://", Refused::Url),
            ("https:///", Refused::Url),
            ("https://[::1", Refused::Url),
            ("https://[fe80::1%25eth0]/", Refused::Url),
            ("https://exa mple.com/", Refused::Url),
            ("https://999.999.999.999/", Refused::Url),
            ("http://example.com/", Refused::Scheme),
            ("ftp://example.com/", Refused::Scheme),
            ("file:///etc/passwd", Refused::Scheme),
            ("gopher://127.0.0.1:6379/_INFO", Refused::Scheme),
            ("data:text/plain,hello", Refused::Scheme),
            ("https://user@example.com/", Refused::Credentials),
            ("https://user:word@example.com/", Refused::Credentials),
            ("https://example.com@127.0.0.1/", Refused::Credentials),
            ("https://:word@example.com/", Refused::Credentials),
            ("https://example.com:22/", Refused::Port),
            ("https://example.com:80/", Refused::Port),
            ("https://example.com:0/", Refused::Port),
            ("https://127.0.0.1/", Refused::Address),
            ("https://127.1/", Refused::Address),
            ("https://2130706433/", Refused::Address),
            ("https://0x7f.0.0.1/", Refused::Address),
            ("https://0177.0.0.1/", Refused::Address),
            ("https://127.0.0.1./", Refused::Address),
            ("https://１２７.0.0.1/", Refused::Address),
            ("https://0/", Refused::Address),
            (
                "https://169.254.169.254/latest/meta-data/",
                Refused::Address,
            ),
            ("https://[::]/", Refused::Address),
            ("https://[::1]/", Refused::Address),
            ("https://[::ffff:10.0.0.1]/", Refused::Address),
            ("https://[::ffff:a00:1]/", Refused::Address),
            ("https://[64:ff9b::a00:1]/", Refused::Address),
            ("https://[2002:a00:1::]/", Refused::Address),
            ("https://[fd00:ec2::254]/", Refused::Address),
        ] {
            assert_eq!(destinations.check(url), Err(refused), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL));
        assert_eq!(destinations.check(&long), Err(Refused::Url));
    }

    #[test]
    fn public_urls_pass_without_their_fragment() {
        let destinations = Destinations::default();
        for (url, read) in [
            ("https://example.com", "https://example.com/"),
            (
                "https://EXAMPLE.com:443/a?b=c#d",
                "https://example.com/a?b=c",
            ),
            (
                "https://hooks.example.com:8443/x",
                "https://hooks.example.com:8443/x",
            ),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            (
                "https://[2606:4700:4700::1111]/",
                "https://[2606:4700:4700::1111]/",
            ),
        ] {
            assert_eq!(destinations.check(url).unwrap().as_str(), read);
        }
    }

    #[test]
    fn hosts_of_the_list_are_allowed_on_their_port_only() {
        let list = [
            "crm.internal",
            "127.0.0.1:8080",
            "[::1]:9",
            "Bookings:443",
            "plain:80",
        ];
        let list = list.map(|host| host.parse().expect(host));
        let destinations = Destinations::new(list);
        for url in [
            "http://crm.internal/hook",
            "https://crm.internal/hook",
            "http://127.0.0.1:8080/",
            "https://127.0.0.1:8080/",
            "http://[::1]:9/",
            "https://bookings/",
            "http://plain/",
            "https://example.com/",
        ] {
            assert!(destinations.check(url).is_ok(), "{url}");
        }
        for url in [
            "http://crm.internal:8080/",
            "http://127.0.0.1/",
            "http://127.0.0.1:8081/",
            "http://bookings/",
            "https://plain/",
            "https://127.0.0.1:443/",
        ] {
            assert_eq!(destinations.check(url), Err(Refused::Port), "{url}");
        }
        assert_eq!(
            destinations.check("http://evil.crm.internal/"),
            Err(Refused::Scheme)
        );
        let sly = "http://user@crm.internal/";
        assert_eq!(destinations.check(sly), Err(Refused::Credentials));
    }

    #[test]
    fn entries_of_the_list_are_hosts() {
        for bad in [
            "", ":80", "http://x", "x/y", "u@x", "x:99999", "x y", "[::1", "x?y",
        ] {
            assert!(bad.parse::<AllowedHost>().is_err(), "{bad}");
        }
    }

    /// Finds one public address the first time, and then another that is not.
    struct Rebinding(AtomicUsize);

    impl Resolve for Rebinding {
        fn resolve(&self, _: Name) -> Resolving {
            let address = match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => "8.8.8.8:0",
                _ => "192.168.0.1:0",
            };
            let address = address.parse().unwrap();
            Box::pin(async move { Ok(Box::new([address].into_iter()) as Addrs) })
        }
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_what_it_resolves_to_this_time() {
        let rebinding = || Arc::new(Rebinding(AtomicUsize::new(0)));
        let guard = Destinations::default().guard(rebinding());
        let name = || "rebind.example".parse().unwrap();
        let found: Vec<_> = guard.resolve(name()).await.unwrap().collect();
        assert_eq!(found, ["8.8.8.8:0".parse().unwrap()]);
        let refused = guard.resolve(name()).await.err().expect("refused");
        assert_eq!(refused.downcast_ref(), Some(&Refused::Address));

        let list = Destinations::new(["rebind.example".parse().unwrap()]);
        let guard = list.guard(rebinding());
        for _ in 0..2 {
            assert!(guard.resolve(name()).await.is_ok());
        }
    }
}
