//! Statistics of calls: nothing is lost, nothing is mixed up, and a call costs little.
#![forbid(unsafe_code)]

use MIOpen::problem::ConvProblem;
use MIOpen::report::{self, CallRecord, Route, Row, Snapshot};
use std::time::Instant;

fn problem(text: &str) -> ConvProblem {
    text.parse().expect("a problem")
}

fn call<'a>(problem: &'a ConvProblem, route: Route) -> CallRecord<'a> {
    let solver = if route == Route::Real { "" } else { "a_solver" };
    CallRecord { problem, route, solver, rule: None, time_us: Some(10.0), workspace_bytes: 64 }
}

/// The rows under a label: tests share the process's statistics, and each has labels of its own.
fn rows(label: &str) -> Vec<Row> {
    report::snapshot().rows.into_iter().filter(|row| row.label == label).collect()
}

#[test]
fn calls_that_differ_in_anything_are_counted_apart() {
    let lines = [
        "conv -n 1 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 1",
        "conv -n 1 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 2",
        "conv -n 1 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 1 -I NHWC -f NHWC -O NHWC",
        "convfp16 -n 1 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 1",
        "conv -n 1 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -l 2 -F 1",
    ];
    report::push_label("apart");
    for (index, line) in lines.iter().enumerate() {
        let problem = problem(line);
        for _ in 0..=index {
            report::record(&call(&problem, Route::Cpu));
        }
        report::record(&CallRecord { rule: Some("a_rule"), ..call(&problem, Route::Hip) });
        report::record(&CallRecord { time_us: None, ..call(&problem, Route::Real) });
    }
    assert!(report::pop_label());
    let found = rows("apart");
    assert_eq!(found.len(), 3 * lines.len());
    for (index, line) in lines.iter().enumerate() {
        let of = |route| {
            let text = problem(line).to_string();
            found.iter().find(|row| row.problem == text && row.route == route).expect("a row")
        };
        let cpu = of(Route::Cpu);
        let calls = index as u64 + 1;
        assert_eq!((cpu.calls, cpu.timed_calls, cpu.rule.as_str()), (calls, calls, ""));
        assert_eq!((cpu.time_us, cpu.workspace_bytes), (10.0 * calls as f64, 64));
        assert_eq!(cpu.mean_us(), Some(10.0));
        assert_eq!((of(Route::Hip).rule.as_str(), of(Route::Hip).calls), ("a_rule", 1));
        let real = of(Route::Real);
        assert_eq!((real.calls, real.mean_us(), real.solver.as_str()), (1, None, ""));
    }
    let totals = Snapshot { rows: found, ..report::snapshot() }.totals();
    assert_eq!((totals.calls, totals.forwarded, totals.bypassed), (25, 5, 20));
    assert_eq!(totals.bypassed_percent(), 80.0);
}

#[test]
fn a_time_that_becomes_known_later_is_added() {
    let problem = problem("conv -n 3 -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 1");
    report::push_label("later");
    let recorded = report::record(&CallRecord { time_us: None, ..call(&problem, Route::Real) });
    report::record(&CallRecord { time_us: None, ..call(&problem, Route::Real) });
    recorded.add_time_us(7.5);
    assert!(report::pop_label());
    let rows = rows("later");
    assert_eq!((rows.len(), rows[0].calls, rows[0].timed_calls), (1, 2, 1));
    assert_eq!(rows[0].mean_us(), Some(7.5));
}

#[test]
fn threads_lose_no_call() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 20_000;
    let problems: Vec<ConvProblem> = (1..=40)
        .map(|n| problem(&format!("conv -n {n} -c 4 -H 9 -W 9 -k 4 -y 3 -x 3 -F 1")))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let problems = &problems;
            scope.spawn(move || {
                report::push_label("threads");
                for number in 0..CALLS {
                    let at = ((number + thread * 7) % 40) as usize;
                    report::record(&call(&problems[at], Route::Cpu));
                }
            });
        }
    });
    let rows = rows("threads");
    assert_eq!(rows.len(), problems.len(), "equal entries are one row");
    assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), THREADS * CALLS);
    assert_eq!(rows.iter().map(|row| row.time_us).sum::<f64>(), 10.0 * (THREADS * CALLS) as f64);
}

/// Not a measurement: it tells a lock or a system call from their absence on any machine.
#[test]
fn a_call_costs_far_less_than_a_microsecond() {
    let problems: Vec<ConvProblem> = (1..=64)
        .map(|c| problem(&format!("conv -n 1 -c {c} -H 9 -W 9 -k 4 -y 3 -x 3 -F 1")))
        .collect();
    let calls = problems.iter().map(|problem| call(problem, Route::Cpu));
    let calls: Vec<CallRecord<'_>> = calls.collect();
    let best_ns = (0..200)
        .map(|_| {
            let start = Instant::now();
            for call in &calls {
                report::record(call);
            }
            start.elapsed().as_nanos() as f64 / calls.len() as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!("a call costs {best_ns:.0} ns");
    assert!(best_ns < 1000.0, "{best_ns} ns");
}
