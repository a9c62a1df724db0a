//! Packs a country MMDB into the form in which Waypost embeds it:
//! `cargo run --release --example pack_geo -- dbip-country.mmdb src/steer/data/dbip-country.wpgeo`

use std::error::Error;
use std::path::PathBuf;

use waypost::steer::Atlas;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(database), Some(packed), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: pack_geo DATABASE.mmdb PACKED.wpgeo".into());
    };
    let atlas = Atlas::from_mmdb(&std::fs::read(database)?)?;
    std::fs::write(packed, atlas.pack()?)?;
    println!("packed {} runs of networks", atlas.len());
    Ok(())
}
