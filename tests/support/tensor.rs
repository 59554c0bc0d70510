//! Tensors whose memory is watched: canaries before and behind, and in the gaps.

use MIOpen::memory::{InputBuffer, OutputBuffer};
use MIOpen::problem::{DataType, TensorDesc};
use half::{bf16, f16};

use super::Rng;

/// Elements of canary on each side.
const CANARY_ELEMS: usize = 64;

/// What a tensor is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Integers in -3..=3: products and sums stay exact in f32.
    SmallIntegers,
    /// Integers over the whole range of int8.
    WholeInt8,
    /// Reals in -1..1.
    Reals,
    /// NaN, or a number nobody computes.
    Garbage,
}

#[derive(Clone, Debug)]
enum Data {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    I32(Vec<i32>),
    I8(Vec<i8>),
}

/// A tensor in guarded memory.
#[derive(Clone, Debug)]
pub struct TestTensor {
    pub desc: TensorDesc,
    data: Data,
}

macro_rules! each {
    ($data:expr, $vec:ident => $body:expr) => {
        match $data {
            Data::F32($vec) => $body,
            Data::F16($vec) => $body,
            Data::BF16($vec) => $body,
            Data::I32($vec) => $body,
            Data::I8($vec) => $body,
        }
    };
}

/// Elements as bits, so that NaN equals itself.
trait Bits: Copy {
    const CANARY: Self;
    fn bits(self) -> u32;
}
impl Bits for f32 {
    const CANARY: f32 = f32::from_bits(0x7FC0_DEAD);
    fn bits(self) -> u32 {
        self.to_bits()
    }
}
impl Bits for f16 {
    const CANARY: f16 = f16::from_bits(0x7EAD);
    fn bits(self) -> u32 {
        self.to_bits().into()
    }
}
impl Bits for bf16 {
    const CANARY: bf16 = bf16::from_bits(0x7FED);
    fn bits(self) -> u32 {
        self.to_bits().into()
    }
}
impl Bits for i32 {
    const CANARY: i32 = 0x5EAD_BEEF;
    fn bits(self) -> u32 {
        self as u32
    }
}
impl Bits for i8 {
    const CANARY: i8 = 0x5A;
    fn bits(self) -> u32 {
        u32::from(self as u8)
    }
}

fn guarded<T: Bits>(desc: &TensorDesc) -> Vec<T> {
    vec![T::CANARY; desc.span_elems() + 2 * CANARY_ELEMS]
}

fn inner<T>(data: &[T]) -> &[T] {
    &data[CANARY_ELEMS..data.len() - CANARY_ELEMS]
}

fn inner_mut<T>(data: &mut [T]) -> &mut [T] {
    let end = data.len() - CANARY_ELEMS;
    &mut data[CANARY_ELEMS..end]
}

/// Calls `visit` with the offset of each element, last index fastest.
pub fn for_each_offset(desc: &TensorDesc, mut visit: impl FnMut(usize)) {
    fn walk(lengths: &[usize], strides: &[usize], base: usize, visit: &mut dyn FnMut(usize)) {
        match lengths {
            [] => visit(base),
            [len, ..] => (0..*len)
                .for_each(|i| walk(&lengths[1..], &strides[1..], base + i * strides[0], visit)),
        }
    }
    walk(desc.lengths(), desc.strides(), 0, &mut visit);
}

impl TestTensor {
    pub fn new(desc: TensorDesc, fill: Fill, rng: &mut Rng) -> Self {
        let data = match desc.dtype() {
            DataType::F32 => Data::F32(guarded(&desc)),
            DataType::F16 => Data::F16(guarded(&desc)),
            DataType::BF16 => Data::BF16(guarded(&desc)),
            DataType::I32 => Data::I32(guarded(&desc)),
            DataType::I8 => Data::I8(guarded(&desc)),
            other => panic!("no test tensor of {other:?}"),
        };
        let mut tensor = TestTensor { desc, data };
        tensor.set_all(|_| match fill {
            Fill::SmallIntegers => rng.between(0, 6) as f32 - 3.0,
            Fill::WholeInt8 => rng.between(0, 255) as f32 - 128.0,
            Fill::Reals => rng.real(),
            Fill::Garbage => f32::NAN,
        });
        tensor
    }

