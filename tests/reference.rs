//! The oracle itself: worked by hand, and by identities that tie the directions together.

mod support;

use MIOpen::memory::{HostBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, TensorDesc};
use MIOpen::reference::convolve;
use half::{bf16, f16};
use support::Rng;
use support::case::{Case, oracle, random};
use support::tensor::{Fill, TestTensor};

/// A 1-D problem without groups: batch 1, one channel each.
fn line(
    direction: Direction,
    [x, w, y]: [usize; 3],
    [pad, stride, dilation]: [i32; 3],
) -> ConvProblem {
    let desc = |len| TensorDesc::packed(DataType::F32, &[1, 1, len]).unwrap();
    let conv = ConvDesc::new(Mode::Convolution, &[pad], &[stride], &[dilation]).unwrap();
    ConvProblem::new(direction, desc(x), desc(w), desc(y), &conv).unwrap()
}

fn run(problem: &ConvProblem, a: &[f32], b: &[f32], out: &mut [f32], alpha: f64, beta: f64) {
    let mut buffers = HostBuffers {
        inputs: [InputBuffer::F32(a), InputBuffer::F32(b)],
        output: OutputBuffer::F32(out),
    };
    convolve(problem, &mut buffers, alpha, beta).unwrap();
}

#[test]
fn forward_by_hand() {
    let problem = line(Direction::Fwd, [5, 3, 5], [1, 1, 1]);
    let mut y = [f32::NAN; 5];
    run(&problem, &[1., 2., 3., 4., 5.], &[10., 1., -1.], &mut y, 1.0, 0.0);
    // y[o] = 10 x[o-1] + x[o] - x[o+1]
    assert_eq!(y, [-1., 9., 19., 29., 45.]);

    // Stride 2, dilation 2: y[o] = 10 x[2o-1] + x[2o+1] - x[2o+3]
    let problem = line(Direction::Fwd, [5, 3, 2], [1, 2, 2]);
    let mut y = [f32::NAN; 2];
    run(&problem, &[1., 2., 3., 4., 5.], &[10., 1., -1.], &mut y, 1.0, 0.0);
    assert_eq!(y, [2. - 4., 20. + 4.]);
}

#[test]
fn backward_data_by_hand() {
    let problem = line(Direction::Bwd, [5, 3, 2], [1, 2, 2]);
    let mut dx = [f32::NAN; 5];
    run(&problem, &[7., 100.], &[10., 1., -1.], &mut dx, 1.0, 0.0);
    // dy[0] reaches x[-1], x[1], x[3]; dy[1] reaches x[1], x[3], x[5].
    assert_eq!(dx, [0., 7. + 1000., 0., -7. + 100., 0.]);
}

#[test]
fn backward_weights_by_hand() {
    let problem = line(Direction::Wrw, [5, 3, 2], [1, 2, 2]);
    let mut dw = [f32::NAN; 3];
    run(&problem, &[1., 2., 3., 4., 5.], &[7., 100.], &mut dw, 1.0, 0.0);
    // dw[t] = sum over o of dy[o] x[2o - 1 + 2t]
    assert_eq!(dw, [200., 14. + 400., 28.]);
}

#[test]
fn scalars_scale_and_blend() {
    let problem = line(Direction::Fwd, [3, 1, 3], [0, 1, 1]);
    let mut y = [8., 4., f32::INFINITY];
    run(&problem, &[1., 2., 3.], &[10.], &mut y, 0.5, -2.0);
    assert_eq!(y, [-11., 2., f32::NEG_INFINITY]);
    run(&problem, &[1., 2., 3.], &[10.], &mut y, 2.0, 0.0);
    assert_eq!(y, [20., 40., 60.]);
}

#[test]
fn lengths_of_y_are_taken_as_given() {
    // More outputs than x has room for: their taps meet nothing.
    let problem = line(Direction::Fwd, [2, 1, 4], [0, 1, 1]);
    let mut y = [f32::NAN; 4];
    run(&problem, &[1., 2.], &[3.], &mut y, 1.0, 0.0);
    assert_eq!(y, [3., 6., 0., 0.]);
    // Fewer: dx gets what there is.
    let problem = line(Direction::Bwd, [4, 1, 2], [0, 1, 1]);
    let mut dx = [f32::NAN; 4];
    run(&problem, &[1., 2.], &[3.], &mut dx, 1.0, 0.0);
    assert_eq!(dx, [3., 6., 0., 0.]);
}

#[test]
fn padding_adds_nothing_even_to_infinity() {
    let problem = line(Direction::Fwd, [2, 3, 2], [1, 1, 1]);
    let mut y = [0.; 2];
    run(&problem, &[1., 2.], &[f32::INFINITY, 1., f32::NAN], &mut y, 1.0, 0.0);
    assert!(y[0].is_nan());
    assert_eq!(y[1], f32::INFINITY);
}

