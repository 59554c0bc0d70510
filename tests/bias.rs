//! Bias: added to y, and summed out of dy.

mod support;

use MIOpen::cpu::{add_bias, sum_bias_gradient};
use MIOpen::error::Status;
use MIOpen::problem::{DataType, TensorDesc};
use support::Rng;
use support::case::{ARRANGEMENTS, threads};
use support::tensor::{Fill, TestTensor};

fn tensor(dtype: DataType, lengths: &[usize], rng: &mut Rng) -> TestTensor {
    TestTensor::new(TensorDesc::packed(dtype, lengths).unwrap(), Fill::SmallIntegers, rng)
}

#[test]
fn bias_is_added_per_channel() {
    let rng = &mut Rng::new(1);
    for dtype in [DataType::F32, DataType::F16] {
        for arrangement in ARRANGEMENTS {
            for lengths in [vec![2, 5, 7], vec![2, 40, 30, 31], vec![3, 4, 2, 3, 5]] {
                let desc = arrangement.desc(dtype, &lengths);
                let mut bias_lengths = vec![1; lengths.len()];
                bias_lengths[1] = lengths[1];
                let bias = tensor(dtype, &bias_lengths, rng);
                let pixels: usize = lengths[2..].iter().product();
                for (alpha, beta) in [(1.0, 0.0), (2.0, 0.0), (1.0, 1.0), (0.5, -3.0)] {
                    let mut y = TestTensor::new(desc, Fill::SmallIntegers, rng);
                    let old = y.values();
                    add_bias(
                        &threads(2),
                        (&desc, y.output()),
                        (&bias.desc, bias.input()),
                        alpha,
                        beta,
                    )
                    .unwrap();
                    y.check_canaries();
                    let b = bias.values();
                    let want: Vec<f64> = old
                        .iter()
                        .enumerate()
                        .map(|(i, old)| alpha * (old + b[i / pixels % lengths[1]]) + beta * old)
                        .collect();
                    assert_eq!(y.values(), want, "{arrangement:?} {lengths:?}");
                }
            }
        }
    }
}

#[test]
fn bias_broadcasts_like_any_tensor_operation() {
    let rng = &mut Rng::new(2);
    let mut y = tensor(DataType::F32, &[2, 3, 4, 5], rng);
    let bias = tensor(DataType::F32, &[2, 1, 4, 1], rng);
    let (old, b) = (y.values(), bias.values());
    let desc = y.desc;
    add_bias(&threads(1), (&desc, y.output()), (&bias.desc, bias.input()), 1.0, 0.0).unwrap();
    let want: Vec<f64> =
        old.iter().enumerate().map(|(i, old)| old + b[i / 60 * 4 + i / 5 % 4]).collect();
    assert_eq!(y.values(), want);
}

#[test]
fn gradients_are_summed_per_channel() {
    let rng = &mut Rng::new(3);
    for dtype in [DataType::F32, DataType::F16] {
        for arrangement in ARRANGEMENTS {
            let lengths = [3, 21, 40, 17];
            let dy = TestTensor::new(arrangement.desc(dtype, &lengths), Fill::SmallIntegers, rng);
            let desc = TensorDesc::packed(dtype, &[1, 21, 1, 1]).unwrap();
            let mut db = TestTensor::new(desc, Fill::Garbage, rng);
            sum_bias_gradient(&threads(2), (&dy.desc, dy.input()), (&desc, db.output()), 1.0, 0.0)
                .unwrap();
            db.check_canaries();
            let mut want = [0.0; 21];
            for (i, value) in dy.values().iter().enumerate() {
                want[i / (40 * 17) % 21] += value;
            }
            assert_eq!(db.values(), want);
        }
    }
}

#[test]
fn statuses_are_the_real_librarys() {
    let rng = &mut Rng::new(4);
    let context = threads(1);
    let add = |y: &TestTensor, b: &TestTensor| {
        let (desc, mut y) = (y.desc, y.clone());
        let result = add_bias(&context, (&desc, y.output()), (&b.desc, b.input()), 1.0, 0.0);
        result.map_or_else(|error| error.status, |()| Status::Success)
    };
    let sum = |dy: &TestTensor, db: &TestTensor, alpha: f64, beta: f64| {
        let (desc, mut db) = (db.desc, db.clone());
        let result =
            sum_bias_gradient(&context, (&dy.desc, dy.input()), (&desc, db.output()), alpha, beta);
        result.map_or_else(|error| error.status, |()| Status::Success)
    };
    let mut of = |dtype, lengths: &[usize]| tensor(dtype, lengths, rng);
    let (y, b) = (of(DataType::F32, &[2, 3, 4, 4]), of(DataType::F32, &[1, 3, 1, 1]));
    let (y16, b16) = (of(DataType::BF16, &[2, 3, 4, 4]), of(DataType::BF16, &[1, 3, 1, 1]));
    let wide = of(DataType::F32, &[1, 4, 1, 1]);
    let deep = of(DataType::F32, &[1, 3, 1, 1, 1]);
    let half = of(DataType::F16, &[1, 3, 1, 1]);
    assert_eq!(add(&y, &b), Status::Success);
    assert_eq!(add(&y16, &b16), Status::NotImplemented);
    assert_eq!(add(&y, &b16), Status::NotImplemented);
    assert_eq!(add(&y, &wide), Status::UnknownError);
    assert_eq!(add(&y, &deep), Status::UnknownError);
    assert_eq!(add(&y, &half), Status::UnknownError);
    assert_eq!(sum(&y, &b, 1.0, 0.0), Status::Success);
    assert_eq!(sum(&y16, &b16, 1.0, 0.0), Status::NotImplemented);
    assert_eq!(sum(&y, &wide, 1.0, 0.0), Status::BadParm);
    assert_eq!(sum(&y, &half, 1.0, 0.0), Status::UnknownError);
    assert_eq!(sum(&y, &b, 2.0, 0.0), Status::UnknownError);
    assert_eq!(sum(&y, &b, 1.0, 1.0), Status::UnknownError);
}
