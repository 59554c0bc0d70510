//! Which convolutions of a card are left to the real library, and which are computed here.
//!
//! On silicon other than RDNA1 everything is forwarded. On RDNA1 the strategy decides. In `auto`:
//!
//! - What the journal or `miopen-bypass probe` found bad on this card is computed here.
//! - What a rule names is computed here: our GPU kernels if they serve the problem, else the CPU.
//! - Under an override of the architecture that is every convolution (`foreign-code`): no kernel of
//!   the real library was made for the silicon then, so none is known to be safe, whatever its
//!   size; and Find would run several before one is chosen. Ours are made for it.
//! - On the native card the real library compiles for the silicon, work-arounds included. So what
//!   no rule names is forwarded, under the eyes of the journal: the first time each problem runs, a
//!   record on disk tells the next process if this one did not survive it.
#![forbid(unsafe_code)]

mod cache;
mod rules;
mod steering;

pub use crate::card::{Card, LibraryVersion, set_library_version};
pub use rules::{RULES, Reported, Rule, Steer, Strength};
pub use steering::{Steered, steer_real_library, steering, visible_cards};

use crate::card::is_rdna1;
use crate::config::{self, Live, Strategy, config};
use crate::hip::topology::nodes;
use crate::journal::{self, Learned};
use crate::problem::ConvProblem;

/// Where a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// By the real library.
    Forward,
    /// By our GPU kernels.
    OwnGpu,
    /// By our CPU engine.
    OwnCpu,
}

/// What is to be done with a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    pub route: Route,
    /// What is to be done instead if `route` is [`Route::OwnGpu`] and no GPU solver serves it.
    pub without_gpu: Route,
    /// The rule that decided, if one did.
    pub rule: Option<&'static Rule>,
    /// What this card has taught.
    pub learned: Learned,
    is_watched: bool,
}

impl PartialEq for Verdict {
    fn eq(&self, other: &Verdict) -> bool {
        self.pack() == other.pack()
    }
}

impl Verdict {
    /// Nothing is known, nothing is recorded.
    const UNTOUCHED: Verdict = Verdict {
        route: Route::Forward,
        without_gpu: Route::Forward,
        rule: None,
        learned: Learned::Nothing,
        is_watched: false,
    };

    /// Whether a forward of this problem belongs between [`journal::begin`] and the token's end.
    pub fn needs_record(&self) -> bool {
        self.is_watched && !matches!(self.learned, Learned::Proven | Learned::Trusted)
    }

    const ROUTES: [Route; 3] = [Route::Forward, Route::OwnGpu, Route::OwnCpu];

    fn pack(&self) -> u32 {
        let number = |route| Self::ROUTES.iter().position(|one| *one == route).unwrap_or(0) as u32;
        let rule = self
            .rule
            .and_then(|rule| RULES.iter().position(|one| std::ptr::eq(one, rule)))
            .map_or(0, |at| at as u32 + 1);
        number(self.route)
            | number(self.without_gpu) << 2
            | (self.learned as u32) << 4
            | u32::from(self.is_watched) << 8
            | rule << 16
    }

    fn unpack(word: u32) -> Verdict {
        let route = |bits: u32| Self::ROUTES[(bits & 3) as usize % Self::ROUTES.len()];
        Verdict {
            route: route(word),
            without_gpu: route(word >> 2),
            rule: (word >> 16).checked_sub(1).and_then(|at| RULES.get(at as usize)),
            learned: Learned::ALL[(word >> 4 & 3) as usize],
            is_watched: word >> 8 & 1 != 0,
        }
    }
}

/// The verdict on a problem on a card.
///
/// A known problem costs a look into a table, without a lock; a change of a setting, and what is
/// learned, is seen by the next call.
pub fn verdict(card: &Card, problem: &ConvProblem) -> Verdict {
    if !card.is_affected() {
        return Verdict::UNTOUCHED;
    }
    let live = config::live();
    let judge = || {
        let is_off = live.strategy == Strategy::Off;
        let learned = if is_off { Learned::Nothing } else { journal::learned(problem, card) };
        decide(card, problem, &live, learned)
    };
    if !live.cache_decisions {
        return judge();
    }
    // Taken before judging: what changes meanwhile makes the entry an old one.
    cache::verdict(card, problem, generation(), judge)
}

/// A number that changes with the settings and with what is learned: a verdict that was given
/// under another one is to be asked for again.
pub fn generation() -> u32 {
    config::generation().wrapping_add(journal::generation())
}

/// Whether the machine has an RDNA1 card, as far as the kernel driver tells: where not, no call
/// needs to be looked at.
pub fn concerns_machine() -> bool {
    nodes(&config().kfd_topology).iter().any(|node| is_rdna1(node.architecture))
}

/// The verdict under given settings and knowledge.
pub fn decide(card: &Card, problem: &ConvProblem, live: &Live, learned: Learned) -> Verdict {
    if !card.is_affected() || live.strategy == Strategy::Off {
        return Verdict::UNTOUCHED;
    }
    let forward = Verdict { learned, is_watched: true, ..Verdict::UNTOUCHED };
    let without_gpu = if live.cpu_fallback { Route::OwnCpu } else { Route::Forward };
    let own_gpu = if live.enable_implicit_gemm { Route::OwnGpu } else { without_gpu };
    let own = |rule| Verdict { route: own_gpu, without_gpu, rule, ..forward };
    let own_cpu =
        |rule| Verdict { route: Route::OwnCpu, without_gpu: Route::OwnCpu, rule, ..forward };
    match live.strategy {
        Strategy::Off => Verdict::UNTOUCHED,
        Strategy::ImplicitGemm => own(None),
        Strategy::CpuFallback => own_cpu(None),
        Strategy::Selective if rules::exceeds_threshold(problem, live) => {
            own_cpu(RULES.iter().find(|rule| rule.id == "large-image"))
        }
        Strategy::Selective if learned == Learned::Bad => own_cpu(None),
        Strategy::Selective => forward,
        Strategy::Auto if learned == Learned::Bad => own(None),
        Strategy::Auto if learned == Learned::Trusted => forward,
        Strategy::Auto => match RULES.iter().find(|rule| rule.holds(card, problem, live)) {
            Some(rule) => own(Some(rule)),
            None => forward,
        },
    }
}

#[cfg(test)]
mod tests;
