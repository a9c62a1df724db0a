//! atlas
/// Where the networks of the world are.
#[derive(Clone, Debug, Default)]
pub struct Atlas {}
/// Why a database cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeoError {
    /// Not one.
    #[error("not a MaxMind database: {detail}")]
    NotMmdb {
        /// What the reader met.
        detail: String,
    },
}
impl Atlas {
    /// The embedded country database.
    #[must_use]
    pub fn embedded() -> Self {
        unimplemented!()
    }
    /// From MMDB bytes.
    ///
    /// # Errors
    /// If they are not.
    pub fn from_mmdb(_bytes: &[u8]) -> Result<Self, GeoError> {
        unimplemented!()
    }
}
