//! Of strategies and rules: each rule has a problem that it is about, and one just beside it.
#![forbid(unsafe_code)]

use super::*;
use crate::hip::topology::Architecture;

const SETTINGS: Live = Live {
    strategy: Strategy::Auto,
    size_threshold: 42,
    enable_implicit_gemm: true,
    cpu_fallback: true,
    cache_decisions: true,
    verbose: 0,
};

/// With a threshold that no image exceeds.
const NO_THRESHOLD: Live = Live { size_threshold: u32::MAX, ..SETTINGS };

fn card(physical: &str, reported: &str) -> Card {
    let architecture = |text: &str| Architecture::from_override(text).unwrap();
    Card {
        ordinal: 0,
        physical: architecture(physical),
        reported: architecture(reported),
        library: Some(LibraryVersion::new(3, 2, 0)),
    }
}

fn native() -> Card {
    card("10.1.0", "10.1.0")
}

fn overridden() -> Card {
    card("10.1.0", "10.3.0")
}

fn with_library(card: Card, text: &str) -> Card {
    Card { library: LibraryVersion::parse(text), ..card }
}

fn problem(flags: &str) -> ConvProblem {
    let word = if flags.starts_with("conv") { "" } else { "conv " };
    format!("{word}{flags}").parse().unwrap()
}

/// A 3x3 layer of 16 to 32 channels, which no rule names natively.
const SMALL: &str = "-n 1 -c 16 -H 42 -W 42 -k 32 -y 3 -x 3 -p 1 -q 1";

fn rule(id: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.id == id).unwrap()
}

fn route(card: &Card, flags: &str, live: &Live) -> Route {
    decide(card, &problem(flags), live, Learned::Nothing).route
}

/// What a rule is about, and what is just beside.
struct Pair {
    id: &'static str,
    hit: (Card, String, Live),
    beside: (Card, String, Live),
}

