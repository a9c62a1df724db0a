//! How many steered answers each view got: what capacity is planned by.
//!
//! Each worker of datagrams counts in a sheet of its own, so that no two wait for a cache line; the general path has one for
//! all its threads. Sheets are laid out for the views of the tables in force. A worker that meets other views takes a new
//! sheet, and the old one is read a last time and goes: what was counted is kept under names that outlive both.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;

use super::bounds::DEMAND_CELLS;
use crate::answer::Tables;
use crate::model::ServiceIx;
use crate::plan::ViewKey;
use crate::steer::{Steering, ViewIx};

/// All sheets.
#[derive(Default)]
pub(super) struct Sheets {
    /// The views that the newest sheet is laid out for.
    layout: Mutex<Arc<Layout>>,
    open: Mutex<Vec<Open>>,
    /// The general path's own.
    shared: ArcSwap<Sheet>,
}

/// A sheet that somebody may still count in.
struct Open {
    layout: Arc<Layout>,
    cells: Arc<[AtomicU64]>,
    /// What was read of each cell.
    read: Vec<u64>,
}

/// Where the views of each service have their cells.
#[derive(Default)]
struct Layout {
    /// Weak: counting must not keep the views of an earlier load.
    of: Weak<Steering>,
    /// Parallel to the services.
    places: Arc<[Place]>,
    /// Parallel to the cells.
    views: Vec<ViewKey>,
}

/// The cells of a service's views.
#[derive(Clone, Copy)]
struct Place {
    first: u32,
    /// The last view with a cell of its own; those beyond are counted as this one.
    last: u16,
}

/// Cells that one worker counts in.
#[derive(Clone)]
pub(super) struct Sheet {
    /// The steering whose views they are for, as a mere address.
    of: Weak<Steering>,
    places: Arc<[Place]>,
    cells: Arc<[AtomicU64]>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { of: Weak::new(), places: Arc::from([]), cells: Arc::from([]) }
    }
}

impl Sheet {
    /// Whether the cells are for the views of `tables`.
    pub(super) fn is_for(&self, tables: &Tables) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(tables.steering()))
    }

    /// One more answer to a client of `view`, by the one worker whose sheet this is.
    pub(super) fn count(&self, service: ServiceIx, view: ViewIx) {
        if let Some(cell) = self.cell(service, view) {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// The same where several threads count.
    fn count_shared(&self, service: ServiceIx, view: ViewIx) {
        if let Some(cell) = self.cell(service, view) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn cell(&self, service: ServiceIx, view: ViewIx) -> Option<&AtomicU64> {
        let place = self.places.get(service.get())?;
        self.cells.get(place.first as usize + usize::from(view.0.min(place.last)))
    }
}

/// Answers of the general path that are counted when they are sent.
#[derive(Default)]
pub(super) struct Asked {
    sheet: Option<Arc<Sheet>>,
    views: Vec<(ServiceIx, ViewIx)>,
}

impl Asked {
    /// Counts them.
    pub(super) fn count(self) {
        if let Some(sheet) = self.sheet {
            self.views.into_iter().for_each(|(service, view)| sheet.count_shared(service, view));
        }
    }
}

impl Sheets {
    /// A sheet for one more worker, or for one that has met the views of `tables`.
    pub(super) fn sheet(&self, tables: &Tables) -> Sheet {
        let layout = self.layout(tables);
        let cells: Arc<[AtomicU64]> = layout.views.iter().map(|_| AtomicU64::new(0)).collect();
        let sheet =
            Sheet { of: Weak::clone(&layout.of), places: Arc::clone(&layout.places), cells: Arc::clone(&cells) };
        let read = vec![0; cells.len()];
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Open { layout, cells, read });
        sheet
    }

    /// What is to be counted when an answer of the general path is sent.
    pub(super) fn asked(&self, tables: &Tables, views: impl Iterator<Item = (ServiceIx, ViewIx)>) -> Asked {
        let views: Vec<_> = views.collect();
        if views.is_empty() {
            return Asked::default();
        }
        let mut sheet = self.shared.load_full();
        if !sheet.is_for(tables) {
            // Once a reload. Of two threads that come here together one sheet is read and goes.
            sheet = Arc::new(self.sheet(tables));
            self.shared.store(Arc::clone(&sheet));
        }
        Asked { sheet: Some(sheet), views }
    }

    /// What was counted since the last call, by view.
    pub(super) fn take(&self) -> BTreeMap<ViewKey, u64> {
        let mut counted = BTreeMap::new();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|open| {
            // Looked at before the last reading: whoever let go of the sheet counts no more.
            let is_left = Arc::get_mut(&mut open.cells).is_some();
            for ((cell, read), view) in open.cells.iter().zip(&mut open.read).zip(&open.layout.views) {
                let count = cell.load(Ordering::Relaxed);
                let more = count.wrapping_sub(std::mem::replace(read, count));
                if more > 0 {
                    *counted.entry(view.clone()).or_default() += more;
                }
            }
            !is_left
        });
        counted
    }

    fn layout(&self, tables: &Tables) -> Arc<Layout> {
        let mut layout = self.layout.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::ptr::eq(layout.of.as_ptr(), Arc::as_ptr(tables.steering())) {
            *layout = Arc::new(Layout::of(tables));
        }
        Arc::clone(&layout)
    }
}

impl Layout {
    fn of(tables: &Tables) -> Self {
        let (topology, steering) = (tables.topology(), tables.steering());
        let (mut places, mut views) = (Vec::with_capacity(topology.services.len()), Vec::new());
        for (ix, service) in topology.services() {
            let first = views.len();
            let left = DEMAND_CELLS.saturating_sub(first);
            for (_, order) in steering.views(ix).take(left) {
                let order = order.iter().map(|site| topology.site_name(*site).to_owned()).collect();
                views.push(ViewKey { service: service.name.clone(), order });
            }
            let last = (views.len() - first).saturating_sub(1);
            // Without a cell left the place lies behind the last one.
            places.push(Place {
                first: u32::try_from(if views.len() > first { first } else { DEMAND_CELLS }).unwrap_or(u32::MAX),
                last: u16::try_from(last).unwrap_or(u16::MAX),
            });
        }
        Self { of: Arc::downgrade(steering), places: places.into(), views }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_has_its_cell_and_those_beyond_the_bound_share_the_last() {
        let places = [Place { first: 0, last: 1 }, Place { first: 2, last: 0 }, Place { first: u32::MAX, last: 0 }];
        let cells: Arc<[AtomicU64]> = (0..3).map(|_| AtomicU64::new(0)).collect();
        let sheet = Sheet { of: Weak::new(), places: Arc::new(places), cells: Arc::clone(&cells) };
        for (service, view) in [(0, 0), (0, 1), (0, 1), (0, 7), (1, 0), (1, u16::MAX), (2, 0), (3, 0)] {
            sheet.count(ServiceIx(service), ViewIx(view));
        }
        sheet.count_shared(ServiceIx(0), ViewIx(0));
        let counts: Vec<u64> = cells.iter().map(|cell| cell.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [2, 3, 2]);
    }
}
