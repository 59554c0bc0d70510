//! One input channel a group.

use MIOpen::problem::DataType;

use super::support::Rng;
use super::support::case::{Arrangement, Case, PLAIN, RunOptions};
use super::{DIRECTIONS, check};

/// One or two channels a group, more and fewer than a vector has lanes, filters of several sizes,
/// lines shorter and longer than vectors; a stride beyond the filter leaves phases of backward-data
/// without any tap.
#[test]
fn all_families() {
    let rng = &mut Rng::new(12);
    for direction in DIRECTIONS {
        for (size, filter, stride, dilation) in [
            (7, 3, 1, 1),
            (15, 3, 2, 1),
            (16, 5, 1, 1),
            (33, 7, 2, 1),
            (20, 4, 3, 2),
            (9, 1, 2, 1),
            (70, 3, 1, 3),
        ] {
            for per_group in [1, 2] {
                let groups = if size > 20 { rng.pick(&[1, 6, 9]) } else { rng.pick(&[3, 8, 19]) };
                let k = groups * per_group;
                let mut case = Case::square(direction, 2, groups, k, size, filter);
                case.groups = groups;
                case.strides = vec![stride; 2];
                case.dilations = vec![dilation; 2];
                case.pads = vec![filter as i32 / 2 * dilation; 2];
                case.dtype = rng.pick(&[DataType::F32, DataType::F16, DataType::BF16]);
                case.y_dtype = case.dtype;
                case.fit_out();
                check(&case, rng, PLAIN);
            }
        }
        // Images, and depths, that are cut into several boxes.
        for input in [vec![2, 4200], vec![18, 17, 16]] {
            let mut case = Case::square(direction, 1, 2, 4, 8, 3);
            case.groups = 2;
            case.input = input;
            case.filter = vec![3; case.input.len()];
            case.strides = vec![1; case.input.len()];
            case.pads = vec![1; case.input.len()];
            case.dilations = vec![1; case.input.len()];
            case.fit_out();
            check(&case, rng, PLAIN);
        }
    }
}

/// Planes round the lengths of vectors, of few and many lines, with pads that exceed the filter, and
/// filters that are not square; gaps behind lines and planes.
#[test]
fn planes() {
    let rng = &mut Rng::new(21);
    for direction in DIRECTIONS {
        for (height, width) in [
            (1, 1),
            (7, 7),
            (3, 8),
            (6, 15),
            (9, 16),
            (8, 17),
            (5, 31),
            (12, 32),
            (11, 33),
            (5, 70),
        ] {
            for (y, x) in [(3, 3), (5, 5), (7, 7), (3, 1), (7, 6)] {
                for stride in [1, 2] {
                    let c = rng.between(1, 5);
                    let per_group = if c <= 2 { 1 } else { rng.pick(&[1, 2]) };
                    let mut case = Case::square(direction, 2, c, c * per_group, 8, 3);
                    case.groups = c;
                    case.input = vec![height, width];
                    case.filter = vec![y, x];
                    case.strides = vec![stride; 2];
                    case.pads = [y, x].map(|len| rng.between(0, len) as i32).to_vec();
                    if rng.between(0, 3) == 0 {
                        case.dilations = vec![1, 2];
                    }
                    case.dtype =
                        rng.pick(&[DataType::F32, DataType::F32, DataType::F16, DataType::BF16]);
                    case.y_dtype = case.dtype;
                    // With gaps the stride of images divides by two groups at most.
                    if c <= 2 {
                        case.arrangements = [0; 3]
                            .map(|_| rng.pick(&[Arrangement::ChannelsFirst, Arrangement::Gapped]));
                    }
                    case.fit_out();
                    let options = RunOptions { threads: rng.between(1, 3), ..PLAIN };
                    check(&case, rng, options);
                }
            }
        }
        // Lines so long that a band of another type is cut, and images that are cut into parts.
        for (images, height, width, dtype) in [
            (1, 9, 20_011, DataType::BF16),
            (1, 10, 20_000, DataType::F16),
            (9, 70, 80, DataType::F32),
        ] {
            let mut case = Case::square(direction, images, 1, 1, 8, 3).with_dtype(dtype);
            case.input = vec![height, width];
            case.strides = vec![rng.pick(&[1, 2]); 2];
            case.fit_out();
            check(&case, rng, PLAIN);
        }
    }
}
