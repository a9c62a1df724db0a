//! Sign-ins on their way into the journal, which keeps a bounded number of entries: whoever signs in and out all day, or is
//! refused, must not push out of it who gave which order.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Channel;
use super::bounds::{FAILURE_WINDOW, LEDGER_PARTIES, REFUSALS_JOURNALLED, SIGN_INS_JOURNALLED};
use super::entrance_control::SignInEntry;
use super::failures::network;
use super::router::Shared;
use crate::model::{Means, SignIn};

/// What was written in the last minute, by whom it is about.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    about: HashMap<About, Page>,
    /// Refusals that were written since.
    refusals: Option<(Instant, u32)>,
}

/// Whom entries are about; those of one are bounded together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum About {
    /// Who signs in, out or is signed out.
    Somebody(String, Means),
    /// Who is refused: from where, and as whom.
    Refused(Option<IpAddr>, String),
    /// Refused ones beyond the bound for all.
    Others,
}

struct Page {
    since: Instant,
    written: u32,
    /// The last that was not written, and how many were not.
    folded: Option<(SignInEntry, u64)>,
}

/// What becomes of an entry.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is written.
    Written,
    /// It is counted with others of the minute, which are written as one.
    Folded,
    /// The same, and it is the first of them: at its end they are to be written.
    FirstFolded(About, Instant),
}

/// Journals that somebody signed in or out or was refused, at once or with others at the end of the minute. Whether at once.
pub(super) fn journal(
    shared: &Shared,
    channel: Channel,
    outcome: SignIn,
    (name, means): (String, Means),
    why: &str,
) -> bool {
    let entry = SignInEntry { outcome, name, means, from: channel.to_string(), detail: why.to_owned() };
    match shared.ledger.enter(&entry, channel, Instant::now()) {
        Fate::Written => {
            shared.control.journal_sign_in(entry);
            true
        }
        Fate::Folded => false,
        Fate::FirstFolded(about, end) => {
            let (ledger, control) = (Arc::clone(&shared.ledger), Arc::clone(&shared.control));
            let mut stopping = shared.stopping.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep_until(end.into()) => {}
                    _ = stopping.changed() => {}
                }
                if let Some(entry) = ledger.unfold(&about) {
                    control.journal_sign_in(entry);
                }
            });
            false
        }
    }
}

impl Ledger {
    fn enter(&self, entry: &SignInEntry, channel: Channel, now: Instant) -> Fate {
        let mut pages = self.pages();
        let about = pages.about(entry, channel, now);
        let bound = match about {
            About::Somebody(..) => SIGN_INS_JOURNALLED,
            About::Refused(..) => 1,
            About::Others => 0,
        };
        let page = pages.about.entry(about.clone()).or_insert(Page { since: now, written: 0, folded: None });
        if page.is_over(now) {
            *page = Page { since: now, written: 0, folded: None };
        }
        if page.written < bound {
            page.written += 1;
            return Fate::Written;
        }
        let before = page.folded.as_ref().map_or(0, |(_, count)| *count);
        page.folded = Some((entry.clone(), before.saturating_add(1)));
        if before > 0 {
            return Fate::Folded;
        }
        Fate::FirstFolded(about, page.since.checked_add(FAILURE_WINDOW).unwrap_or(now))
    }

