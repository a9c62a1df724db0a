//! `xdp` and `xdp_mode` of `[node]`. Broken, an operator believes in a speed that the build does not have.

use super::*;

fn with(line: &str) -> String {
    format!("[node]\nname = \"ns1\"\n{line}\n[[zone]]\norigin = \"a.example\"\nfile = \"z\"\n")
}

fn refused(line: &str, words: &[&str]) {
    let (read, report) = read_text(&with(line));
    let said = report.to_string();
    assert!(read.is_none() && words.iter().all(|word| said.contains(word)), "{line}: {said}");
}

#[test]
fn no_interface_is_the_default_and_may_be_said() {
    assert_eq!(settings(&with("")).node.xdp, crate::model::XdpSettings::default());
    assert_eq!(settings(&with("xdp = []")).node.xdp, crate::model::XdpSettings::default());
}

#[test]
fn a_mode_needs_interfaces() {
    refused("xdp_mode = \"generic\"", &["xdp_mode in [node] without xdp", "xdp = [\"eth0\"]"]);
}

#[cfg(not(feature = "xdp"))]
#[test]
fn a_build_without_af_xdp_says_so() {
    refused("xdp = [\"eth0\"]", &["xdp in [node]", "a build with AF_XDP", "--features xdp"]);
}

#[cfg(feature = "xdp")]
mod built {
    use super::*;
    use crate::model::{XdpMode, XdpSettings};

    #[test]
    fn interfaces_and_mode() {
        let native = XdpSettings { interfaces: vec!["eth0".to_owned(), "enp1s0f0".to_owned()], mode: XdpMode::Native };
        assert_eq!(settings(&with("xdp = [\"eth0\", \"enp1s0f0\"]")).node.xdp, native);
        let generic = XdpSettings { interfaces: vec!["eth0.7".to_owned()], mode: XdpMode::Generic };
        assert_eq!(settings(&with("xdp = [\"eth0.7\"]\nxdp_mode = \"generic\"")).node.xdp, generic);
    }

    #[test]
    fn mistakes() {
        refused("xdp = \"eth0\"", &["an array", "[\"eth0\"]"]);
        refused("xdp = [7]", &["a text in quotes"]);
        refused("xdp = [\"eth0\", \"eth0\"]", &["eth0 a second time as xdp", "each interface once"]);
        refused("xdp = [\"0123456789abcdef\"]", &["1 to 15 octets", "ip link"]);
        refused("xdp = [\"\"]", &["1 to 15 octets"]);
        refused("xdp = [\"a/b\"]", &["without spaces and /"]);
        refused("xdp = [\"eth0\"]\nxdp_mode = \"skb\"", &["one of native, generic", "xdp_mode = \"native\""]);
        refused("xdp = [\"eth0\"]\nxdp_mode = \"genric\"", &["did you mean \"generic\"?"]);
    }
}
