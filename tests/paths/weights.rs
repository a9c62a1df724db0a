//! Draws on the hot path. Broken here, and a partial drain moves all clients or none.

use waypost::serve::Hot;

use crate::world::World;

#[test]
fn the_declared_proportions_come_out() {
    let world = World::new(None);
    let mut hot = world.responder.hot();
    let packet = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05drawn\x07weights\x04test\x00\x00\x01\x00\x01";
    let (mut buffer, mut first) = ([0; 1232], 0);
    for _ in 0..20_000 {
        let Hot::Reply(length) = hot.respond(packet, "127.0.0.1:53".parse().unwrap(), &mut buffer) else {
            panic!("not answered")
        };
        assert_eq!(buffer[7], 1, "one site");
        first += u32::from(buffer[length - 4..length] == [192, 0, 2, 9]);
    }
    // Three of four; twenty standard deviations either way.
    assert!((13_800..16_200).contains(&first), "{first} of 20000 at the site of weight 3 of 4");
}