    /// What was folded of `about`, as one entry; its minute is over.
    fn unfold(&self, about: &About) -> Option<SignInEntry> {
        let (last, count) = self.pages().about.remove(about)?.folded?;
        let what = match about {
            About::Somebody(..) => "sign-ins, sign-outs and ends of sessions of this name",
            About::Refused(..) => "refused from there in this name",
            About::Others => "refused from many addresses, this one the last",
        };
        let why = if last.detail.is_empty() { String::new() } else { format!("; of the last: {}", last.detail) };
        Some(SignInEntry { detail: format!("and {count} more within a minute: {what}{why}"), ..last })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Whom `entry` counts for.
    fn about(&mut self, entry: &SignInEntry, channel: Channel, now: Instant) -> About {
        let about = match entry.outcome {
            SignIn::Refused => About::Refused(network(channel), entry.name.clone()),
            SignIn::SignedIn | SignIn::SignedOut | SignIn::Ended => {
                return About::Somebody(entry.name.clone(), entry.means);
            }
        };
        if self.about.get(&about).is_some_and(|page| !page.is_over(now)) {
            return about;
        }
        self.about.retain(|_, page| !page.is_over(now));
        let (since, count) = self.refusals.get_or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FAILURE_WINDOW {
            (*since, *count) = (now, 0);
        }
        if *count >= REFUSALS_JOURNALLED || self.about.len() >= LEDGER_PARTIES {
            return About::Others;
        }
        *count += 1;
        about
    }
}

impl Page {
    /// Whether nothing is left of it; what was folded is still to be written.
    fn is_over(&self, now: Instant) -> bool {
        self.folded.is_none() && now.saturating_duration_since(self.since) >= FAILURE_WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(outcome: SignIn, name: &str) -> SignInEntry {
        let from = "192.0.2.1".to_owned();
        SignInEntry { outcome, name: name.into(), means: Means::Token, from, detail: String::new() }
    }

    fn from(number: u32) -> Channel {
        Channel::Tcp { peer: std::net::Ipv4Addr::from(number).into() }
    }

    #[test]
    fn who_signs_in_and_out_all_day_fills_little_of_the_journal() {
        let (ledger, start) = (Ledger::default(), Instant::now());
        let (mut written, mut ends) = (0, Vec::new());
        for number in 0..20_000 {
            let outcome = if number % 2 == 0 { SignIn::SignedIn } else { SignIn::SignedOut };
            match ledger.enter(&entry(outcome, "ci"), from(1), start) {
                Fate::Written => written += 1,
                Fate::Folded => {}
                Fate::FirstFolded(about, end) => ends.push((about, end)),
            }
        }
        assert_eq!(written, SIGN_INS_JOURNALLED);
        assert_eq!(ledger.enter(&entry(SignIn::SignedIn, "alice"), from(1), start), Fate::Written, "others are not");
        let [(about, end)] = <[_; 1]>::try_from(ends).unwrap();
        assert_eq!(end, start + FAILURE_WINDOW);
        let folded = ledger.unfold(&about).unwrap();
        let expected = "and 19990 more within a minute: sign-ins, sign-outs and ends of sessions of this name";
        assert_eq!((folded.name.as_str(), folded.detail.as_str()), ("ci", expected));
        assert_eq!(ledger.unfold(&about), None);
        assert_eq!(ledger.enter(&entry(SignIn::SignedIn, "ci"), from(1), end), Fate::Written);
    }

    #[test]
    fn a_crowd_of_guessers_fills_little_of_it() {
        let (ledger, start) = (Ledger::default(), Instant::now());
        let fates: Vec<Fate> = (0..10_000)
            .flat_map(|address| [address, address])
            .map(|address| ledger.enter(&entry(SignIn::Refused, "somebody"), from(address), start))
            .collect();
        let counted = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
        let bound = REFUSALS_JOURNALLED as usize;
        assert_eq!(counted(|fate| *fate == Fate::Written), bound, "one an address");
        assert_eq!(counted(|fate| matches!(fate, Fate::FirstFolded(..))), bound + 1, "and one for all others");
        let others = ledger.unfold(&About::Others).unwrap();
        let expected = format!("and {} more within a minute: refused from many addresses", 2 * (10_000 - bound));
        assert!(others.detail.starts_with(&expected), "{}", others.detail);
        assert_eq!(ledger.enter(&entry(SignIn::SignedIn, "alice"), from(1), start), Fate::Written);
        assert!(ledger.pages().about.len() <= bound + 2, "nor memory");
    }
}
