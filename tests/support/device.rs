//! Tensors in the memory of a GPU: here always that of simhip, which interprets the kernels.

use MIOpen::hip::{DeviceMemory, PinnedMemory, StreamRef};
use MIOpen::memory::{DeviceBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvProblem, Role};
use MIOpen::solver::{Buffers, Context, ConvArgs, Gpu, Plan};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::case::RunOptions;
use super::tensor::TestTensor;

/// Names another stand-in than the one that was built under `ctest/simhip`.
const LIBRARY_VARIABLE: &str = "MIOPEN_BYPASS_TEST_HIP";

/// Loads simhip, once for all tests of the program. `false` where it was not built.
pub fn has_simhip() -> bool {
    static LOADED: OnceLock<bool> = OnceLock::new();
    *LOADED.get_or_init(|| {
        if MIOpen::gpu::code_object::embedded().is_empty() {
            println!("skipped: this build has no GPU kernels");
            return false;
        }
        let Some(path) = simhip_path() else {
            println!("skipped: simhip is not built (cargo build --release in ctest/simhip)");
            return false;
        };
        let kfd = std::env::temp_dir().join(format!("simhip-kfd-{}", std::process::id()));
        // SAFETY: tests come here before they start threads that read the environment.
        unsafe {
            std::env::set_var("SIMHIP_KFD", &kfd);
            std::env::set_var("MIOPEN_BYPASS_KFD_TOPOLOGY", kfd.join("topology"));
        }
        // SAFETY: its initialisers do nothing that the process could mind.
        let library = unsafe { libloading::Library::new(&path) };
        std::mem::forget(library.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        true
    })
}

pub fn simhip_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(LIBRARY_VARIABLE) {
        return Some(path.into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ctest/simhip/target");
    let candidates = ["release", "debug"].map(|name| folder.join(name).join("libamdhip64.so"));
    candidates.into_iter().find(|path| path.is_file())
}

/// A context for a GPU of that size.
pub fn on_gpu(compute_units: u32) -> Context {
    Context::new(None).on_gpu(Gpu { ordinal: 0, compute_units })
}

/// Bytes on the device.
pub struct OnDevice {
    memory: DeviceMemory,
}

fn null_stream() -> StreamRef {
    StreamRef::from_address(0)
}

impl OnDevice {
    pub fn from_bytes(bytes: &[u8]) -> OnDevice {
        let memory = DeviceMemory::new(bytes.len().max(4)).unwrap();
        let staging = PinnedMemory::new(bytes.len().max(4)).unwrap();
        // SAFETY: as long as the bytes, and nothing was enqueued with it yet.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), staging.as_mut_ptr(), bytes.len());
            staging.copy_to_device(0, memory.address(), bytes.len(), null_stream()).unwrap();
        }
        null_stream().synchronize().unwrap();
        OnDevice { memory }
    }

    /// As long as that, and filled with what the runtime fills it with.
    pub fn of_length(bytes: usize) -> OnDevice {
        OnDevice { memory: DeviceMemory::new(bytes).unwrap() }
    }

    /// Writes bytes at an offset.
    pub fn put(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.memory.len_bytes());
        let staging = PinnedMemory::new(bytes.len()).unwrap();
        let address = self.memory.address() + offset as u64;
        // SAFETY: within the memory, and waited for.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), staging.as_mut_ptr(), bytes.len());
            staging.copy_to_device(0, address, bytes.len(), null_stream()).unwrap();
        }
        null_stream().synchronize().unwrap();
    }

    pub fn to_bytes(&self, length: usize) -> Vec<u8> {
        self.get(0, length)
    }

    /// Bytes from an offset on.
    pub fn get(&self, offset: usize, length: usize) -> Vec<u8> {
        assert!(offset + length <= self.memory.len_bytes());
        let staging = PinnedMemory::new(length.max(4)).unwrap();
        let mut bytes = vec![0; length];
        let address = self.memory.address() + offset as u64;
        // SAFETY: both memories are at least that long; the copy is done before it is looked at.
        unsafe {
            staging.copy_from_device(0, address, length, null_stream()).unwrap();
            null_stream().synchronize().unwrap();
            std::ptr::copy_nonoverlapping(staging.as_mut_ptr(), bytes.as_mut_ptr(), length);
        }
        bytes
    }

    pub fn pointer(&self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.memory.address() as usize)
    }
}

/// The whole span of a tensor, gaps included.
pub fn bytes_of(tensor: &TestTensor) -> Vec<u8> {
    match tensor.input() {
        InputBuffer::F32(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
        InputBuffer::F16(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
        InputBuffer::BF16(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
        InputBuffer::I8(v) => v.iter().flat_map(|e| e.to_ne_bytes()).collect(),
    }
}

pub fn set_bytes(tensor: &mut TestTensor, bytes: &[u8]) {
    let half = |at: usize| [bytes[2 * at], bytes[2 * at + 1]];
    match tensor.output() {
        OutputBuffer::F32(v) => {
            for (to, from) in v.iter_mut().zip(bytes.chunks_exact(4)) {
                *to = f32::from_ne_bytes(from.try_into().unwrap());
            }
        }
        OutputBuffer::F16(v) => {
            v.iter_mut().enumerate().for_each(|(at, to)| *to = half::f16::from_ne_bytes(half(at)));
        }
        OutputBuffer::BF16(v) => {
            v.iter_mut().enumerate().for_each(|(at, to)| *to = half::bf16::from_ne_bytes(half(at)));
        }
        _ => panic!("no kernels for integers"),
    }
}

/// Runs a plan on the device and brings the output back; canaries in gaps are checked.
pub fn run_on_device(
    plan: &dyn Plan,
    context: &Context,
    problem: &ConvProblem,
    inputs: &[TestTensor; 2],
    output: &mut TestTensor,
    options: RunOptions,
) {
    let on_device = inputs.each_ref().map(|tensor| OnDevice::from_bytes(&bytes_of(tensor)));
    let out_bytes = bytes_of(output);
    let out = OnDevice::from_bytes(&out_bytes);
    let workspace_bytes = if options.grants_workspace { plan.workspace_bytes() } else { 0 };
    let workspace = DeviceMemory::new(workspace_bytes.max(4)).unwrap();
    let pointer = |role: Role| {
        let roles = problem.direction().input_roles();
        match roles.iter().position(|&input| input == role) {
            Some(at) => on_device[at].pointer(),
            None => out.pointer(),
        }
    };
    let pointers = [Role::X, Role::W, Role::Y].map(pointer);
    let workspace_pointer = if workspace_bytes == 0 {
        std::ptr::null_mut()
    } else {
        std::ptr::with_exposed_provenance_mut(workspace.address() as usize)
    };
    // SAFETY: all live until the stream was waited for.
    let buffers = unsafe {
        DeviceBuffers::new(
            problem,
            pointers,
            workspace_pointer,
            workspace_bytes,
            std::ptr::null_mut(),
        )
    };
    let mut args = ConvArgs {
        buffers: Buffers::Device(buffers.unwrap()),
        alpha: options.alpha,
        beta: options.beta,
        workspace: &mut [],
    };
    plan.execute(context, &mut args).unwrap_or_else(|error| panic!("{error}: {problem:?}"));
    null_stream().synchronize().unwrap_or_else(|error| panic!("{error}: {problem:?}"));
    set_bytes(output, &out.to_bytes(out_bytes.len()));
    output.check_canaries();
    for (tensor, copy) in inputs.iter().zip(&on_device) {
        assert!(copy.to_bytes(bytes_of(tensor).len()) == bytes_of(tensor), "an input was written");
    }
}
