//! Descriptors, shape arithmetic, validation, and the text form.

mod support;

use std::collections::HashSet;

use MIOpen::error::{Error, Status};
use MIOpen::problem::{
    Attribute, ConvDesc, ConvProblem, DataType, Direction, DriverCommand, FindMode, Layout, Mode,
    Role, TensorDesc,
};
use support::Rng;
use support::case::{ARRANGEMENTS, Case};

fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    result.map(|value| panic!("{value:?} instead of an error")).unwrap_or_else(|e| e.status)
}

fn packed(lengths: &[usize]) -> TensorDesc {
    TensorDesc::packed(DataType::F32, lengths).unwrap()
}

fn conv2d(mode: Mode, pad: i32, stride: i32, dilation: i32) -> ConvDesc {
    ConvDesc::new(mode, &[pad; 2], &[stride; 2], &[dilation; 2]).unwrap()
}

#[test]
fn packed_tensors_have_the_strides_of_their_layout() {
    let lengths = [2, 3, 4, 5];
    let strides = |layout| {
        TensorDesc::with_layout(DataType::F32, layout, &lengths).unwrap().strides().to_vec()
    };
    assert_eq!(strides(Layout::Nchw), [60, 20, 5, 1]);
    assert_eq!(strides(Layout::Nhwc), [60, 1, 15, 3]);
    assert_eq!(strides(Layout::Chwn), [1, 40, 10, 2]);
    let ndhwc = TensorDesc::with_layout(DataType::F16, Layout::Ndhwc, &[2, 3, 4, 5, 6]).unwrap();
    assert_eq!(ndhwc.strides(), [360, 1, 90, 18, 3]);
    assert_eq!(ndhwc.span_bytes(), 2 * 720);
    assert!(ndhwc.is_packed());
}

#[test]
fn span_counts_gaps() {
    let gapped = TensorDesc::new(DataType::F32, &[2, 3, 4, 5], &[100, 30, 7, 1]).unwrap();
    assert_eq!(gapped.span_elems(), 100 + 60 + 21 + 4 + 1);
    assert_eq!(gapped.num_elems(), Some(120));
    assert!(!gapped.is_packed());
    // What the real library says of a descriptor that was never set.
    assert_eq!(TensorDesc::default().span_bytes(), 4);
}

#[test]
fn tensors_out_of_range_are_refused() {
    let new = |lengths: &[usize], strides: &[usize]| {
        status(TensorDesc::new(DataType::F32, lengths, strides))
    };
    assert_eq!(new(&[], &[]), Status::BadParm);
    assert_eq!(new(&[1; 9], &[1; 9]), Status::BadParm);
    assert_eq!(new(&[2, 3], &[1]), Status::BadParm);
    assert_eq!(new(&[2, 0], &[1, 1]), Status::BadParm);
    assert_eq!(new(&[2, 3], &[3, 0]), Status::BadParm);
    assert_eq!(new(&[usize::MAX, 2], &[1, 1]), Status::BadParm);
    assert_eq!(new(&[2, 2], &[usize::MAX, usize::MAX]), Status::BadParm);
    assert_eq!(new(&[usize::MAX; 8], &[usize::MAX; 8]), Status::BadParm);
    assert_eq!(status(TensorDesc::packed(DataType::F32, &[usize::MAX; 5])), Status::BadParm);
    for signed in [&[2, -1, 4][..], &[0], &[2, 0, 4]] {
        assert_eq!(status(TensorDesc::from_signed(DataType::F32, signed, None)), Status::BadParm);
    }
    assert_eq!(
        status(TensorDesc::from_signed(DataType::F32, &[2, 2], Some(&[2, -1]))),
        Status::BadParm
    );
    // More than an int, and fine (as in the real library).
    let large = TensorDesc::packed(DataType::F32, &[3_000_000_000, 2]).unwrap();
    assert_eq!(large.span_bytes(), 24_000_000_000);
}

