//! From pointers to buffers, and views that threads share.

mod support;

use std::ffi::c_void;

use MIOpen::error::Status;
use MIOpen::memory::{
    InputBuffer, OutputBuffer, TensorMut, host_arguments, input_and_output, merge_dims,
};
use MIOpen::problem::{ConvProblem, DataType, Direction, TensorDesc};
use MIOpen::solver::{WorkspaceKey, WorkspaceLayout};
use support::case::Case;

/// Status of taking the arguments of a small forward problem from these pointers.
fn status_of(
    problem: &ConvProblem,
    pointers: [*mut c_void; 3],
    workspace: (*mut c_void, usize),
) -> Status {
    let [x, w, y] = pointers;
    // SAFETY: the tests pass pointers into live memory of sufficient size, or
    // ones that are refused unread.
    let result = unsafe { host_arguments(problem, x, w, y, workspace.0, workspace.1) };
    result.map_or_else(|error| error.status, |_| Status::Success)
}

#[test]
fn pointers_are_checked() {
    let problem = Case::square(Direction::Fwd, 1, 2, 3, 4, 3).problem();
    let mut memory = vec![0f32; 1000];
    let base = memory.as_mut_ptr();
    let at = |index: usize| -> *mut c_void { base.wrapping_add(index).cast() };
    let null = std::ptr::null_mut();
    let none = (null, 0);
    // x has 32 elements, w 54, y 48.
    let good = [at(0), at(32), at(86)];
    assert_eq!(status_of(&problem, good, none), Status::Success);
    assert_eq!(status_of(&problem, good, (at(134), 100)), Status::Success);
    // A null workspace counts as none, whatever its size.
    assert_eq!(status_of(&problem, good, (null, 100)), Status::Success);
    for hole in 0..3 {
        let mut pointers = good;
        pointers[hole] = null;
        assert_eq!(status_of(&problem, pointers, none), Status::BadParm);
        pointers[hole] = good[hole].wrapping_byte_add(600 + 2);
        assert_eq!(status_of(&problem, pointers, none), Status::BadParm);
    }
    // Overlaps with the output, by one element; inputs may overlap each other.
    assert_eq!(status_of(&problem, [at(0), at(32), at(85)], none), Status::BadParm);
    assert_eq!(status_of(&problem, [at(133), at(200), at(86)], none), Status::BadParm);
    assert_eq!(status_of(&problem, [at(0), at(0), at(86)], none), Status::Success);
    // Overlaps with the workspace.
    assert_eq!(status_of(&problem, good, (at(133), 8)), Status::BadParm);
    assert_eq!(status_of(&problem, good, (at(0), 4)), Status::BadParm);
    assert_eq!(status_of(&problem, good, (at(134), usize::MAX)), Status::BadParm);
}

#[test]
fn roles_follow_the_direction() {
    let mut memory = vec![0f32; 1000];
    let base = memory.as_mut_ptr();
    let at = |index: usize| -> *mut c_void { base.wrapping_add(index).cast() };
    for (direction, lengths) in [
        (Direction::Fwd, [32, 54, 48]),
        (Direction::Bwd, [48, 54, 32]),
        (Direction::Wrw, [32, 48, 54]),
    ] {
        let problem = Case::square(direction, 1, 2, 3, 4, 3).problem();
        // SAFETY: three disjoint parts of live memory.
        let arguments =
            unsafe { host_arguments(&problem, at(0), at(100), at(200), std::ptr::null_mut(), 0) };
        let (buffers, workspace) = arguments.unwrap();
        assert!(workspace.is_empty());
        buffers.check(&problem).unwrap();
        let got = [
            buffers.inputs[0].len_elems(),
            buffers.inputs[1].len_elems(),
            buffers.output.len_elems(),
        ];
        assert_eq!(got, lengths);
    }
}

