//! Winograd's algorithm: its tiles, and the blocks that it cuts reductions into.

use MIOpen::engine::solvers;
use MIOpen::problem::{DataType, Direction};

use super::support::Rng;
use super::support::case::{Arrangement, Case, PLAIN, RunOptions, threads};
use super::support::tensor::Fill;
use super::{assert_same_bits, check, output_of};

/// Images round the lengths of tiles; dilations that leave phases of unequal length, or of one pixel.
#[test]
fn forms_of_winograd() {
    let rng = &mut Rng::new(14);
    for direction in [Direction::Fwd, Direction::Bwd] {
        for filter in [3, 5] {
            for dilations in [[1, 1], [2, 3], [6, 1], [1, 2], [5, 9]] {
                for size in [1, 4, 7, 13] {
                    let n = rng.between(1, 3);
                    let (c, k) = (rng.between(1, 4), rng.between(1, 9));
                    let mut case = Case::square(direction, n, 2 * c, 2 * k, size, filter);
                    case.input[1] += rng.between(0, 4);
                    case.groups = rng.between(1, 2);
                    case.pads = dilations.map(|dilation| filter as i32 / 2 * dilation).to_vec();
                    if rng.between(0, 3) == 0 {
                        case.pads = vec![rng.between(0, filter) as i32; 2];
                    }
                    case.dilations = dilations.to_vec();
                    case.dtype = rng.pick(&[DataType::F32, DataType::F32, DataType::BF16]);
                    case.y_dtype = case.dtype;
                    let arrangement = [Arrangement::ChannelsFirst, Arrangement::ChannelsLast];
                    case.arrangements = [rng.pick(&arrangement); 3];
                    case.fit_out();
                    let options = RunOptions { threads: rng.between(1, 3), ..PLAIN };
                    check(&case, rng, options);
                }
            }
        }
    }
}

/// Filters that are cut into sub-filters: of a stride, of different ones in h and w, of more taps than one has,
/// not square; with dilation. Backward-data of a stride, in phases.
#[test]
fn subfilters() {
    let rng = &mut Rng::new(23);
    for direction in [Direction::Fwd, Direction::Bwd, Direction::Wrw] {
        for (filter, strides) in [
            ([7, 7], [2, 2]),
            ([11, 11], [4, 4]),
            ([5, 5], [2, 2]),
            ([6, 6], [2, 2]),
            ([4, 4], [2, 2]),
            ([3, 3], [2, 2]),
            ([2, 2], [1, 1]),
            ([4, 4], [1, 1]),
            ([7, 7], [1, 1]),
            ([9, 9], [1, 1]),
            ([7, 10], [2, 3]),
            ([8, 4], [2, 1]),
            ([5, 3], [1, 1]),
            ([11, 13], [1, 1]),
        ] {
            for size in [3, 17] {
                let n = rng.between(1, 3);
                let (c, k) = (rng.between(1, 5), rng.between(1, 9));
                let mut case = Case::square(direction, n, 2 * c, 2 * k, size, 3);
                case.input[1] += rng.between(0, 9);
                case.groups = rng.between(1, 2);
                case.filter = filter.to_vec();
                case.strides = strides.to_vec();
                case.pads = filter.map(|len: usize| (len / 2 - rng.between(0, 1)) as i32).to_vec();
                if strides == [1, 1] {
                    case.dilations = vec![rng.between(1, 2) as i32, rng.between(1, 3) as i32];
                }
                for (dim, len) in case.input.iter_mut().enumerate() {
                    let reach = (filter[dim] - 1) * case.dilations[dim] as usize + 1;
                    let room = *len + 2 * case.pads[dim] as usize;
                    *len += reach.saturating_sub(room);
                }
                case.dtype = rng.pick(&[DataType::F32, DataType::F32, DataType::BF16]);
                case.y_dtype = case.dtype;
                let arrangement = [Arrangement::ChannelsFirst, Arrangement::ChannelsLast];
                case.arrangements = [0; 3].map(|_| rng.pick(&arrangement));
                case.fit_out();
                let options = RunOptions { threads: rng.between(1, 3), ..PLAIN };
                check(&case, rng, options);
            }
        }
        // Blocks of channels begin and end inside sub-filters.
        let (c, k) = if direction == Direction::Bwd { (11, 40) } else { (40, 11) };
        let mut case = Case::square(direction, 1, c, k, 9, 7);
        case.pads = vec![3; 2];
        case.fit_out();
        check(&case, rng, PLAIN);
        check_threads_of_winograd(&case, rng);
    }
}