#[test]
fn layouts_are_detected_in_the_real_librarys_order() {
    for layout in [Layout::Nchw, Layout::Nhwc, Layout::Chwn] {
        let tensor = TensorDesc::with_layout(DataType::F32, layout, &[2, 3, 4, 5]).unwrap();
        assert_eq!(tensor.layout(), Some(layout));
    }
    // With one channel or one pixel strides may admit both; that counts as NCHW.
    let pixel = packed(&[2, 1, 1, 1]);
    assert!(pixel.admits_layout(Layout::Nhwc) && pixel.admits_layout(Layout::Nchw));
    assert_eq!(pixel.layout(), Some(Layout::Nchw));
    let neither = TensorDesc::new(DataType::F32, &[2, 3, 4, 5], &[60, 20, 1, 4]).unwrap();
    assert_eq!(neither.layout(), None);
    assert_eq!(packed(&[2, 3, 4]).layout(), None);
}

#[test]
fn shared_elements_are_noticed() {
    let distinct = |lengths: &[usize], strides: &[usize]| {
        TensorDesc::new(DataType::F32, lengths, strides).unwrap().has_distinct_elems()
    };
    assert!(distinct(&[2, 3, 4, 5], &[60, 20, 5, 1]));
    assert!(distinct(&[2, 3, 4, 5], &[60, 1, 15, 3]));
    assert!(distinct(&[1, 3, 1, 1], &[1, 1, 1, 1]));
    assert!(!distinct(&[2, 3, 4, 5], &[1, 1, 1, 1]));
    assert!(!distinct(&[2, 3, 4, 5], &[60, 20, 4, 1]));
}

/// Rows of the real library's answers: x, w, pad, stride, dilation, group, mode, output.
#[test]
fn output_lengths_are_those_of_the_real_library() {
    type Row = ([usize; 4], [usize; 4], [i32; 4], Mode, [usize; 4]);
    let (conv, trans) = (Mode::Convolution, Mode::Transpose);
    let rows: [Row; 20] = [
        ([2, 4, 9, 11], [6, 4, 1, 1], [0, 2, 1, 1], conv, [2, 6, 5, 6]),
        ([2, 4, 9, 11], [6, 4, 1, 1], [1, 3, 2, 1], conv, [2, 6, 4, 5]),
        ([2, 4, 9, 11], [6, 4, 3, 3], [0, 1, 2, 1], conv, [2, 6, 5, 7]),
        ([2, 4, 9, 11], [6, 4, 3, 3], [0, 3, 1, 1], conv, [2, 6, 3, 3]),
        ([2, 4, 9, 11], [6, 4, 3, 3], [2, 2, 1, 1], conv, [2, 6, 6, 7]),
        ([2, 4, 9, 11], [6, 4, 5, 5], [0, 1, 2, 1], conv, [2, 6, 1, 3]),
        ([2, 4, 9, 11], [6, 4, 5, 5], [0, 3, 2, 1], conv, [2, 6, 1, 1]),
        ([2, 4, 9, 11], [6, 4, 5, 5], [2, 3, 1, 1], conv, [2, 6, 3, 4]),
        ([2, 4, 9, 11], [4, 6, 1, 1], [0, 1, 1, 1], trans, [2, 6, 9, 11]),
        ([2, 4, 9, 11], [4, 6, 1, 1], [0, 2, 1, 1], trans, [2, 6, 17, 21]),
        ([2, 4, 9, 11], [4, 6, 1, 1], [1, 2, 1, 1], trans, [2, 6, 15, 19]),
        ([2, 4, 9, 11], [4, 6, 3, 3], [0, 1, 1, 1], trans, [2, 6, 11, 13]),
        ([2, 4, 9, 11], [4, 6, 3, 3], [0, 2, 1, 1], trans, [2, 6, 19, 23]),
        ([2, 4, 9, 11], [4, 6, 3, 3], [1, 2, 1, 1], trans, [2, 6, 17, 21]),
        ([1, 4, 8, 8], [8, 2, 3, 3], [1, 1, 1, 2], conv, [1, 8, 8, 8]),
        ([1, 4, 8, 8], [8, 1, 3, 3], [1, 1, 1, 4], conv, [1, 8, 8, 8]),
        ([1, 4, 8, 8], [8, 4, 3, 3], [1, 1, 1, 2], conv, [1, 8, 8, 8]),
        ([1, 4, 2, 2], [8, 4, 3, 3], [0, 1, 1, 1], conv, [1, 8, 1, 1]),
        ([1, 4, 8, 8], [8, 4, 3, 3], [1, 1, 1, 3], conv, [1, 8, 8, 8]),
        ([2, 4, 9, 11], [6, 4, 5, 5], [1, 1, 2, 1], conv, [2, 6, 3, 5]),
    ];
    for (x, w, [pad, stride, dilation, groups], mode, want) in rows {
        let mut conv = conv2d(mode, pad, stride, dilation);
        conv.set_group_count(groups);
        assert_eq!(conv.forward_output_lengths(&packed(&x), &packed(&w)).unwrap(), want);
    }
}

