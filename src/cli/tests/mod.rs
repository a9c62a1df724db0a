//! The command line from outside: what may be typed and what is shown, and how commands end.

mod drills;
mod ending;
mod events;
mod guidance;
mod silence;
mod typed_and_shown;

pub(super) use typed_and_shown::status;
