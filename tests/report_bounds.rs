//! Statistics stay within their memory. Alone in its process, since it fills the table.
#![forbid(unsafe_code)]

use MIOpen::problem::ConvProblem;
use MIOpen::report::{self, CallRecord, Route};

#[test]
fn problems_without_end_are_counted_together_in_the_end() {
    for n in 1..=20_000 {
        let problem: ConvProblem =
            format!("conv -n {n} -c 1 -H 3 -W 3 -k 1 -y 1 -x 1 -F 1").parse().unwrap();
        report::record(&CallRecord {
            problem: &problem,
            route: Route::Cpu,
            solver: "a_solver",
            rule: None,
            time_us: None,
            workspace_bytes: 0,
        });
    }
    let snapshot = report::snapshot();
    assert_eq!(snapshot.totals().calls, 20_000);
    assert!(snapshot.rows.len() <= 4096 + Route::ALL.len(), "{} rows", snapshot.rows.len());
    let rest = snapshot.rows.iter().find(|row| row.problem == "(more problems)").expect("a rest");
    assert!(rest.calls > 10_000, "{rest:?}");
}
