//! Broken here, and a disk that is full at three in the morning keeps a site in service that is about to be opened up.

use crate::patience::wait_until;
use crate::scene::PATIENCE;
use crate::scheduled::{count, scheduled};
use crate::small_disk::SmallDisk;

#[test]
fn a_step_that_the_store_cannot_keep_takes_effect_and_is_kept_when_it_can() {
    let Some(disk) = SmallDisk::start() else { return };
    let scene = &disk.scene;
    scene.node.order(&["drain", "fra", "--in", "12s", "--for", "1h", "--reason", "disks", "--yes"]);
    let kept = || scheduled(scene)["revision"].as_u64().unwrap();
    let before = kept();
    disk.fill();
    assert!(scene.names("fra"));
    wait_until("the drain begins", PATIENCE, || !scene.names("fra"));
    wait_until("the store refuses", PATIENCE, || {
        scene.status()["degradations"].as_array().unwrap().iter().any(|part| part["part"] == "store")
    });
    assert_eq!(kept(), before);
    disk.make_room();
    wait_until("the step is kept", PATIENCE, || kept() > before && count(scene, "began") == 1);
    assert!(!scene.names("fra"));
}
