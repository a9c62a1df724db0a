//! Commands that are printed to be typed: they lead to the node that this one was about.

use super::arguments::Global;

/// What of a command line leads to its node.
#[derive(Clone, Debug, Default)]
pub(super) struct Way(String);

impl Way {
    /// What of `global` does.
    pub(super) fn of(global: &Global) -> Self {
        Self(options(global))
    }

    /// `command` with these options at its end: what it does is read first.
    pub(super) fn typed(&self, command: &str) -> String {
        format!("{command}{}", self.0)
    }
}

/// The options of the command line that lead to a node, each with a space before it.
fn options(global: &Global) -> String {
    let Global { config, node, token_file, tls, .. } = global;
    // A node that is named by its URL is not looked for in the configuration.
    let config = config.as_deref().filter(|_| node.is_none());
    let files = [
        ("--config", config),
        ("--token-file", token_file.as_deref()),
        ("--ca", tls.ca.as_deref()),
        ("--cert", tls.cert.as_deref()),
        ("--key", tls.key.as_deref()),
    ];
    let files = files.into_iter().filter_map(|(name, file)| Some((name, file?.to_string_lossy().into_owned())));
    let node = node.iter().map(|url| ("--node", url.clone()));
    node.chain(files).map(|(name, value)| format!(" {name} {}", quoted(&value))).collect()
}

/// `text` as a shell takes it for one word.
pub(super) fn quoted(text: &str) -> String {
    let is_harmless = |letter: char| letter.is_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !text.is_empty() && text.chars().all(is_harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::*;

    #[test]
    fn what_is_printed_to_be_typed_leads_to_the_same_node() {
        let typed = |words: &str| {
            let words = ["waypost"].into_iter().chain(words.split('|')).chain(["status"]);
            Way::of(&Arguments::try_parse_from(words).unwrap().global).typed("waypost undrain fra")
        };
        assert_eq!(typed("-o|json"), "waypost undrain fra");
        assert_eq!(typed("--config|/etc/my way.toml"), "waypost undrain fra --config '/etc/my way.toml'");
        assert_eq!(
            typed("--node|https://ns1:8053|--token-file|a'b|--ca|ca.pem|--config|x.toml"),
            "waypost undrain fra --node https://ns1:8053 --token-file 'a'\\''b' --ca ca.pem"
        );
    }
}
