//! What is served no more, freed where nobody waits for it.
//!
//! Tables of a million zones take a while to be freed, and whoever lets go last would pay for it: a worker between two
//! queries, or the engine. So they are kept here until nobody else has them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::crew::in_background;

/// Anything that may be large.
pub type Burden = Arc<dyn Any + Send + Sync>;

/// How often it is looked who still has what.
const LOOK: Duration = Duration::from_millis(250);

/// Frees what comes from `retired`, until nobody can send any more.
pub async fn keep(mut retired: mpsc::UnboundedReceiver<Burden>) {
    let mut kept: Vec<Burden> = Vec::new();
    loop {
        tokio::select! {
            burden = retired.recv() => {
                let Some(burden) = burden else { return };
                // Twice here, it would never seem to be had by nobody else.
                if !kept.iter().any(|known| Arc::ptr_eq(known, &burden)) {
                    kept.push(burden);
                }
            }
            () = tokio::time::sleep(LOOK), if !kept.is_empty() => {
                let idle: Vec<Burden> = kept.extract_if(.., |burden| Arc::strong_count(burden) == 1).collect();
                if !idle.is_empty() {
                    // Whether it ends well is of no account.
                    let _ = in_background(move || drop(idle)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_others_have_is_kept_until_they_let_go() {
        let (sender, retired) = mpsc::unbounded_channel::<Burden>();
        let task = tokio::spawn(keep(retired));
        let served: Arc<String> = Arc::new("tables".to_owned());
        let freed = Arc::downgrade(&served);
        for _ in 0..2 {
            sender.send(Arc::clone(&served) as Burden).unwrap();
        }
        tokio::time::sleep(4 * LOOK).await;
        assert_eq!(freed.strong_count(), 2, "held once here and once there");
        drop(served);
        while freed.strong_count() > 0 {
            tokio::time::sleep(LOOK).await;
        }
        drop(sender);
        task.await.unwrap();
    }
}
