//! Draws: what is left to chance, for policy `weighted` and for partial drains.
//!
//! A draw is a number below [`DRAWS`]; the caller rolls it once a query. Neighbouring draws with the same outcome form a
//! class, so that answers can be compiled once a class instead of once a draw.

use crate::model::{Plan, Policy, Service, ServiceIx, ServicePlan, Share, SiteIx, Standing, Topology};

use super::bounds::{DEFERRING_PART, DRAWS, SURE_DRAW_PART};

/// The lower bounds of the draw classes of `service`, ascending, the first 0: all draws from one bound to the next select
/// the same from any of the service's sets. Never empty, never more than [`DRAWS`].
#[must_use]
pub fn draw_cuts(topology: &Topology, plan: &Plan, service: ServiceIx) -> Vec<u16> {
    let mut cuts = vec![0];
    if let (Some(service), Some(outcome)) = (topology.service(service), plan.services.get(service.get())) {
        match &service.policy {
            Policy::Weighted(weights) => {
                cuts.extend(weighted_orders(service, weights, outcome).into_iter().map(|(from, _)| from));
            }
            Policy::Nearest | Policy::Geo(_) | Policy::Failover | Policy::Spread => {
                let moves = outcome.sites.iter().flat_map(|site| [site.drained, site.spilled]);
                cuts.extend(moves.map(Share::permille).filter(|cut| *cut < DRAWS));
            }
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// How the client that rolled a draw sees a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// As it is.
    AsItIs,
    /// After the other serving sites, because it is full.
    Full,
    /// As drained.
    Drained,
}

/// How the client that rolled `draw` sees `site`.
pub(super) fn seen(service: &Service, outcome: &ServicePlan, site: SiteIx, draw: u16) -> Seen {
    let position = service.sites.iter().position(|other| *other == site);
    match position.and_then(|position| outcome.sites.get(position)) {
        Some(plan) if draw < plan.drained.permille() => Seen::Drained,
        Some(plan) if draw < plan.spilled.permille() => Seen::Full,
        _ => Seen::AsItIs,
    }
}

/// The site order that `draw` gives under policy `weighted`.
pub(super) fn weighted_order(service: &Service, weights: &[u32], outcome: &ServicePlan, draw: u16) -> Vec<SiteIx> {
    let orders = weighted_orders(service, weights, outcome);
    let class = orders.partition_point(|(from, _)| *from <= draw).saturating_sub(1);
    orders.into_iter().nth(class).map_or_else(|| service.sites.clone(), |(_, order)| order)
}

/// One site in the lottery.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    site: SiteIx,
    weight: u64,
}

/// The site orders of policy `weighted` with the first draw of each.
///
/// The first site is drawn by weight among those of the best standing, and so is the second, so that what a lost site
/// carried is spread by weight as well; the others follow by falling weight. A partial drain scales its site's weight, and so
/// does deferring while others serve: it demotes and does not withdraw (DESIGN section 5).
fn weighted_orders(service: &Service, weights: &[u32], outcome: &ServicePlan) -> Vec<(u16, Vec<SiteIx>)> {
    let (best, rest) = tickets(service, weights, outcome);
    let mut orders = Vec::new();
    for (first, from, draws) in shares_of(&best, 0, DRAWS) {
        let others: Vec<Ticket> = best.iter().copied().filter(|ticket| ticket.site != first).collect();
        let seconds = shares_of(&others, from, draws);
        for (second, from, _) in &seconds {
            let last = others.iter().map(|ticket| ticket.site).filter(|site| site != second);
            orders.push((*from, [first, *second].into_iter().chain(last).chain(rest.iter().copied()).collect()));
        }
        if seconds.is_empty() {
            let last = others.iter().map(|ticket| ticket.site);
            orders.push((from, [first].into_iter().chain(last).chain(rest.iter().copied()).collect()));
        }
    }
    if orders.is_empty() {
        orders.push((0, best.iter().map(|ticket| ticket.site).chain(rest).collect()));
    }
    orders
}

/// The sites that are drawn with their weights, heaviest first, and all others in the service's order. Drawn are those of the
/// best standing, and deferring ones besides serving ones.
fn tickets(service: &Service, weights: &[u32], outcome: &ServicePlan) -> (Vec<Ticket>, Vec<SiteIx>) {
    let best = outcome.sites.iter().map(|site| resort(site.standing)).min().unwrap_or_default();
    let (mut tickets, mut rest, mut deferring) = (Vec::new(), Vec::new(), Vec::new());
    for ((position, &site), plan) in service.sites.iter().enumerate().zip(&outcome.sites) {
        let stays = if plan.drained == Share::ALL { DRAWS } else { DRAWS.saturating_sub(plan.drained.permille()) };
        let weight = u64::from(weights.get(position).copied().unwrap_or_default()).saturating_mul(u64::from(stays));
        if resort(plan.standing) == best {
            tickets.push(Ticket { site, weight });
        } else {
            if plan.standing == Standing::Deferring {
                deferring.push(Ticket { site, weight });
            }
            rest.push(site);
        }
    }
    let demoted = demoted(&tickets, &deferring);
    rest.retain(|site| !demoted.iter().any(|ticket| ticket.site == *site));
    tickets.extend(demoted);
    // Stable: equal weights stay in the service's order.
    tickets.sort_by_key(|ticket| std::cmp::Reverse(ticket.weight));
    (tickets, rest)
}

/// Those of `deferring` that are drawn besides `serving` sites: with a small part of their weight, but by one draw at least.
/// None besides sites that have no weight themselves, which stand by for the others and take all that those lose.
fn demoted(serving: &[Ticket], deferring: &[Ticket]) -> Vec<Ticket> {
    let total: u64 = serving.iter().map(|ticket| ticket.weight).fold(0, u64::saturating_add);
    let drawn: Vec<Ticket> = deferring.iter().copied().filter(|ticket| ticket.weight > 0 && total > 0).collect();
    let sharing = u64::try_from(drawn.len()).unwrap_or(u64::MAX).max(1);
    let most = total / DEFERRING_PART.saturating_mul(sharing);
    let small = |weight: u64| (weight / DEFERRING_PART).min(most).max(total.div_ceil(SURE_DRAW_PART));
    drawn.into_iter().map(|ticket| Ticket { weight: small(ticket.weight), ..ticket }).collect()
}

const fn resort(standing: Standing) -> u8 {
    match standing {
        Standing::Serving => 0,
        Standing::Deferring => 1,
        Standing::Drained => 2,
        Standing::Down => 3,
        Standing::Isolated => 4,
    }
}

/// Divides `draws` draws, beginning at `from`, by weight and largest remainder: who gets any, from where, how many.
/// Empty where no one has weight.
fn shares_of(tickets: &[Ticket], from: u16, draws: u16) -> Vec<(SiteIx, u16, u16)> {
    let total: u128 = tickets.iter().map(|ticket| u128::from(ticket.weight)).sum();
    if total == 0 || draws == 0 {
        return Vec::new();
    }
    let exact = |ticket: &Ticket| u128::from(ticket.weight).saturating_mul(u128::from(draws));
    // A share of `draws` is at most `draws`, so none is cut off.
    let whole = |ticket: &Ticket| u16::try_from(exact(ticket) / total).unwrap_or(draws);
    let mut shares: Vec<u16> = tickets.iter().map(whole).collect();
    let mut left = draws.saturating_sub(shares.iter().sum());
    let mut by_remainder: Vec<usize> = (0..tickets.len()).collect();
    by_remainder.sort_by_key(|position| std::cmp::Reverse(tickets.get(*position).map(|ticket| exact(ticket) % total)));
    for position in by_remainder {
        if let Some(share) = shares.get_mut(position).filter(|_| left > 0) {
            *share += 1;
            left -= 1;
        }
    }
    let mut start = from;
    let mut parts = Vec::new();
    for (ticket, share) in tickets.iter().zip(shares).filter(|(_, share)| *share > 0) {
        parts.push((ticket.site, start, share));
        start = start.saturating_add(share);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::plan::fixture::{DRAIN, Fixture, drain};

    use super::*;

    /// How many of all draws put each site first, and second.
    fn counts(world: &Fixture, weights: &[u32], rank: usize) -> Vec<usize> {
        let plan = world.plan();
        let mut counts = vec![0; weights.len()];
        for draw in 0..DRAWS {
            let order = weighted_order(&world.topology.services[0], weights, &plan.services[0], draw);
            assert_eq!(order.len(), weights.len());
            counts[order[rank].get()] += 1;
        }
        counts
    }

    fn weighted(weights: &[u32]) -> Fixture {
        let mut world = Fixture::new(&vec![1; weights.len()]);
        world.service().policy = Policy::Weighted(weights.to_vec());
        world
    }

    #[test]
    fn sites_come_first_in_proportion_to_their_weights() {
        assert_eq!(counts(&weighted(&[3, 1]), &[3, 1], 0), [750, 250]);
        assert_eq!(counts(&weighted(&[1, 1, 1]), &[1, 1, 1], 0), [334, 333, 333]);
        assert_eq!(counts(&weighted(&[1, 0]), &[1, 0], 0), [1000, 0]);
        assert_eq!(counts(&weighted(&[0, 0]), &[0, 0], 0), [1000, 0]);
    }

    #[test]
    fn second_choices_are_spread_by_weight_too() {
        // s0 is second to either of the others in two draws of three; the others share what it leaves, and its own half.
        assert_eq!(counts(&weighted(&[2, 1, 1]), &[2, 1, 1], 1), [334, 333, 333]);
    }

    #[test]
    fn a_partial_drain_scales_the_weight() {
        let mut world = weighted(&[1, 1]);
        world.order("s0", drain(500));
        assert_eq!(counts(&world, &[1, 1], 0), [333, 667]);
    }

    #[test]
    fn drained_sites_are_drawn_by_weight_when_nothing_else_is_left() {
        let mut world = weighted(&[3, 1]);
        world.order("s0", DRAIN);
        assert_eq!(counts(&world, &[3, 1], 0), [0, 1000]);
        world.order("s1", DRAIN);
        assert_eq!(counts(&world, &[3, 1], 0), [750, 250]);
    }

    #[test]
    fn a_partial_drain_moves_exactly_its_share() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", drain(250));
        let plan = world.plan();
        let moves = (0..DRAWS)
            .filter(|draw| seen(&world.topology.services[0], &plan.services[0], SiteIx(0), *draw) == Seen::Drained);
        assert_eq!(moves.count(), 250);
        assert_eq!(draw_cuts(&world.topology, &plan, ServiceIx(0)), [0, 250]);
    }

    #[test]
    fn nothing_left_to_chance_is_one_class() {
        let mut world = Fixture::new(&[1, 1]);
        assert_eq!(draw_cuts(&world.topology, &world.plan(), ServiceIx(0)), [0]);
        world.order("s0", DRAIN);
        assert_eq!(draw_cuts(&world.topology, &world.plan(), ServiceIx(0)), [0]);
        assert_eq!(draw_cuts(&world.topology, &world.plan(), ServiceIx(7)), [0]);
    }

    proptest! {
        #[test]
        fn all_draws_are_dealt_within_one_of_the_exact_share(weights in prop::collection::vec(0_u32..1000, 1..8)) {
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let dealt = counts(&weighted(&weights), &weights, 0);
            for (weight, count) in weights.iter().zip(dealt) {
                let exact = f64::from(*weight) * f64::from(DRAWS) / f64::from(total);
                prop_assert!((count as f64 - exact).abs() < 1.0, "{} of {}", count, exact);
            }
        }

        #[test]
        fn the_order_only_changes_at_cuts(weights in prop::collection::vec(0_u32..20, 1..6), share in 0_u16..=1000) {
            let mut world = weighted(&weights);
            world.order("s0", drain(share));
            let plan = world.plan();
            let cuts = draw_cuts(&world.topology, &plan, ServiceIx(0));
            prop_assert_eq!(cuts[0], 0);
            prop_assert!(cuts.is_sorted());
            let order = |draw| weighted_order(&world.topology.services[0], &weights, &plan.services[0], draw);
            for draw in 1..DRAWS {
                prop_assert!(cuts.contains(&draw) || order(draw) == order(draw - 1));
            }
        }
    }
}
