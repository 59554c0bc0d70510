//! What the library makes of different machines: cards, overrides, several devices, and faults.
//! Each runs in a child process, because a runtime is what its environment makes it.

mod support;

use MIOpen::engine::Choice;
use MIOpen::error::{Error, Status};
use MIOpen::gpu::{every_plan, gpu_of_device};
use MIOpen::hip::{CurrentDevice, DeviceMemory, Event, StreamRef, device_count};
use MIOpen::memory::DeviceBuffers;
use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, Role, TensorDesc};
use MIOpen::solver::{Buffers, Context, ConvArgs, Plan};
use std::ffi::c_void;
use std::process::Command;
use std::time::Instant;
use support::Rng;
use support::case::{Case, PLAIN, check_against_oracle};
use support::device::{OnDevice, bytes_of, has_simhip, run_on_device, set_bytes};
use support::tensor::Fill;

const CHILD: &str = "MIOPEN_BYPASS_TEST_CHILD";
const TYPES: [DataType; 3] = [DataType::F32, DataType::F16, DataType::BF16];

/// Plans and the names of their kernels.
type Plans = Vec<(String, Box<dyn Plan>)>;

/// Runs this program's `child` test with settings of simhip; what it says.
fn in_child(what: &str, settings: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, what)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{what} {settings:?}: {text}");
    text
}

/// Not a test of its own: what the others run in a process with its own environment.
#[test]
fn child() {
    let Ok(what) = std::env::var(CHILD) else { return };
    if !has_simhip() {
        return;
    }
    match what.as_str() {
        "compute" => (0..device_count().unwrap()).for_each(compute_on),
        "compute everything" => compute_all_on(0),
        "compute far apart" => compute_far_apart(),
        "launch first" => first_launches(),
        "describe" => {
            for ordinal in 0..device_count().unwrap() {
                println!("device {ordinal}: {:?}", gpu_of_device(ordinal));
            }
        }
        "exhaust" => match DeviceMemory::new(1 << 40) {
            Err(Error { status: Status::AllocFailed, context }) => println!("refused: {context}"),
            other => panic!("{other:?}"),
        },
        "fail" => {
            let error = first_error().expect("a call was to fail");
            println!("reported: {error}");
        }
        other => panic!("no such child: {other}"),
    }
}

/// A small convolution in each direction, on one device, by the first kernel that takes it.
fn compute_on(ordinal: u32) {
    let gpu = gpu_of_device(ordinal).unwrap();
    compute(ordinal, &[DataType::F32], |problem| vec![every_plan(problem, gpu).swap_remove(0)]);
    println!("device {ordinal} computes");
}

/// The same in each type and by every kernel that takes it.
fn compute_all_on(ordinal: u32) {
    let gpu = gpu_of_device(ordinal).unwrap();
    compute(ordinal, &TYPES, |problem| every_plan(problem, gpu));
    println!("device {ordinal} computes everything");
}

fn compute(ordinal: u32, types: &[DataType], plans: impl Fn(&ConvProblem) -> Plans) {
    let _current = CurrentDevice::set(ordinal).unwrap();
    let context = Context::new(None).on_gpu(gpu_of_device(ordinal).unwrap());
    let rng = &mut Rng::new(5);
    for &dtype in types {
        for direction in [Direction::Fwd, Direction::Bwd, Direction::Wrw] {
            let case = Case::square(direction, 1, 8, 12, 6, 3).with_dtype(dtype);
            let problem = case.problem();
            let inputs = case.inputs(Fill::SmallIntegers, rng);
            let old = case.output(Fill::Garbage, rng);
            for (_, plan) in plans(&problem) {
                let mut got = old.clone();
                run_on_device(&*plan, &context, &problem, &inputs, &mut got, PLAIN);
                check_against_oracle(&case, &inputs, &old, &got, PLAIN);
            }
        }
    }
}

