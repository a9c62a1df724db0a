//! The commons of a node that cannot even ask for what the nodes share, because its access to it is wrongly configured: what
//! was known last stands until it is mended and the node restarted.

use async_trait::async_trait;

use super::commons::{Commons, Comparison, Kept, News, OrderChange, Traffic};
use super::{Changed, StoreError};
use crate::model::{EndpointList, Event, NodeReport, OrdersVersion, SharedOrders};

/// See the module.
pub(super) struct OutOfReach {
    pub(super) known: SharedOrders,
    /// Why.
    pub(super) detail: String,
}

impl OutOfReach {
    fn error(&self) -> StoreError {
        StoreError::Unreachable { detail: format!("{}; mend it and restart the node", self.detail) }
    }
}

#[async_trait]
impl Commons for OutOfReach {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    fn known(&self) -> SharedOrders {
        self.known.clone()
    }

    async fn read(&self) -> Result<SharedOrders, StoreError> {
        Err(self.error())
    }

    async fn change(&self, _: OrderChange) -> Result<Changed, StoreError> {
        Err(self.error())
    }

    async fn compare(&self) -> Comparison {
        Comparison { known: self.known.clone(), found: Err(self.error()), went_back: None }
    }

    async fn accept(
        &self,
        _: Kept,
        _: &(dyn Fn(OrdersVersion) -> Event + Send + Sync),
    ) -> Result<Option<SharedOrders>, StoreError> {
        Err(self.error())
    }

    async fn report(&self, _: &NodeReport) -> Result<(), StoreError> {
        Err(self.error())
    }

    async fn last_report(&self, _: &str) -> Result<Option<NodeReport>, StoreError> {
        Err(self.error())
    }

    async fn declare(&self, _: &EndpointList) -> Result<(), StoreError> {
        Err(self.error())
    }

    async fn retire(&self, _: &str) -> Result<(), StoreError> {
        Err(self.error())
    }

    async fn forget(&self, _: &str) -> Result<(), StoreError> {
        Err(self.error())
    }

    async fn news(&self) -> News {
        std::future::pending().await
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