#[test]
fn output_lengths_report_the_real_librarys_errors() {
    let lengths = |x: &[usize], w: &[usize], groups, mode| {
        let mut conv = conv2d(mode, 1, 1, 1);
        conv.set_group_count(groups);
        conv.forward_output_lengths(&packed(x), &packed(w))
    };
    let conv = Mode::Convolution;
    assert_eq!(status(lengths(&[1, 4, 8, 8], &[8, 3, 3, 3], 1, conv)), Status::BadParm);
    assert_eq!(status(lengths(&[1, 5, 8, 8], &[8, 2, 3, 3], 2, conv)), Status::BadParm);
    assert_eq!(status(lengths(&[1, 3, 8, 8], &[4, 3, 3, 3], 1, Mode::Transpose)), Status::BadParm);
    assert_eq!(status(lengths(&[1, 4, 8, 8, 8], &[8, 4, 3, 3, 3], 1, conv)), Status::BadParm);
    let half = TensorDesc::packed(DataType::F16, &[8, 4, 3, 3]).unwrap();
    let conv = conv2d(conv, 1, 1, 1);
    assert_eq!(status(conv.forward_output_lengths(&packed(&[1, 4, 8, 8]), &half)), Status::BadParm);
    let mut conv = conv2d(Mode::Transpose, 0, 2, 1);
    conv.set_output_pads(&[1, 1]).unwrap();
    let x = packed(&[1, 4, 8, 8]);
    let lengths = conv.forward_output_lengths(&x, &packed(&[4, 6, 3, 3])).unwrap();
    assert_eq!(lengths, [1, 6, 18, 18]);
    conv.set_output_pads(&[2, 0]).unwrap();
    assert_eq!(status(conv.forward_output_lengths(&x, &packed(&[4, 6, 3, 3]))), Status::BadParm);
    // Nothing overflows.
    let conv = conv2d(Mode::Transpose, 0, i32::MAX, i32::MAX);
    let huge = packed(&[1, 1, 1 << 30, 1 << 30]);
    conv.forward_output_lengths(&huge, &packed(&[1, 1, 1 << 30, 1])).unwrap();
}