    /// Sets every element from its number, last index fastest. NaN becomes 77 in integers.
    pub fn set_all(&mut self, mut value: impl FnMut(usize) -> f32) {
        let mut number = 0;
        let desc = self.desc;
        for_each_offset(&desc, |offset| {
            self.set(offset, value(number));
            number += 1;
        });
    }

    /// Sets the element at an offset.
    pub fn set(&mut self, offset: usize, value: f32) {
        let integer = if value.is_nan() { 77.0 } else { value };
        match &mut self.data {
            Data::F32(v) => inner_mut(v)[offset] = value,
            Data::F16(v) => inner_mut(v)[offset] = f16::from_f32(value),
            Data::BF16(v) => inner_mut(v)[offset] = bf16::from_f32(value),
            Data::I32(v) => inner_mut(v)[offset] = integer as i32,
            Data::I8(v) => inner_mut(v)[offset] = integer as i8,
        }
    }

    /// The elements in order, last index fastest.
    pub fn values(&self) -> Vec<f64> {
        let mut values = Vec::new();
        for_each_offset(&self.desc, |offset| {
            values.push(match &self.data {
                Data::F32(v) => inner(v)[offset].into(),
                Data::F16(v) => inner(v)[offset].into(),
                Data::BF16(v) => inner(v)[offset].into(),
                Data::I32(v) => inner(v)[offset].into(),
                Data::I8(v) => inner(v)[offset].into(),
            });
        });
        values
    }

    /// The same values as f32 (or what `change` makes of them), without gaps.
    pub fn to_f32(&self, mut change: impl FnMut(f32) -> f32) -> TestTensor {
        let desc = TensorDesc::packed(DataType::F32, self.desc.lengths()).unwrap();
        let mut copy = TestTensor { desc, data: Data::F32(guarded(&desc)) };
        let values = self.values();
        copy.set_all(|number| change(values[number] as f32));
        copy
    }

    pub fn input(&self) -> InputBuffer<'_> {
        match &self.data {
            Data::F32(v) => InputBuffer::F32(inner(v)),
            Data::F16(v) => InputBuffer::F16(inner(v)),
            Data::BF16(v) => InputBuffer::BF16(inner(v)),
            Data::I8(v) => InputBuffer::I8(inner(v)),
            Data::I32(_) => panic!("int32 is no input"),
        }
    }

    pub fn output(&mut self) -> OutputBuffer<'_> {
        match &mut self.data {
            Data::F32(v) => OutputBuffer::F32(inner_mut(v)),
            Data::F16(v) => OutputBuffer::F16(inner_mut(v)),
            Data::BF16(v) => OutputBuffer::BF16(inner_mut(v)),
            Data::I32(v) => OutputBuffer::I32(inner_mut(v)),
            Data::I8(v) => OutputBuffer::I8(inner_mut(v)),
        }
    }

    /// All bits, canaries and gaps included.
    pub fn bits(&self) -> Vec<u32> {
        each!(&self.data, v => v.iter().map(|e| e.bits()).collect())
    }

    /// Fails where a canary or a gap was written.
    pub fn check_canaries(&self) {
        let bits = self.bits();
        let mut owned = vec![false; bits.len()];
        for_each_offset(&self.desc, |offset| owned[CANARY_ELEMS + offset] = true);
        fn canary_of<T: Bits>(_: &[T]) -> u32 {
            T::CANARY.bits()
        }
        let canary = each!(&self.data, v => canary_of(v));
        for (index, (&bits, &owned)) in bits.iter().zip(&owned).enumerate() {
            assert!(
                owned || bits == canary,
                "element {} outside the tensor was written",
                index as i64 - CANARY_ELEMS as i64
            );
        }
    }
}
