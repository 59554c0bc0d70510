//! What was decided about each problem, in a table of each thread.
#![forbid(unsafe_code)]

use super::devices;
use super::raw::RawCall;
use crate::abi::call;
use crate::card::Card;
use crate::engine;
use crate::hazard::{self, Route};
use crate::problem::ConvProblem;
use crate::solver::{Context, Memory};
use std::cell::RefCell;
use std::rc::Rc;

/// A judged problem.
pub(super) struct Known {
    pub problem: ConvProblem,
    /// In transpose mode the problem's x is the call's y and the reverse.
    pub swapped: bool,
    pub card: Card,
    /// Whether the real library is to have it.
    pub is_forwarded: bool,
    /// Whether a launch of it belongs into the journal.
    pub needs_record: bool,
    /// Where our engine would compute it; `None` where it has no solver for it.
    pub context: Option<Context>,
    /// Id of the rule that decided.
    pub rule: Option<&'static str>,
}

/// Problems that a thread remembers: a power of two, beyond the layers of most networks.
const SLOTS: usize = 512;
/// Neighbours in which a problem may stand.
const WAYS: usize = 4;

struct Slot {
    call: RawCall,
    generation: u32,
    known: Option<Rc<Known>>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Option<Slot>>,
    next_way: usize,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

/// What is decided about a call; `None` where it is none of our business.
pub(super) fn of(call: &RawCall) -> Option<Rc<Known>> {
    let generation = hazard::generation();
    let looked = TABLE.try_with(|table| {
        let mut table = table.try_borrow_mut().ok()?;
        if table.slots.is_empty() {
            table.slots.resize_with(SLOTS, || None);
        }
        let first = (call.hash() as usize % SLOTS) & !(WAYS - 1);
        let ways = first..first + WAYS;
        let found = table.slots[ways.clone()]
            .iter()
            .flatten()
            .find(|slot| slot.generation == generation && slot.call == *call);
        if let Some(slot) = found {
            return Some(slot.known.clone());
        }
        let known = judge(call).map(Rc::new);
        let place = table.slots[ways]
            .iter()
            .position(|slot| slot.as_ref().is_none_or(|slot| slot.generation != generation));
        let way = place.unwrap_or(table.next_way % WAYS);
        table.next_way = table.next_way.wrapping_add(1);
        table.slots[first + way] = Some(Slot { call: *call, generation, known: known.clone() });
        Some(known)
    });
    match looked {
        Ok(Some(known)) => known,
        // At the thread's end the table is gone.
        _ => judge(call).map(Rc::new),
    }
}

fn judge(call: &RawCall) -> Option<Known> {
    let device = devices::device(call.ordinal)?;
    let (problem, swapped) = call.problem()?;
    let verdict = hazard::verdict(&device.card, &problem);
    let on_gpu = call::context().clone().with_memory(device.memory);
    let on_cpu = call::context().clone().with_memory(Memory::CopyOnly(call.ordinal));
    let has_kernel = engine::has_kernel(&problem, &on_gpu);
    let route = match verdict.route {
        Route::OwnGpu if !has_kernel => verdict.without_gpu,
        route => route,
    };
    let context = match route {
        Route::OwnCpu => on_cpu,
        _ if has_kernel => on_gpu,
        _ => on_cpu,
    };
    let context = engine::is_served(&problem, &context).then_some(context);
    Some(Known {
        is_forwarded: route == Route::Forward || context.is_none(),
        needs_record: verdict.needs_record(),
        problem,
        swapped,
        card: device.card,
        context,
        rule: verdict.rule.map(|rule| rule.id),
    })
}