#[test]
fn convolution_descriptors_take_what_the_real_library_takes() {
    let new = |pads: &[i32], strides: &[i32], dilations: &[i32]| {
        ConvDesc::new(Mode::Convolution, pads, strides, dilations)
    };
    assert_eq!(status(new(&[0, -1], &[1, 1], &[1, 1])), Status::BadParm);
    assert_eq!(status(new(&[0, 0], &[0, 1], &[1, 1])), Status::BadParm);
    assert_eq!(status(new(&[0, 0], &[1, 1], &[1, 0])), Status::BadParm);
    assert_eq!(new(&[], &[], &[]).unwrap().spatial_dim(), 0);
    assert_eq!(new(&[0; 4], &[1; 4], &[1; 4]).unwrap().spatial_dim(), 4);

    let mut conv = ConvDesc::default();
    assert_eq!((conv.pads(), conv.strides()), (&[0, 0][..], &[1, 1][..]));
    assert_eq!(conv.find_mode(), FindMode::DynamicHybrid);
    assert_eq!(status(conv.set_output_pads(&[0; 3])), Status::UnknownError);
    for groups in [-1, 0, 3, 1_000_000] {
        conv.set_group_count(groups);
        assert_eq!(conv.group_count(), groups);
    }
    let accepts = |conv: &mut ConvDesc, attribute: Attribute| {
        [-1, 0, 1, 2].map(|value| conv.set_attribute(attribute, value).is_ok())
    };
    assert_eq!(accepts(&mut conv, Attribute::Fp16Alt), [true, true, true, false]);
    assert_eq!(accepts(&mut conv, Attribute::Deterministic), [false, true, true, false]);
    assert_eq!(accepts(&mut conv, Attribute::Fp8Rounding), [false, true, true, false]);
    assert_eq!(conv.attribute(Attribute::Deterministic), 1);
    assert!([-1, 3, 4].iter().all(|&v| Attribute::from_abi(v).is_err()));
    let modes = [-1, 0, 1, 2, 3, 4, 5, 6, 7].map(|v| FindMode::from_abi(v).is_ok());
    assert_eq!(modes, [false, false, true, true, true, false, true, false, false]);
    let modes = [0, 1, 2, 3, 4].map(|v| Mode::from_abi(v).ok());
    let (c, t) = (Some(Mode::Convolution), Some(Mode::Transpose));
    assert_eq!(modes, [c, t, c, c, None]);
}

#[test]
fn transpose_mode_is_resolved() {
    let (x, w, y) = (packed(&[2, 4, 5, 5]), packed(&[4, 6, 3, 3]), packed(&[2, 6, 9, 9]));
    let conv = conv2d(Mode::Transpose, 1, 2, 1);
    assert!(ConvProblem::swaps_x_and_y(&conv));
    for (asked, runs) in [
        (Direction::Fwd, Direction::Bwd),
        (Direction::Bwd, Direction::Fwd),
        (Direction::Wrw, Direction::Wrw),
    ] {
        let problem = ConvProblem::new(asked, x, w, y, &conv).unwrap();
        assert_eq!(problem.direction(), runs);
        assert_eq!((problem.tensor(Role::X), problem.tensor(Role::Y)), (&y, &x));
        assert_eq!((problem.c(), problem.k()), (6, 4));
    }
}

#[test]
fn problems_are_validated() {
    let conv = conv2d(Mode::Convolution, 1, 1, 1);
    let new = |x: TensorDesc, w: TensorDesc, y: TensorDesc, groups| {
        let mut conv = conv.clone();
        conv.set_group_count(groups);
        ConvProblem::new(Direction::Fwd, x, w, y, &conv)
    };
    let (x, w, y) = (packed(&[2, 4, 8, 8]), packed(&[6, 4, 3, 3]), packed(&[2, 6, 8, 8]));
    assert!(new(x, w, y, 1).is_ok());
    // y need not agree with the formula.
    assert!(new(x, w, packed(&[2, 6, 3, 20]), 1).is_ok());
    for (groups, w, y) in [
        (0, w, y),
        (-1, w, y),
        (2, w, y),
        (3, packed(&[6, 1, 3, 3]), y),
        (4, packed(&[6, 1, 3, 3]), y),
        (1, packed(&[6, 3, 3, 3]), y),
        (1, w, packed(&[2, 7, 8, 8])),
        (1, w, packed(&[3, 6, 8, 8])),
        (1, w, packed(&[2, 6, 8, 8, 8])),
        (1, TensorDesc::packed(DataType::F16, &[6, 4, 3, 3]).unwrap(), y),
        (1, w, TensorDesc::packed(DataType::F16, &[2, 6, 8, 8]).unwrap()),
    ] {
        assert_eq!(status(new(x, w, y, groups)), Status::BadParm, "{groups} {w:?} {y:?}");
    }
    // NHWC filters are not checked by the real library, which then reads out of bounds.
    let nhwc =
        |lengths: &[usize]| TensorDesc::with_layout(DataType::F32, Layout::Nhwc, lengths).unwrap();
    let (x, y) = (nhwc(&[2, 4, 8, 8]), nhwc(&[2, 6, 8, 8]));
    assert_eq!(status(new(x, nhwc(&[6, 5, 3, 3]), y, 1)), Status::BadParm);
}