/// Stride 2: paddings of either parity, in h and w, which decide what the first result of backward-data
/// meets; images round the lengths of tiles, which are 8 there and 4 forward; y longer or shorter than
/// the formula has it; reductions of several blocks.
#[test]
fn stride_2_of_winograd() {
    let rng = &mut Rng::new(19);
    for direction in [Direction::Fwd, Direction::Bwd] {
        for size in [1, 2, 7, 8, 9, 16, 17, 25] {
            for pads in [[0, 0], [1, 1], [0, 1], [1, 2], [2, 3], [3, 0]] {
                let n = rng.between(1, 3);
                let (c, k) = (rng.between(1, 5), rng.between(1, 9));
                let mut case = Case::square(direction, n, 2 * c, 2 * k, size, 3);
                case.input[1] += rng.between(0, 9);
                case.groups = rng.between(1, 2);
                case.pads = pads.to_vec();
                case.strides = vec![2; 2];
                case.dtype =
                    rng.pick(&[DataType::F32, DataType::F32, DataType::F16, DataType::BF16]);
                case.y_dtype = case.dtype;
                let arrangement = [Arrangement::ChannelsFirst, Arrangement::ChannelsLast];
                case.arrangements = [0; 3].map(|_| rng.pick(&arrangement));
                case.fit_out();
                if rng.between(0, 3) == 0 {
                    for len in &mut case.out {
                        *len = (*len + rng.between(0, 4)).saturating_sub(2).max(1);
                    }
                }
                let options = RunOptions { threads: rng.between(1, 3), ..PLAIN };
                check(&case, rng, options);
            }
        }
        for (n, channels, rows, size) in [(1, 150, 31, 12), (9, 50, 20, 7), (2, 20, 30, 37)] {
            let (c, k) =
                if direction == Direction::Fwd { (channels, rows) } else { (rows, channels) };
            let mut case = Case::square(direction, n, c, k, size, 3);
            case.strides = vec![2; 2];
            case.fit_out();
            check(&case, rng, PLAIN);
            check_threads_of_winograd(&case, rng);
        }
    }
}

/// The same bits with one thread and with five.
fn check_threads_of_winograd(case: &Case, rng: &mut Rng) {
    let inputs = case.inputs(Fill::Reals, rng);
    let old = case.output(Fill::Garbage, rng);
    for solver in solvers().iter().filter(|solver| solver.name().contains("winograd")) {
        if solver.applicable(&case.problem(), &threads(1)).is_err() {
            continue;
        }
        let run = |threads| output_of(*solver, case, &inputs, &old, threads);
        assert_same_bits(&run(1), &run(5), &format!("{} {case:?}", solver.name()));
    }
}

/// Reductions of several blocks of channels, rows of several pieces, some of them cut short, whatever the
/// number of threads.
#[test]
fn blocks_of_winograd() {
    let rng = &mut Rng::new(15);
    for (direction, c, k) in [(Direction::Fwd, 150, 31), (Direction::Bwd, 31, 150)] {
        // Of 150 channels and 6 tiles an L2 cache of 2 MiB has no room for all.
        let mut case = Case::square(direction, 1, c, k, 12, 3);
        case.input[0] = 8;
        case.fit_out();
        check(&case, rng, PLAIN);
        check_threads_of_winograd(&case, rng);
        // Many images of one tile, in one box and in several.
        for n in [1, 30, 200] {
            check(&Case::square(direction, n, 9, 7, 4, 3), rng, PLAIN);
        }
    }
}
