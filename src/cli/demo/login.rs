//! Who may sign in to the demo's dashboard.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use data_encoding::BASE32_NOPAD;

use super::DemoError;
use super::bounds::PASSWORD_OCTETS;

/// A user who may order, with a password that no other demo has: other people of this machine reach its loopback too.
#[derive(Clone, Debug)]
pub struct Login {
    /// As it is typed.
    pub name: &'static str,
    /// As it is typed.
    pub password: String,
    /// As the configuration has it.
    pub hash: String,
}

impl Login {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no random octets, or no memory for the hash.
    pub fn new() -> Result<Self, DemoError> {
        let mut octets = [0_u8; PASSWORD_OCTETS];
        getrandom::fill(&mut octets).map_err(|error| DemoError::Password(error.to_string()))?;
        let password = BASE32_NOPAD.encode(&octets).to_ascii_lowercase();
        let hash: Result<PasswordHash, _> = argon2::Argon2::default().hash_password(password.as_bytes());
        let hash = hash.map_err(|error| DemoError::Password(error.to_string()))?.to_string();
        Ok(Self { name: "demo", password, hash })
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn the_password_is_that_of_the_hash_and_no_two_are_alike() {
        let (first, second) = (Login::new().unwrap(), Login::new().unwrap());
        assert!(first.password.len() >= 16 && first.password != second.password);
        let hash = PasswordHash::new(&first.hash).unwrap();
        assert!(argon2::Argon2::default().verify_password(first.password.as_bytes(), &hash).is_ok());
    }
}