#[test]
fn group_strides_must_divide() {
    let mut conv = conv2d(Mode::Convolution, 0, 1, 1);
    conv.set_group_count(2);
    let (w, y) = (packed(&[6, 2, 1, 1]), packed(&[2, 6, 3, 3]));
    let x = |strides: &[usize]| TensorDesc::new(DataType::F32, &[2, 4, 3, 3], strides).unwrap();
    let new = |x| ConvProblem::new(Direction::Fwd, x, w, y, &conv);
    assert!(new(x(&[36, 9, 3, 1])).is_ok());
    assert_eq!(status(new(x(&[37, 9, 3, 1]))), Status::BadParm);
    // CHWN with groups.
    assert_eq!(status(new(x(&[1, 18, 6, 2]))), Status::InternalError);
}

#[test]
fn ranks_and_dimensions() {
    let conv = |dims: usize| {
        ConvDesc::new(Mode::Convolution, &vec![0; dims], &vec![1; dims], &vec![1; dims]).unwrap()
    };
    let new = |dims: usize, rank: usize| {
        let one = packed(&vec![1; rank]);
        ConvProblem::new(Direction::Fwd, one, one, one, &conv(dims))
    };
    for dims in 1..=3 {
        assert_eq!(new(dims, dims + 2).unwrap().spatial_dim(), dims);
        assert_eq!(status(new(dims, dims + 3)), Status::BadParm);
    }
    assert_eq!(status(new(0, 2)), Status::BadParm);
    assert_eq!(status(new(4, 6)), Status::NotImplemented);
}

#[test]
fn int8_has_its_own_types() {
    let of = |dtype, lengths: &[usize]| TensorDesc::packed(dtype, lengths).unwrap();
    let conv = conv2d(Mode::Convolution, 0, 1, 1);
    let new = |direction, y_dtype| {
        ConvProblem::new(
            direction,
            of(DataType::I8, &[1, 2, 3, 3]),
            of(DataType::I8, &[4, 2, 1, 1]),
            of(y_dtype, &[1, 4, 3, 3]),
            &conv,
        )
    };
    for y_dtype in [DataType::I32, DataType::F32, DataType::I8] {
        assert!(new(Direction::Fwd, y_dtype).is_ok());
        assert_eq!(status(new(Direction::Wrw, y_dtype)), Status::BadParm);
    }
}

#[test]
fn huge_problems_are_refused_not_overflowed() {
    let strided = |lengths: &[usize], strides: &[usize]| {
        TensorDesc::new(DataType::I8, lengths, strides).unwrap()
    };
    // Elements that share memory can be many.
    let many = strided(&[1, 1 << 40, 1 << 40, 1], &[1, 1, 1, 1]);
    let conv = conv2d(Mode::Convolution, 0, 1, 1);
    let w = strided(&[1, 1 << 40, 1, 1], &[1, 1, 1, 1]);
    let y = TensorDesc::packed(DataType::I32, &[1, 1, 1, 1]).unwrap();
    assert_eq!(status(ConvProblem::new(Direction::Fwd, many, w, y, &conv)), Status::BadParm);
    // Coordinates beyond 64 bits.
    let long = strided(&[1, 1, 1 << 40, 1], &[1, 1, 1, 1]);
    let one = strided(&[1, 1, 1, 1], &[1, 1, 1, 1]);
    let conv = conv2d(Mode::Convolution, i32::MAX, i32::MAX, i32::MAX);
    let y = TensorDesc::packed(DataType::I32, &[1, 1, 1 << 40, 1]).unwrap();
    assert_eq!(status(ConvProblem::new(Direction::Fwd, one, one, y, &conv)), Status::BadParm);
    assert_eq!(status(ConvProblem::new(Direction::Fwd, one, long, one, &conv)), Status::BadParm);
}

