//! Geolocation databases.

use std::net::IpAddr;

use waypost::steer::Atlas;

use super::Watch;

/// Addresses that are looked up in whatever could be read.
const CLIENTS: [&str; 6] = ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "2001:db8::1", "ffff::"];

/// Reads the input as a database, and looks addresses up.
pub fn run(input: &[u8], watch: &impl Watch) {
    let Ok(atlas) = watch.timed("reading a database", || Atlas::from_mmdb(input)) else { return };
    for client in CLIENTS {
        let client: IpAddr = client.parse().unwrap();
        let (_, network) = atlas.locate(client);
        assert!(network.is_none_or(|network| network.contains(&client)), "{client} is not in {network:?}");
    }
}