#[test]
fn types_without_convolution_are_refused() {
    let case = Case::square(Direction::Fwd, 1, 2, 3, 4, 3).with_dtype(DataType::F64);
    let mut memory = vec![0f64; 1000];
    let base = memory.as_mut_ptr();
    let at = |index: usize| -> *mut c_void { base.wrapping_add(index).cast() };
    let status = status_of(&case.problem(), [at(0), at(100), at(200)], (std::ptr::null_mut(), 0));
    assert_eq!(status, Status::NotImplemented);
}

#[test]
fn one_input_and_one_output() {
    let desc = TensorDesc::packed(DataType::F32, &[1, 3, 2, 2]).unwrap();
    let mut memory = vec![0f32; 30];
    let base = memory.as_mut_ptr();
    // SAFETY: two parts of live memory; the overlapping pair is refused unread.
    unsafe {
        let pair = input_and_output((base.cast(), &desc), (base.add(12).cast(), &desc)).unwrap();
        assert!(matches!(pair, (InputBuffer::F32(a), OutputBuffer::F32(b)) if a.len() == b.len()));
        let overlapping = input_and_output((base.cast(), &desc), (base.add(11).cast(), &desc));
        assert_eq!(overlapping.unwrap_err().status, Status::BadParm);
        let null = input_and_output((std::ptr::null(), &desc), (base.cast(), &desc));
        assert_eq!(null.unwrap_err().status, Status::BadParm);
    }
}

fn view<'a>(data: &'a mut [i32], lengths: &[usize; 5], strides: &[usize; 5]) -> TensorMut<'a, i32> {
    let desc = TensorDesc::new(DataType::I32, lengths, strides).unwrap();
    TensorMut::new(data, &desc.to_tensor5().unwrap()).unwrap()
}

/// Writes `mark` to every element of a view.
fn mark(mut view: TensorMut<'_, i32>, mark: i32) {
    let [n, c, d, h, _] = view.lengths();
    for n in 0..n {
        for c in 0..c {
            for d in 0..d {
                for h in 0..h {
                    view.lane(4, [n, c, d, h, 0]).update(|_, old| old + mark);
                }
            }
        }
    }
}

#[test]
fn pieces_of_views_are_disjoint_and_complete() {
    let (lengths, strides) = ([2, 3, 2, 4, 5], [130, 1, 64, 15, 3]);
    for dim in 0..5 {
        let mut data = vec![0; 300];
        for (index, piece) in
            view(&mut data, &lengths, &strides).split_every(dim, 2).into_iter().enumerate()
        {
            assert_eq!(piece.lengths()[dim], 2.min(lengths[dim] - 2 * index));
            mark(piece, 1);
        }
        assert_eq!(data.iter().sum::<i32>(), 240);
        assert!(data.iter().all(|&v| v <= 1));

        let mut data = vec![0; 300];
        let phases = view(&mut data, &lengths, &strides).split_phases(dim, 3);
        assert_eq!(phases.len(), 3.min(lengths[dim]));
        for (phase, piece) in phases.into_iter().enumerate() {
            assert_eq!(piece.lengths()[dim], (lengths[dim] - phase).div_ceil(3));
            mark(piece, 1 + phase as i32);
        }
        for index in 0..lengths[dim] {
            assert_eq!(data[index * strides[dim]], 1 + index as i32 % 3);
        }
        assert_eq!(data.iter().filter(|&&v| v != 0).count(), 240);
    }
}

#[test]
fn views_refuse_what_they_cannot_guard() {
    let make = |len: usize, lengths: &[usize; 5], strides: &[usize; 5]| {
        let desc = TensorDesc::new(DataType::I32, lengths, strides).unwrap();
        let mut data = vec![0i32; len];
        TensorMut::new(&mut data, &desc.to_tensor5().unwrap()).map(drop)
    };
    assert!(make(24, &[1, 2, 3, 4, 1], &[1, 12, 4, 1, 1]).is_ok());
    assert!(make(23, &[1, 2, 3, 4, 1], &[1, 12, 4, 1, 1]).is_err());
    assert!(make(99, &[1, 2, 3, 4, 1], &[1, 12, 3, 1, 1]).is_err());
    // A stride that is never used may be any number.
    assert!(make(24, &[1, 2, 3, 4, 1], &[usize::MAX, 12, 4, 1, 9]).is_ok());
}

