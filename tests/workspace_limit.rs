//! `WORKSPACE_LIMIT` holds for everything that the engine lists and chooses.

use MIOpen::config;
use MIOpen::engine::{self, Choice, Solution};
use MIOpen::problem::ConvProblem;
use MIOpen::solver::{Context, Gpu};

fn problem(flags: &str) -> ConvProblem {
    format!("conv {flags}").parse().unwrap()
}

/// The one test of this program: the setting is the whole process's.
#[test]
fn nothing_asks_for_more_than_the_limit() {
    let on_gpu = Context::new(None).on_gpu(Gpu { ordinal: 0, compute_units: 36 });
    let on_host = Context::new(None);
    let cases = [
        (problem("-n 2 -c 64 -H 28 -W 28 -k 128 -y 3 -x 3 -p 1 -q 1 -F 1"), &on_host),
        (problem("-n 2 -c 64 -H 28 -W 28 -k 128 -y 3 -x 3 -p 1 -q 1 -F 1"), &on_gpu),
        (problem("-n 2 -c 64 -H 28 -W 28 -k 128 -y 3 -x 3 -p 1 -q 1 -F 4"), &on_gpu),
    ];
    for (problem, context) in cases {
        let asked = |solutions: &[Solution]| -> Vec<usize> {
            solutions.iter().map(|solution| solution.workspace_bytes).collect()
        };
        config::set("WORKSPACE_LIMIT", "none").unwrap();
        let unlimited = engine::solutions(&problem, context).unwrap();
        let Some(&most) = asked(&unlimited).iter().max() else {
            println!("skipped: no kernels for {problem} in this build");
            continue;
        };
        assert_eq!(engine::workspace_bytes(&problem, context).unwrap(), most);
        // Whatever is chosen is remembered, and must not be chosen beyond the limit.
        engine::prepare(&problem, Choice::Default, context).unwrap();
        for limit in [most.saturating_sub(1), 4096, 0] {
            config::set("WORKSPACE_LIMIT", &limit.to_string()).unwrap();
            let solutions = engine::solutions(&problem, context).unwrap();
            assert!(asked(&solutions).iter().all(|&bytes| bytes <= limit), "{limit}: {problem}");
            assert!(engine::workspace_bytes(&problem, context).unwrap() <= limit);
            let chosen = engine::prepare(&problem, Choice::Default, context).unwrap();
            assert!(chosen.required_workspace_bytes <= limit, "{limit}: {problem}");
            let left_out = unlimited.len() - solutions.len().min(unlimited.len());
            let rejected = engine::rejections(&problem, context);
            let of_the_limit =
                rejected.iter().filter(|(_, reason)| reason.to_string().contains("the limit is"));
            assert!(of_the_limit.count() >= left_out.min(1), "{limit}: {problem}");
        }
    }
    config::set("WORKSPACE_LIMIT", "none").unwrap();
}