#[test]
fn keys_tell_all_fields_apart() {
    let base = Case::square(Direction::Fwd, 2, 4, 6, 8, 3);
    let mut cases = vec![base.clone()];
    let mut add = |change: &dyn Fn(&mut Case)| {
        let mut case = base.clone();
        change(&mut case);
        cases.push(case);
    };
    add(&|case| case.n = 3);
    add(&|case| case.c = 5);
    add(&|case| case.k = 7);
    add(&|case| case.input[0] = 9);
    add(&|case| case.input[1] = 9);
    add(&|case| case.filter = vec![3, 2]);
    add(&|case| case.out[1] = 7);
    add(&|case| case.pads[0] = 0);
    add(&|case| case.strides[1] = 2);
    add(&|case| case.dilations[0] = 2);
    add(&|case| case.groups = 2);
    add(&|case| case.direction = Direction::Bwd);
    add(&|case| case.arrangements[0] = ARRANGEMENTS[1]);
    add(&|case| case.arrangements[1] = ARRANGEMENTS[3]);
    add(&|case| case.dtype = DataType::I8);
    let problems: HashSet<ConvProblem> = cases
        .iter()
        .map(|case| {
            let mut case = case.clone();
            if case.dtype == DataType::I8 {
                case.y_dtype = DataType::I32;
            }
            case.problem()
        })
        .collect();
    assert_eq!(problems.len(), cases.len());
    let again: HashSet<ConvProblem> = problems.iter().cloned().collect();
    assert_eq!(again, problems);
}

#[test]
fn lines_of_the_real_librarys_log_parse() {
    let line = "./bin/MIOpenDriver convfp16 -n 16 -c 8 -H 32 -W 20 -k 24 -y 3 -x 5 -p 1 -q 2 \
                -u 2 -v 1 -l 1 -j 3 --in_layout NHWC --fil_layout NHWC --out_layout NHWC -m conv \
                -g 4 -F 2 -t 1";
    let problem: ConvProblem = line.parse().unwrap();
    assert_eq!(problem.direction(), Direction::Bwd);
    assert_eq!(problem.tensor(Role::X).lengths(), [16, 8, 32, 20]);
    assert_eq!(problem.tensor(Role::W).lengths(), [24, 2, 3, 5]);
    assert_eq!(problem.tensor(Role::Y).lengths(), [16, 24, 16, 12]);
    assert_eq!(problem.tensor(Role::Y).layout(), Some(Layout::Nhwc));
    assert_eq!((problem.pads(), problem.strides()), ([0, 1, 2], [1, 2, 1]));
    assert_eq!((problem.dilations(), problem.groups()), ([1, 1, 3], 4));
    assert_eq!(problem.input_dtype(), DataType::F16);

    let line = "conv -n 1 -c 3 --in_d 8 -H 9 -W 10 -k 4 --fil_d 2 -y 3 -x 1 --pad_d 1 -p 0 -q 0 \
                --conv_stride_d 2 -u 1 -v 1 --dilation_d 3 -l 1 -j 1 --spatial_dim 3 -m conv -g 1 \
                -F 4 -t 1";
    let problem: ConvProblem = line.parse().unwrap();
    assert_eq!(problem.in_spatial(), [8, 9, 10]);
    assert_eq!(problem.out_spatial(), [4, 7, 10]);
    assert_eq!(
        problem.to_string(),
        "conv -n 1 -c 3 -! 8 -H 9 -W 10 -k 4 -@ 2 -y 3 -x 1 -$ 1 -p 0 -q 0 -# 2 -u 1 -v 1 -^ 3 \
         -l 1 -j 1 -_ 3 -m conv -g 1 -F 4"
    );
}

#[test]
fn driver_commands_keep_what_is_not_the_problem() {
    let words: Vec<&str> = "conv -n 2 -V 0 --iter 3 -F 5 -S 85".split(' ').collect();
    let command = DriverCommand::parse(&words).unwrap();
    let directions: Vec<Direction> = command.problems.iter().map(|p| p.direction()).collect();
    assert_eq!(directions, [Direction::Fwd, Direction::Wrw]);
    let others: Vec<_> = command.other_flags.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(others, [("verify", "0"), ("iter", "3"), ("solution", "85")]);
    // The defaults of MIOpenDriver.
    let all = DriverCommand::parse(&["conv"]).unwrap().problems;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].tensor(Role::X).lengths(), [100, 3, 32, 32]);
    assert_eq!(all[0].tensor(Role::Y).lengths(), [100, 32, 30, 30]);
}