#[test]
fn views_become_matrices_where_strides_allow() {
    let mut data: Vec<i32> = vec![0; 24];
    let mut tensor = view(&mut data, &[1, 2, 3, 4, 1], &[24, 12, 4, 1, 1]);
    let mut matrix = tensor.as_matrix(1).unwrap();
    assert_eq!((matrix.shape(), matrix.strides()), ((2, 12), (12, 1)));
    matrix.fill_with(|row, col| (row * 100 + col) as i32);
    assert!(matrix.any(|v| v == 111) && !matrix.any(|v| v == 112));
    assert_eq!((data[0], data[11], data[12], data[23]), (0, 11, 100, 111));
    let mut data: Vec<i32> = vec![0; 30];
    assert!(view(&mut data, &[1, 2, 3, 4, 1], &[1, 15, 5, 1, 1]).as_matrix(1).is_none());
}

#[test]
fn dimensions_merge() {
    assert_eq!(merge_dims(&[(2, 12), (3, 4), (4, 1)]), Some((24, 1)));
    assert_eq!(merge_dims(&[(2, 24), (3, 8), (4, 2)]), Some((24, 2)));
    assert_eq!(merge_dims(&[(2, 13), (3, 4), (4, 1)]), None);
    assert_eq!(merge_dims(&[(1, 99), (3, 4), (1, 7)]), Some((3, 4)));
    assert_eq!(merge_dims(&[(1, 99)]), Some((1, 1)));
    assert_eq!(merge_dims(&[(2, usize::MAX), (3, usize::MAX)]), None);
}

#[test]
fn workspace_is_granted_as_booked() {
    let mut layout = WorkspaceLayout::default();
    assert_eq!(layout.total_bytes(), 0);
    layout.book_f32(WorkspaceKey::PackedFilter, 100);
    layout.book_f32(WorkspaceKey::PartialSums, 33);
    let total = layout.total_bytes();
    // At any address, and not beyond the end.
    for skew in 0..70 {
        let mut bytes = vec![0xAAu8; total + 100];
        let workspace = &mut bytes[skew..skew + total];
        let range = workspace.as_ptr_range();
        let mut grant = layout.grant(workspace);
        let mut filter = grant.take(WorkspaceKey::PackedFilter).unwrap();
        let mut sums = grant.take(WorkspaceKey::PartialSums).unwrap();
        for (piece, len) in [(&mut filter, 100), (&mut sums, 33)] {
            assert_eq!(piece.len(), len);
            assert_eq!(piece.as_ptr().addr() % 64, 0);
            assert!(range.contains(&piece.as_ptr().cast()));
            piece.fill(1.0);
        }
        drop((filter, sums));
        assert!(bytes[..skew].iter().chain(&bytes[skew + total..]).all(|&byte| byte == 0xAA));
    }
    // Too small counts as none; then pieces are allocated.
    let mut bytes = vec![0u8; total - 1];
    let range = bytes.as_ptr_range();
    let mut grant = layout.grant(&mut bytes);
    let filter = grant.take(WorkspaceKey::PackedFilter).unwrap();
    assert_eq!(filter.len(), 100);
    assert!(!range.contains(&filter.as_ptr().cast()));
}

#[test]
fn impossible_scratch_is_an_error() {
    let mut layout = WorkspaceLayout::default();
    layout.book_f32(WorkspaceKey::PartialSums, 1 << 60);
    let result = layout.grant(&mut []).take(WorkspaceKey::PartialSums);
    assert_eq!(result.map(drop).unwrap_err().status, Status::AllocFailed);
}
