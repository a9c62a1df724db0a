//! Ids of events and incidents as operators type them.

/// Reads the id of an event, which is also that of the incident that it began.
pub(super) fn event(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("'{text}' is no id; ids are numbers, as in 4711, and the first column shows them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number() {
        assert_eq!(event("4711"), Ok(4711));
        for text in ["x", "", "-1", "1.5", "99999999999999999999"] {
            assert!(event(text).unwrap_err().contains("is no id; ids are numbers"), "{text}");
        }
    }
}