/// Images of x that lie 3.6 GB apart: two fit into what a kernel can address, the third does not, so
/// that the batch is split.
fn compute_far_apart() {
    const IMAGE_ELEMS: usize = 900_000_000;
    let gpu = gpu_of_device(0).unwrap();
    let context = Context::new(None).on_gpu(gpu);
    let rng = &mut Rng::new(6);
    for direction in [Direction::Fwd, Direction::Bwd, Direction::Wrw] {
        let case = Case::square(direction, 3, 4, 6, 5, 3);
        let problem = case.problem();
        let [x, w, y] = [Role::X, Role::W, Role::Y].map(|role| *problem.tensor(role));
        let image_bytes = x.strides()[0] * 4;
        let far = [&[IMAGE_ELEMS], &x.strides()[1..]].concat();
        let far_x = TensorDesc::new(DataType::F32, x.lengths(), &far).unwrap();
        let conv = ConvDesc::new(Mode::Convolution, &[1, 1], &[1, 1], &[1, 1]).unwrap();
        let far_problem = ConvProblem::new(direction, far_x, w, y, &conv).unwrap();

        let inputs = case.inputs(Fill::SmallIntegers, rng);
        let old = case.output(Fill::Garbage, rng);
        let mut got = old.clone();
        let tensors = [&inputs[0], &inputs[1], &old];
        let roles = direction.input_roles();
        let [x_data, w_data, y_data] = [Role::X, Role::W, Role::Y].map(|role| {
            bytes_of(tensors[roles.iter().position(|&input| input == role).unwrap_or(2)])
        });
        let on_device = OnDevice::of_length(far_x.span_elems() * 4);
        for (image, bytes) in x_data.chunks(image_bytes).enumerate() {
            on_device.put(image * IMAGE_ELEMS * 4, bytes);
        }
        let others = [&w_data, &y_data].map(|bytes| OnDevice::from_bytes(bytes));
        for (kernel, plan) in every_plan(&far_problem, gpu) {
            let pointers = [on_device.pointer(), others[0].pointer(), others[1].pointer()];
            execute(&*plan, &context, &far_problem, pointers);
            let result = match direction {
                Direction::Fwd => others[1].to_bytes(y_data.len()),
                Direction::Wrw => others[0].to_bytes(w_data.len()),
                Direction::Bwd => (0..3)
                    .flat_map(|image| on_device.get(image * IMAGE_ELEMS * 4, image_bytes))
                    .collect(),
            };
            set_bytes(&mut got, &result);
            check_against_oracle(&case, &inputs, &old, &got, PLAIN);
            println!("{kernel} reaches beyond 4 GB");
        }
    }
}

/// What the first convolution on a device takes until its kernels are enqueued: choosing, loading and
/// relabelling code. The stand-in decodes code on the first device; a real runtime has no such step.
fn first_launches() {
    let case = Case::square(Direction::Fwd, 1, 64, 64, 8, 3);
    let (problem, rng) = (case.problem(), &mut Rng::new(7));
    let inputs = case.inputs(Fill::SmallIntegers, rng);
    let mut shortest_us = f64::INFINITY;
    for ordinal in 0..device_count().unwrap() {
        let _current = CurrentDevice::set(ordinal).unwrap();
        let [x, w] = inputs.each_ref().map(|tensor| OnDevice::from_bytes(&bytes_of(tensor)));
        let y = OnDevice::of_length(problem.output_tensor().span_bytes());
        let begin = Instant::now();
        let context = Context::new(None).on_gpu(gpu_of_device(ordinal).unwrap());
        let pointers = [x.pointer(), w.pointer(), y.pointer()];
        enqueue(&problem, pointers, |args| {
            MIOpen::engine::run(&problem, Choice::Default, &context, args).unwrap();
        });
        let took_us = begin.elapsed().as_secs_f64() * 1e6;
        println!("device {ordinal}: {took_us:.0} us to the first launch");
        if ordinal > 0 {
            shortest_us = shortest_us.min(took_us);
        }
        StreamRef::from_address(0).synchronize().unwrap();
    }
    assert!(shortest_us < 50e3, "{shortest_us} us");
    println!("shortest: {shortest_us:.0} us");
}

