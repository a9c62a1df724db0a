//! A scene whose node has little room.

use crate::mount::OnSmallDisk;
use crate::scene::Scene;

pub struct SmallDisk {
    // Ends before its directory is removed.
    disk: OnSmallDisk,
    pub scene: Scene,
}

impl SmallDisk {
    /// `None` where this run may not mount. CI must.
    pub fn start() -> Option<Self> {
        let mut scene = Scene::start();
        scene.node.kill();
        let disk = OnSmallDisk::serve(&scene.node.configuration(), &scene.path("state"))?;
        scene.wait_for_admin();
        Some(Self { disk, scene })
    }

    /// Leaves no room on it, and none in the store's file for what is larger than a token.
    pub fn fill(&self) {
        self.disk.fill();
        let fits = |count: &u32| {
            let token = ["token", "create", &format!("t{count}"), "--role=viewer"];
            self.scene.node.command(&token).status.success()
        };
        assert!((0..500).find(|count| !fits(count)).is_some(), "the disk is never full");
    }

    /// Gives back what [`SmallDisk::fill`] took outside the store.
    pub fn make_room(&self) {
        self.disk.make_room();
    }
}