#[test]
fn transposed_commands_are_resolved() {
    let problem: ConvProblem =
        "conv -n 1 -c 4 -H 5 -W 5 -k 6 -y 3 -x 3 -p 1 -q 1 -u 2 -v 2 -Y 1 -X 1 -m trans -F 1"
            .parse()
            .unwrap();
    assert_eq!(problem.direction(), Direction::Bwd);
    assert_eq!(problem.tensor(Role::X).lengths(), [1, 6, 10, 10]);
    assert_eq!(problem.tensor(Role::W).lengths(), [4, 6, 3, 3]);
    assert_eq!(problem.to_string().parse::<ConvProblem>().unwrap(), problem);
}

#[test]
fn padding_modes_follow_the_driver() {
    let pads = |flags: &str| -> [usize; 3] {
        let line =
            format!("conv -n 1 -c 1 -H 9 -W 8 -k 1 -y 5 -x 5 -u 2 -v 2 -p 3 -q 3 -F 1{flags}");
        line.parse::<ConvProblem>().unwrap().pads()
    };
    assert_eq!(pads(""), [0, 3, 3]);
    assert_eq!(pads(" -z valid"), [0, 0, 0]);
    assert_eq!(pads(" -z same"), [0, 2, 1]);
    assert_eq!(pads(" -z same -l 2"), [0, 3, 3]);
}

#[test]
fn malformed_commands_are_refused() {
    for line in [
        "",
        "pool -n 1",
        "convfp7",
        "conv -F",
        "conv -F 1 -? 3",
        "conv -F 1 --no_such_flag 3",
        "conv -F 1 -n many",
        "conv -F 1 -n -3",
        "conv -F 1 -n 0",
        "conv -F 8",
        "conv -F 3",
        "conv",
        "conv -F 1 -u 0",
        "conv -F 1 -p -1",
        "conv -F 1 -g 2",
        "conv -F 1 -c 4 -k 6 -g 4",
        "conv -F 1 -_ 4",
        "conv -F 1 -m sideways",
        "conv -F 1 -z odd",
        "conv -F 1 -I NCHWc4",
        "conv -F 1 -I NDHWC",
        "conv -F 1 -Z 1",
        "conv -F 1 --x_strides 1,2",
        "conv -F 1 --x_strides 1,2,x,4",
        "conv -F 1 --y_lengths 1",
        "conv -F 1 --dtype fp7",
        "conv -F 1 -H 99999999999999999999",
        "conv -F 1 -H 9223372036854775807 -n 9223372036854775807",
        "convint8 -F 4",
    ] {
        assert_eq!(status(line.parse::<ConvProblem>()), Status::BadParm, "{line}");
    }
}

#[test]
fn text_round_trips() {
    for seed in 0..500 {
        let rng = &mut Rng::new(seed);
        let mut case = support::case::random(rng);
        if seed % 7 == 0 {
            case.dtype = DataType::I8;
            case.y_dtype = rng.pick(&[DataType::I32, DataType::F32, DataType::I8]);
            case.direction = Direction::Fwd;
        } else if seed % 7 == 1 {
            case = case.with_dtype(DataType::F64);
        }
        let problem = case.problem();
        let text = problem.to_string();
        let parsed: ConvProblem = text.parse().unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(parsed, problem, "{text}");
    }
    let mut conv = conv2d(Mode::Convolution, 1, 1, 1);
    conv.set_attribute(Attribute::Deterministic, 1).unwrap();
    let (x, w, y) = (packed(&[2, 4, 8, 8]), packed(&[6, 4, 3, 3]), packed(&[2, 6, 8, 8]));
    let problem = ConvProblem::new(Direction::Fwd, x, w, y, &conv).unwrap();
    assert!(problem.deterministic());
    assert_eq!(problem.to_string().parse::<ConvProblem>().unwrap(), problem);
}