/// Calls `run` with a call's arguments; the caller keeps the memory until the stream was waited for.
fn enqueue(problem: &ConvProblem, pointers: [*mut c_void; 3], run: impl FnOnce(&mut ConvArgs<'_>)) {
    let stream = std::ptr::null_mut();
    // SAFETY: as told above.
    let buffers = unsafe { DeviceBuffers::new(problem, pointers, std::ptr::null_mut(), 0, stream) };
    run(&mut ConvArgs {
        buffers: Buffers::Device(buffers.unwrap()),
        alpha: 1.0,
        beta: 0.0,
        workspace: &mut [],
    });
}

fn execute(plan: &dyn Plan, context: &Context, problem: &ConvProblem, pointers: [*mut c_void; 3]) {
    enqueue(problem, pointers, |args| plan.execute(context, args).unwrap());
    StreamRef::from_address(0).synchronize().unwrap();
}

#[test]
fn the_first_launch_comes_soon() {
    if !has_simhip() {
        return;
    }
    let text = in_child("launch first", &[("SIMHIP_DEVICES", "6")]);
    assert!(text.contains("shortest: "), "{text}");
    println!("{text}");
}

#[test]
fn batches_beyond_4_gb_are_split() {
    if !has_simhip() {
        return;
    }
    // Sparse: simhip's fresh memory takes none of the host's.
    let text = in_child("compute far apart", &[("SIMHIP_MEMORY", "12G")]);
    for kernel in
        ["f32_igemm_64x64_run", "f32_direct_1_mask", "f32_wrw_32x32_folded", "f32_wrw_direct"]
    {
        assert!(text.contains(&format!("{kernel} reaches beyond 4 GB")), "{kernel}: {text}");
    }
}

fn first_error() -> Option<Error> {
    let stream = StreamRef::from_address(0);
    let attempt = || -> Result<(), Error> {
        gpu_of_device(0)?;
        let _memory = DeviceMemory::new(4096)?;
        let (start, stop) = (Event::timing()?, Event::timing()?);
        start.record(stream)?;
        stop.record(stream)?;
        stop.synchronize()?;
        stop.elapsed_us_since(&start)?;
        stream.synchronize()
    };
    attempt().err()
}

#[test]
fn every_gfx10_computes_natively_and_under_the_override() {
    if !has_simhip() {
        return;
    }
    for silicon in ["gfx1010", "gfx1011", "gfx1012", "gfx1030", "gfx1031", "gfx1032"] {
        let text = in_child("compute", &[("SIMHIP_ARCH", silicon)]);
        assert!(text.contains("device 0 computes"), "{silicon}: {text}");
    }
    for silicon in ["gfx1010", "gfx1012"] {
        let settings = [("SIMHIP_ARCH", silicon), ("HSA_OVERRIDE_GFX_VERSION", "10.3.0")];
        let text = in_child("compute everything", &settings);
        assert!(text.contains("device 0 computes everything"), "{silicon}: {text}");
    }
}

#[test]
fn devices_are_told_apart() {
    if !has_simhip() {
        return;
    }
    let settings = [("SIMHIP_ARCH", "gfx1010,gfx1012"), ("SIMHIP_KFD_REVERSED", "1")];
    let text = in_child("compute", &settings);
    assert!(text.contains("device 0 computes") && text.contains("device 1 computes"), "{text}");
}

#[test]
fn other_architectures_are_not_ours() {
    if !has_simhip() {
        return;
    }
    // The override makes the runtime report gfx1030; the silicon counts.
    for silicon in ["gfx906", "gfx1100"] {
        let settings = [("SIMHIP_ARCH", silicon), ("HSA_OVERRIDE_GFX_VERSION", "10.3.0")];
        let text = in_child("describe", &settings);
        assert!(text.contains("NotImplemented") && text.contains(silicon), "{text}");
    }
}

#[test]
fn errors_name_what_hip_said() {
    if !has_simhip() {
        return;
    }
    let text = in_child("exhaust", &[("SIMHIP_MEMORY", "64M")]);
    assert!(text.contains("refused: hipMalloc: hipErrorOutOfMemory (2)"), "{text}");
}

#[test]
fn every_call_may_fail() {
    if !has_simhip() {
        return;
    }
    for function in [
        "hipDeviceGetPCIBusId",
        "hipMalloc",
        "hipEventCreateWithFlags",
        "hipEventRecord",
        "hipEventSynchronize",
        "hipEventElapsedTime",
        "hipStreamSynchronize",
    ] {
        let injection = format!("{function}@1=hipErrorInvalidValue");
        let text = in_child("fail", &[("SIMHIP_FAIL", &injection)]);
        assert!(text.contains(&format!("reported: {function}: hipErrorInvalidValue")), "{text}");
    }
}