#[test]
fn sixteen_bit_results_are_rounded_once() {
    let desc = |dtype, c, len| TensorDesc::packed(dtype, &[1, c, len]).unwrap();
    let conv = ConvDesc::new(Mode::Convolution, &[0], &[1], &[1]).unwrap();
    let problem = |dtype| {
        let (x, w, y) = (desc(dtype, 3, 1), desc(dtype, 3, 1), desc(dtype, 1, 1));
        ConvProblem::new(Direction::Fwd, x, w, y, &conv).unwrap()
    };
    // 2048 + 1 + 1 = 2050: adding the ones singly in f16 would leave 2048.
    let half = |values: [f32; 3]| values.map(f16::from_f32);
    let mut y = [f16::NAN];
    let (x, w) = (half([2048., 1., 1.]), half([1.; 3]));
    let mut buffers = HostBuffers {
        inputs: [InputBuffer::F16(&x), InputBuffer::F16(&w)],
        output: OutputBuffer::F16(&mut y),
    };
    convolve(&problem(DataType::F16), &mut buffers, 1.0, 0.0).unwrap();
    assert_eq!(y[0].to_f32(), 2050.);

    let brain = |values: [f32; 3]| values.map(bf16::from_f32);
    let mut y = [bf16::NAN];
    let (x, w) = (brain([256., 1., 1.]), brain([1.; 3]));
    let mut buffers = HostBuffers {
        inputs: [InputBuffer::BF16(&x), InputBuffer::BF16(&w)],
        output: OutputBuffer::BF16(&mut y),
    };
    convolve(&problem(DataType::BF16), &mut buffers, 1.0, 0.0).unwrap();
    assert_eq!(y[0].to_f32(), 258.);
}

#[test]
fn int8_sums_wrap_and_narrow() {
    let c = 3;
    let desc = |dtype, channels| TensorDesc::packed(dtype, &[1, channels, 1]).unwrap();
    let conv = ConvDesc::new(Mode::Convolution, &[0], &[1], &[1]).unwrap();
    let problem = |y_dtype| {
        let (x, w) = (desc(DataType::I8, c), desc(DataType::I8, c));
        ConvProblem::new(Direction::Fwd, x, w, desc(y_dtype, 1), &conv).unwrap()
    };
    let inputs = [InputBuffer::I8(&[-128, 100, 3]), InputBuffer::I8(&[-128, 1, 1])];
    let sum = 16384 + 103;
    let mut y = [0i32];
    let output = OutputBuffer::I32(&mut y);
    convolve(&problem(DataType::I32), &mut HostBuffers { inputs, output }, 1.0, 0.0).unwrap();
    assert_eq!(y[0], sum);
    let mut y = [0i8];
    let output = OutputBuffer::I8(&mut y);
    convolve(&problem(DataType::I8), &mut HostBuffers { inputs, output }, 1.0, 0.0).unwrap();
    assert_eq!(y[0], sum as i8);
    let mut y = [1f32];
    let output = OutputBuffer::F32(&mut y);
    convolve(&problem(DataType::F32), &mut HostBuffers { inputs, output }, 0.5, 2.0).unwrap();
    assert_eq!(y[0], sum as f32 * 0.5 + 2.0);
    let mut y = [0i32];
    let output = OutputBuffer::I32(&mut y);
    let scaled = convolve(&problem(DataType::I32), &mut HostBuffers { inputs, output }, 2.0, 0.0);
    assert!(scaled.is_err());
}

/// The three directions are one trilinear form: `<y(x, w), v> = <x, dx(v, w)> = <w, dw(x, v)>`.
/// With small integers all three come out exact. Groups, dilations, gaps, any lengths of y.
#[test]
fn directions_are_adjoint() {
    for seed in 0..200 {
        let rng = &mut Rng::new(seed);
        let mut case = random(rng).with_dtype(DataType::F32);
        let mut tensors = Vec::new();
        case.direction = Direction::Fwd;
        let forward = case.problem();
        tensors.extend(case.inputs(Fill::SmallIntegers, rng));
        tensors.push(TestTensor::new(*forward.output_tensor(), Fill::SmallIntegers, rng));
        let [x, w, v] = <[TestTensor; 3]>::try_from(tensors).unwrap();

        let form = |direction: Direction, a: &TestTensor, b: &TestTensor, third: &TestTensor| {
            let problem = Case { direction, ..case.clone() }.problem();
            let mut out =
                TestTensor::new(*problem.output_tensor(), Fill::Garbage, &mut Rng::new(0));
            oracle(&problem, &[a.clone(), b.clone()], &mut out, 1.0, 0.0);
            out.values().iter().zip(third.values()).map(|(a, b)| a * b).sum::<f64>()
        };
        let want = form(Direction::Fwd, &x, &w, &v);
        assert_eq!(form(Direction::Bwd, &v, &w, &x), want, "{case:?}");
        assert_eq!(form(Direction::Wrw, &x, &v, &w), want, "{case:?}");
    }
}

#[test]
fn buffers_that_do_not_fit_are_refused() {
    let problem = line(Direction::Fwd, [5, 3, 5], [1, 1, 1]);
    let (x, w) = ([0f32; 5], [0f32; 3]);
    let mut y = [0f32; 5];
    let mut attempt = |x: &[f32], w: &[f32], len: usize| {
        let mut buffers = HostBuffers {
            inputs: [InputBuffer::F32(x), InputBuffer::F32(w)],
            output: OutputBuffer::F32(&mut y[..len]),
        };
        convolve(&problem, &mut buffers, 1.0, 0.0)
    };
    assert!(attempt(&x, &w, 5).is_ok());
    assert!(attempt(&x[1..], &w, 5).is_err());
    assert!(attempt(&x, &w[1..], 5).is_err());
    assert!(attempt(&x, &w, 4).is_err());
    let mut wrong = [0i32; 5];
    let mut buffers = HostBuffers {
        inputs: [InputBuffer::F32(&x), InputBuffer::F32(&w)],
        output: OutputBuffer::I32(&mut wrong),
    };
    assert!(convolve(&problem, &mut buffers, 1.0, 0.0).is_err());
}
