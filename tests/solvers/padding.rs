//! Filters much of which meets padding.

use super::support::Rng;
use super::support::case::{Case, PLAIN};
use super::{DIRECTIONS, check};

/// Taps so far apart that most of them meet padding: outputs are cut by the taps they meet.
#[test]
fn taps_that_mostly_meet_padding() {
    let rng = &mut Rng::new(19);
    for direction in DIRECTIONS {
        for (size, dilation, groups) in [(21, 11, 1), (13, 12, 2), (9, 8, 1)] {
            let mut case = Case::square(direction, 2, 24, 36, size, 3);
            case.groups = groups;
            case.pads = vec![dilation, dilation - 1];
            case.dilations = vec![dilation; 2];
            case.fit_out();
            check(&case, rng, PLAIN);
        }
    }
}

/// Filters larger than the image, all padding, dilation out of the image.
#[test]
fn filters_beyond_the_image() {
    let rng = &mut Rng::new(8);
    for direction in DIRECTIONS {
        for (size, filter, pad, dilation) in
            [(2, 5, 2, 1), (3, 3, 5, 4), (1, 1, 2, 1), (2, 3, 0, 9)]
        {
            let mut case = Case::square(direction, 2, 3, 4, size, filter);
            case.pads = vec![pad; 2];
            case.dilations = vec![dilation; 2];
            case.fit_out();
            check(&case, rng, PLAIN);
        }
    }
}