fn pairs() -> Vec<Pair> {
    let small = |rest: &str| format!("{SMALL} {rest}");
    let sized = |h: u32, w: u32| format!("-n 1 -c 16 -H {h} -W {w} -k 32 -y 3 -x 3 -p 1 -q 1 -F 1");
    let pair = |id, hit, beside| Pair { id, hit, beside };
    let at = |card, flags: String, live| (card, flags, live);
    vec![
        pair(
            "large-image",
            at(native(), sized(43, 8), SETTINGS),
            at(native(), sized(42, 42), SETTINGS),
        ),
        pair(
            // The output of a padded pointwise layer is the larger image.
            "large-image",
            at(native(), "-n 1 -c 8 -H 42 -W 8 -k 8 -y 1 -x 1 -p 1 -F 2".into(), SETTINGS),
            at(native(), "-n 1 -c 8 -H 40 -W 8 -k 8 -y 1 -x 1 -p 1 -F 2".into(), SETTINGS),
        ),
        pair(
            "large-image",
            at(native(), sized(65, 65), Live { size_threshold: 64, ..SETTINGS }),
            at(native(), sized(64, 64), Live { size_threshold: 64, ..SETTINGS }),
        ),
        pair(
            "gemm-rest-fault",
            at(overridden(), small("-F 1"), SETTINGS),
            at(overridden(), small("-F 2"), SETTINGS),
        ),
        pair(
            "gemm-rest-fault",
            at(overridden(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -u 2 -v 2 -F 1".into(), SETTINGS),
            at(overridden(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 1".into(), SETTINGS),
        ),
        pair(
            "gemm-rest-fault",
            at(overridden(), small("-F 1"), SETTINGS),
            at(native(), small("-F 1"), SETTINGS),
        ),
        pair(
            "half-precision",
            at(native(), format!("convfp16 {SMALL} -F 1"), SETTINGS),
            at(native(), format!("convbfp16 {SMALL} -F 1"), SETTINGS),
        ),
        pair(
            "winograd-hang",
            at(with_library(native(), "2.14.9"), small("-F 2"), SETTINGS),
            at(with_library(native(), "2.15.0"), small("-F 2"), SETTINGS),
        ),
        pair(
            "winograd-hang",
            at(with_library(native(), "2.14.0"), small("-u 2 -v 2 -F 1"), SETTINGS),
            at(with_library(native(), "2.14.0"), small("-u 3 -v 3 -F 1"), SETTINGS),
        ),
        pair(
            "winograd-hang",
            at(with_library(native(), "2.14.0"), small("-F 1"), SETTINGS),
            at(with_library(native(), "2.14.0"), small("-l 2 -j 2 -F 1"), SETTINGS),
        ),
        pair(
            "wrw-1x1-wrong",
            at(native(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 4".into(), SETTINGS),
            at(native(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 2 -F 4".into(), SETTINGS),
        ),
        pair(
            "wrw-1x1-wrong",
            at(native(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 4".into(), SETTINGS),
            at(native(), "-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 2".into(), SETTINGS),
        ),
        pair(
            "wrw-53-wrong",
            at(with_library(native(), "2.10.9"), small("-l 2 -j 2 -F 4"), SETTINGS),
            at(with_library(native(), "2.11.0"), small("-l 2 -j 2 -F 4"), SETTINGS),
        ),
        pair(
            "wrw-53-wrong",
            at(with_library(native(), "2.10.0"), small("-l 2 -j 2 -F 4"), SETTINGS),
            at(with_library(native(), "2.10.0"), small("-l 2 -j 2 -u 3 -v 3 -F 4"), SETTINGS),
        ),
        pair(
            // 2^31 elements: 2048 channels, 16 x 16 taps, 64 x 64 positions.
            "im2col-overflow",
            at(native(), "-n 1 -c 2048 -H 79 -W 79 -k 1 -y 16 -x 16 -F 1".into(), NO_THRESHOLD),
            at(native(), "-n 1 -c 2047 -H 79 -W 79 -k 1 -y 16 -x 16 -F 1".into(), NO_THRESHOLD),
        ),
        pair(
            // 2^28 elements of 4 bytes are the limit: 256 channels, 16 x 16 taps, 64 x 64 positions.
            "im2col-workspace",
            at(native(), "-n 1 -c 257 -H 79 -W 79 -k 1 -y 16 -x 16 -F 1".into(), NO_THRESHOLD),
            at(native(), "-n 1 -c 256 -H 79 -W 79 -k 1 -y 16 -x 16 -F 1".into(), NO_THRESHOLD),
        ),
        pair(
            "foreign-code",
            at(overridden(), small("-F 2"), SETTINGS),
            at(native(), small("-F 2"), SETTINGS),
        ),
        pair(
            "foreign-code",
            at(card("10.1.0", "10.1.2"), small("-F 1"), SETTINGS),
            at(card("10.1.2", "10.1.0"), small("-F 1"), SETTINGS),
        ),
    ]
}

#[test]
fn each_rule_holds_for_its_problem_and_not_just_beside() {
    for Pair { id, hit, beside } in pairs() {
        let (card, flags, live) = &hit;
        let verdict = decide(card, &problem(flags), live, Learned::Nothing);
        assert_eq!(verdict.rule.map(|rule| rule.id), Some(id), "{card:?} {flags}");
        assert_eq!(verdict.route, Route::OwnGpu, "{id}: {flags}");
        let (card, flags, live) = &beside;
        assert!(!rule(id).holds(card, &problem(flags), live), "{id}: {card:?} {flags}");
    }
}

#[test]
fn every_rule_is_tried_or_only_steers() {
    let pairs = pairs();
    for rule in &RULES {
        let is_tried = pairs.iter().any(|pair| pair.id == rule.id);
        assert!(is_tried != rule.predicate.is_none(), "{}", rule.id);
        assert!(rule.predicate.is_some() || !rule.steering.is_empty(), "{} does nothing", rule.id);
        assert_eq!(RULES.iter().filter(|other| other.id == rule.id).count(), 1, "{}", rule.id);
        assert!(rule.steering.iter().all(|(name, _)| name.starts_with("MIOPEN_")), "{}", rule.id);
    }
}

#[test]
fn an_unknown_library_is_taken_for_a_corrected_one() {
    let unknown = Card { library: None, ..native() };
    assert_eq!(route(&unknown, &format!("{SMALL} -F 1"), &SETTINGS), Route::Forward);
    assert!(!rule("winograd-hang").concerns(&unknown));
    assert!(rule("large-image").concerns(&unknown));
}

#[test]
fn other_silicon_is_left_alone() {
    let large = "convfp16 -n 1 -c 16 -H 64 -W 64 -k 32 -y 3 -x 3 -F 1";
    for other in ["9.0.6", "9.0.10", "10.3.0", "10.3.1", "11.0.0"] {
        for reported in [other, "10.1.0", "10.3.0"] {
            let card = card(other, reported);
            for strategy in [Strategy::Auto, Strategy::ImplicitGemm, Strategy::CpuFallback] {
                let live = Live { strategy, ..SETTINGS };
                let verdict = decide(&card, &problem(large), &live, Learned::Bad);
                assert_eq!(verdict, Verdict::UNTOUCHED, "{other} as {reported}");
                assert!(!verdict.needs_record());
            }
        }
    }
}

#[test]
fn strategies_do_what_they_say() {
    let large = "-n 1 -c 16 -H 44 -W 44 -k 32 -y 3 -x 3 -p 1 -q 1 -F 1";
    let small = &format!("{SMALL} -F 1");
    let strategy = |strategy| Live { strategy, ..SETTINGS };
    for card in [native(), overridden()] {
        let all = |flags, live: Live| route(&card, flags, &live);
        assert_eq!(all(large, strategy(Strategy::ImplicitGemm)), Route::OwnGpu);
        assert_eq!(all(small, strategy(Strategy::ImplicitGemm)), Route::OwnGpu);
        assert_eq!(all(large, strategy(Strategy::CpuFallback)), Route::OwnCpu);
        assert_eq!(all(small, strategy(Strategy::CpuFallback)), Route::OwnCpu);
        assert_eq!(all(large, strategy(Strategy::Selective)), Route::OwnCpu);
        assert_eq!(all(small, strategy(Strategy::Selective)), Route::Forward);
        assert_eq!(all(large, strategy(Strategy::Off)), Route::Forward);
        assert_eq!(all(large, strategy(Strategy::Auto)), Route::OwnGpu);
    }
    assert_eq!(route(&native(), small, &SETTINGS), Route::Forward);
    assert_eq!(route(&overridden(), small, &SETTINGS), Route::OwnGpu);
}

#[test]
fn engines_that_are_switched_off_are_not_used() {
    let large = problem("-n 1 -c 16 -H 44 -W 44 -k 32 -y 3 -x 3 -F 1");
    let routes = |enable_implicit_gemm, cpu_fallback| {
        let live = Live { enable_implicit_gemm, cpu_fallback, ..SETTINGS };
        let verdict = decide(&native(), &large, &live, Learned::Nothing);
        assert_eq!(verdict.rule.unwrap().id, "large-image");
        (verdict.route, verdict.without_gpu)
    };
    assert_eq!(routes(true, true), (Route::OwnGpu, Route::OwnCpu));
    assert_eq!(routes(false, true), (Route::OwnCpu, Route::OwnCpu));
    assert_eq!(routes(true, false), (Route::OwnGpu, Route::Forward));
    assert_eq!(routes(false, false), (Route::Forward, Route::Forward));
}

#[test]
fn what_the_card_taught_counts_more_than_rules() {
    let small = problem(&format!("{SMALL} -F 1"));
    let large = problem("-n 1 -c 16 -H 44 -W 44 -k 32 -y 3 -x 3 -F 1");
    let auto = |problem, learned| decide(&native(), problem, &SETTINGS, learned);
    assert_eq!(auto(&small, Learned::Bad).route, Route::OwnGpu);
    assert!(auto(&small, Learned::Bad).rule.is_none());
    assert!(auto(&small, Learned::Nothing).needs_record());
    assert!(!auto(&small, Learned::Proven).needs_record());
    // Having ended once is no reason to forgo a rule; being trusted is.
    assert_eq!(auto(&large, Learned::Proven).route, Route::OwnGpu);
    assert_eq!(auto(&large, Learned::Trusted).route, Route::Forward);
    let selective = Live { strategy: Strategy::Selective, ..SETTINGS };
    assert_eq!(decide(&native(), &small, &selective, Learned::Bad).route, Route::OwnCpu);
    let off = Live { strategy: Strategy::Off, ..SETTINGS };
    assert!(!decide(&native(), &small, &off, Learned::Nothing).needs_record());
}

#[test]
fn verdicts_survive_packing() {
    for rule in RULES.iter().map(Some).chain([None]) {
        for learned in Learned::ALL {
            for (route, without_gpu) in
                [(Route::Forward, Route::Forward), (Route::OwnGpu, Route::OwnCpu)]
            {
                for is_watched in [false, true] {
                    let verdict = Verdict { route, without_gpu, rule, learned, is_watched };
                    let back = Verdict::unpack(verdict.pack());
                    assert_eq!(back, verdict);
                    assert_eq!((back.learned, back.is_watched), (learned, is_watched));
                    assert_eq!(back.rule.map(|rule| rule.id), rule.map(|rule| rule.id));
                }
            }
        }
    }
}

#[test]
fn problems_that_differ_anywhere_are_judged_each_for_itself() {
    // The verdict of the first is kept under its own key alone.
    let base = "-n 1 -c 16 -H 42 -W 42 -k 32 -y 3 -x 3 -p 1 -q 1 -F 1";
    let kept = |card: &Card, flags: &str| {
        cache::verdict(card, &problem(flags), 1, || {
            decide(card, &problem(flags), &SETTINGS, Learned::Nothing)
        })
        .route
    };
    assert_eq!(kept(&native(), base), Route::Forward);
    let others = [
        "-n 1 -c 16 -H 44 -W 42 -k 32 -y 3 -x 3 -p 1 -q 1 -F 1",
        "-n 1 -c 16 -H 42 -W 44 -k 32 -y 3 -x 3 -p 1 -q 1 -F 1",
        "convfp16 -n 1 -c 16 -H 42 -W 42 -k 32 -y 3 -x 3 -p 1 -q 1 -F 1",
        "-n 1 -c 16 -H 42 -W 42 -k 32 -y 3 -x 3 -p 2 -q 1 -F 1",
    ];
    for other in others {
        assert_eq!(kept(&native(), other), Route::OwnGpu, "{other}");
    }
    assert_eq!(kept(&overridden(), base), Route::OwnGpu);
    assert_eq!(kept(&native(), base), Route::Forward);
    // A new generation is judged anew, an old one is not.
    let again = |generation, verdict| {
        cache::verdict(&native(), &problem(base), generation, || verdict).route
    };
    let own = Verdict { route: Route::OwnCpu, ..Verdict::UNTOUCHED };
    assert_eq!(again(1, own), Route::Forward);
    assert_eq!(again(2, own), Route::OwnCpu);
    assert_eq!(again(2, Verdict::UNTOUCHED), Route::OwnCpu);
}
