//! Tensors in host memory, and how they are filled.
#![forbid(unsafe_code)]

use MIOpen::error::{Error, Result};
use MIOpen::memory::{HostBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvProblem, DataType, TensorDesc};
use half::{bf16, f16};

/// The elements of a tensor's whole span, gaps included.
pub enum Elements {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    I32(Vec<i32>),
    I8(Vec<i8>),
}

impl Elements {
    fn filled(desc: &TensorDesc, mut value: impl FnMut() -> f32) -> Result<Self> {
        let len = desc.span_elems();
        Ok(match desc.dtype() {
            DataType::F32 => Elements::F32((0..len).map(|_| value()).collect()),
            DataType::F16 => Elements::F16((0..len).map(|_| f16::from_f32(value())).collect()),
            DataType::BF16 => Elements::BF16((0..len).map(|_| bf16::from_f32(value())).collect()),
            DataType::I32 => Elements::I32((0..len).map(|_| value() as i32).collect()),
            DataType::I8 => Elements::I8((0..len).map(|_| value() as i8).collect()),
            other => {
                return Err(Error::not_implemented(format!(
                    "no convolution for data type {}",
                    other.name()
                )));
            }
        })
    }

    /// The element at an offset.
    pub fn get(&self, offset: usize) -> f64 {
        match self {
            Elements::F32(v) => v[offset].into(),
            Elements::F16(v) => v[offset].into(),
            Elements::BF16(v) => v[offset].into(),
            Elements::I32(v) => v[offset].into(),
            Elements::I8(v) => v[offset].into(),
        }
    }

    /// The same values in f32, which holds all of them but large int32 exactly.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Elements::F32(v) => v.clone(),
            Elements::F16(v) => v.iter().map(|e| e.to_f32()).collect(),
            Elements::BF16(v) => v.iter().map(|e| e.to_f32()).collect(),
            Elements::I32(v) => v.iter().map(|&e| e as f32).collect(),
            Elements::I8(v) => v.iter().map(|&e| e.into()).collect(),
        }
    }

    /// The elements from an offset on, to read. int32 is no input of a convolution.
    pub fn input(&self, offset: usize) -> Result<InputBuffer<'_>> {
        match self {
            Elements::F32(v) => Ok(InputBuffer::F32(&v[offset..])),
            Elements::F16(v) => Ok(InputBuffer::F16(&v[offset..])),
            Elements::BF16(v) => Ok(InputBuffer::BF16(&v[offset..])),
            Elements::I8(v) => Ok(InputBuffer::I8(&v[offset..])),
            Elements::I32(_) => Err(Error::not_implemented("int32 is no input of a convolution")),
        }
    }

    /// As they lie in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Elements::F32(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
            Elements::F16(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
            Elements::BF16(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
            Elements::I32(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
            Elements::I8(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
        }
    }

    /// The inverse of [`Elements::to_bytes`]; elements beyond the bytes stay.
    pub fn set_bytes(&mut self, bytes: &[u8]) {
        fn each<T, const N: usize>(to: &mut [T], from: &[u8], make: fn([u8; N]) -> T) {
            for (to, from) in to.iter_mut().zip(from.as_chunks::<N>().0) {
                *to = make(*from);
            }
        }
        match self {
            Elements::F32(v) => each(v, bytes, f32::from_ne_bytes),
            Elements::F16(v) => each(v, bytes, f16::from_ne_bytes),
            Elements::BF16(v) => each(v, bytes, bf16::from_ne_bytes),
            Elements::I32(v) => each(v, bytes, i32::from_ne_bytes),
            Elements::I8(v) => each(v, bytes, i8::from_ne_bytes),
        }
    }

    /// The elements, to write.
    pub fn output(&mut self) -> OutputBuffer<'_> {
        match self {
            Elements::F32(v) => OutputBuffer::F32(v),
            Elements::F16(v) => OutputBuffer::F16(v),
            Elements::BF16(v) => OutputBuffer::BF16(v),
            Elements::I32(v) => OutputBuffer::I32(v),
            Elements::I8(v) => OutputBuffer::I8(v),
        }
    }
}

/// The tensors of one problem.
pub struct Tensors {
    /// In the order of [`MIOpen::problem::Direction::input_roles`].
    pub inputs: [Elements; 2],
    pub output: Elements,
}

impl Tensors {
    /// Inputs of random numbers, the same ones for the same problem; an output that no convolution
    /// computes (NaN, or 77 in integers), so that an element left out is seen.
    ///
    /// Reals are in -1..1 with all bits of an f32 in use, integers in -4..=4, so that sums of int8
    /// products stay within what every output type holds for as long as possible.
    pub fn new(problem: &ConvProblem) -> Result<Self> {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let is_integer = problem.input_dtype() == DataType::I8;
        let mut number = || if is_integer { random.integer() } else { random.real() };
        let [first, second] = problem.input_tensors();
        let garbage = if is_integer { 77.0 } else { f32::NAN };
        Ok(Tensors {
            inputs: [Elements::filled(first, &mut number)?, Elements::filled(second, &mut number)?],
            output: Elements::filled(problem.output_tensor(), || garbage)?,
        })
    }

    /// As the engine takes them.
    pub fn buffers(&mut self) -> Result<HostBuffers<'_>> {
        Ok(HostBuffers {
            inputs: [self.inputs[0].input(0)?, self.inputs[1].input(0)?],
            output: self.output.output(),
        })
    }
}

/// xorshift64*: small, seeded, the same everywhere (Vigna, 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In -1..1.
    fn real(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// In -4..=4.
    fn integer(&mut self) -> f32 {
        (self.next() >> 40) as f32 % 9.0 - 4.0
    }
}
