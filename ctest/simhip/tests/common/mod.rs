//! What the tests share: LLVM's tools, and a thin client of the HIP interface.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

use amdhip64::api::{event, launch, memory, stream};
use amdhip64::decode::objdump::find_tool;

/// A folder of this process for intermediate files.
pub fn scratch() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("simhip-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("scratch folder");
    folder
}

/// Path of a tool, or the reason to skip, which is printed.
pub fn tool(name: &str) -> Option<PathBuf> {
    let found = find_tool(name);
    if found.is_none() {
        println!("skipped: no {name}; install clang-19 lld-19 llvm-19");
    }
    found
}

fn run(command: &mut Command) {
    let output = command.output().expect("tool runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{message}");
}

/// Assembles and links a code object; `None` (and a printed reason) without the tools.
pub fn assemble(source: &str, processor: &str) -> Option<Vec<u8>> {
    let (assembler, linker) = (tool("llvm-mc")?, tool("ld.lld")?);
    let folder = scratch();
    let (text, object, image) = (folder.join("k.s"), folder.join("k.o"), folder.join("k.co"));
    std::fs::write(&text, source).expect("write source");
    run(Command::new(assembler)
        .args(["-triple=amdgcn-amd-amdhsa", &format!("-mcpu={processor}"), "-filetype=obj"])
        .args(["--amdhsa-code-object-version=4", "-o"])
        .args([&object, &text]));
    run(Command::new(linker).arg("-shared").arg(&object).arg("-o").arg(&image));
    let bytes = std::fs::read(&image).expect("code object");
    std::fs::remove_dir_all(folder).expect("scratch folder");
    Some(bytes)
}

/// Compiles HIP C++ for a processor; `None` (and a printed reason) without the tools.
pub fn compile(source: &Path, processor: &str) -> Option<Vec<u8>> {
    let (compiler, _) = (tool("clang")?, tool("ld.lld")?);
    let folder = scratch();
    let image = folder.join("k.co");
    run(Command::new(compiler)
        .args(["-x", "hip", "--cuda-device-only", &format!("--offload-arch={processor}")])
        .args(["-nogpulib", "-nogpuinc", "-std=c++17", "-O3", "-mcode-object-version=4"])
        .args(["-mcumode", "--no-gpu-bundle-output"])
        .arg(source)
        .arg("-o")
        .arg(&image));
    let bytes = std::fs::read(&image).expect("code object");
    std::fs::remove_dir_all(folder).expect("scratch folder");
    Some(bytes)
}

/// `tests/kernels/NAME`.
pub fn kernel_source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels").join(name)
}

/// One kernel of an assembly file: its code between `name:` and the end.
pub struct AsmKernel<'a> {
    pub name: &'a str,
    pub body: &'a str,
    pub lds_bytes: u32,
    pub workgroup: u32,
}

/// A whole assembly file: kernels with two pointers as arguments in `s[0:1]`, workgroup in `s2`,
/// work-item in `v0`, 32 vector registers.
pub fn asm_file(kernels: &[AsmKernel], processor: &str) -> String {
    let mut text = format!(".amdgcn_target \"amdgcn-amd-amdhsa--{processor}\"\n.text\n");
    let mut metadata = String::new();
    for AsmKernel { name, body, lds_bytes, workgroup } in kernels {
        text += &format!(
            ".globl {name}\n.p2align 8\n.type {name},@function\n{name}:\n{body}\ns_endpgm\n\
             .L{name}_end:\n.size {name}, .L{name}_end-{name}\n\
             .rodata\n.p2align 6\n.amdhsa_kernel {name}\n\
             .amdhsa_group_segment_fixed_size {lds_bytes}\n.amdhsa_user_sgpr_kernarg_segment_ptr 1\n\
             .amdhsa_kernarg_size 16\n.amdhsa_system_sgpr_workgroup_id_x 1\n\
             .amdhsa_next_free_vgpr 32\n.amdhsa_next_free_sgpr 64\n.amdhsa_wavefront_size32 1\n\
             .amdhsa_float_denorm_mode_32 3\n.amdhsa_float_denorm_mode_16_64 3\n\
             .end_amdhsa_kernel\n.text\n"
        );
        metadata += &format!(
            "  - .args:\n      - {{.offset: 0, .size: 8, .value_kind: global_buffer, .address_space: global}}\n\
             \u{20}     - {{.offset: 8, .size: 8, .value_kind: global_buffer, .address_space: global}}\n\
             \u{20}   .group_segment_fixed_size: {lds_bytes}\n    .kernarg_segment_align: 8\n\
             \u{20}   .kernarg_segment_size: 16\n    .max_flat_workgroup_size: {workgroup}\n\
             \u{20}   .name: {name}\n    .private_segment_fixed_size: 0\n    .sgpr_count: 64\n\
             \u{20}   .symbol: {name}.kd\n    .vgpr_count: 32\n    .wavefront_size: 32\n"
        );
    }
    text += &format!(
        ".amdgpu_metadata\n---\namdhsa.kernels:\n{metadata}amdhsa.target: amdgcn-amd-amdhsa--{processor}\n\
         amdhsa.version:\n  - 1\n  - 1\n...\n.end_amdgpu_metadata\n"
    );
    text
}

pub fn ok(code: i32) {
    assert_eq!(code, 0, "HIP error {}", amdhip64::error::HipError(code).name());
}

/// Device memory that frees itself.
pub struct Buffer {
    pub address: *mut c_void,
    pub bytes: usize,
}

impl Buffer {
    pub fn new(bytes: usize) -> Self {
        let mut address = null_mut();
        // SAFETY: a valid pointer to write to.
        ok(unsafe { memory::hipMalloc(&mut address, bytes) });
        Buffer { address, bytes }
    }

    pub fn from<T: Copy>(values: &[T]) -> Self {
        let buffer = Self::new(size_of_val(values));
        let source = values.as_ptr().cast();
        // SAFETY: both sides have that many bytes.
        ok(unsafe { memory::hipMemcpy(buffer.address, source, buffer.bytes, 1) });
        buffer
    }

    pub fn read<T: Copy + Default>(&self) -> Vec<T> {
        let mut values = vec![T::default(); self.bytes / size_of::<T>()];
        // SAFETY: both sides have that many bytes.
        ok(unsafe { memory::hipMemcpy(values.as_mut_ptr().cast(), self.address, self.bytes, 2) });
        values
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: our own allocation.
        unsafe { memory::hipFree(self.address) };
    }
}

pub fn load(code_object: &[u8]) -> *mut c_void {
    let mut module = null_mut();
    // SAFETY: a whole code object.
    ok(unsafe { launch::hipModuleLoadData(&mut module, code_object.as_ptr().cast()) });
    module
}

pub fn function(module: *mut c_void, name: &str) -> *mut c_void {
    let name = CString::new(name).expect("no zero in a name");
    let mut function = null_mut();
    // SAFETY: a terminated name.
    ok(unsafe { launch::hipModuleGetFunction(&mut function, module, name.as_ptr()) });
    function
}

/// Launches with arguments as packed bytes and waits; gives the error of either.
pub fn run_kernel(function: *mut c_void, grid: [u32; 3], block: [u32; 3], arguments: &[u8]) -> i32 {
    let mut bytes = arguments.to_vec();
    let mut size = bytes.len();
    let at = |n: usize| std::ptr::without_provenance_mut::<c_void>(n);
    let mut extra = [at(1), bytes.as_mut_ptr().cast(), at(2), (&raw mut size).cast(), at(3)];
    let [gx, gy, gz] = grid;
    let [bx, by, bz] = block;
    // SAFETY: the argument list ends, and points to live data.
    let code = unsafe {
        launch::hipModuleLaunchKernel(
            function,
            gx,
            gy,
            gz,
            bx,
            by,
            bz,
            0,
            null_mut(),
            null_mut(),
            extra.as_mut_ptr(),
        )
    };
    if code != 0 {
        return code;
    }
    // SAFETY: the default stream.
    unsafe { stream::hipStreamSynchronize(null_mut()) }
}

/// Arguments one after the other; every one in its natural alignment if the client orders them so.
pub fn pack(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Kind of the last finding.
pub fn last_fault() -> String {
    text_of(launch::simhip_last_fault)
}

pub fn last_launch() -> String {
    text_of(launch::simhip_last_launch)
}

fn text_of(get: unsafe extern "C" fn(*mut i8, usize) -> usize) -> String {
    let mut bytes = vec![0u8; 1 << 16];
    // SAFETY: the buffer has that size.
    let count = unsafe { get(bytes.as_mut_ptr().cast(), bytes.len()) };
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// A number from a report.
pub fn field(json: &str, name: &str) -> u64 {
    let key = format!("\"{name}\":");
    let at = json.find(&key).unwrap_or_else(|| panic!("no {name} in {json}")) + key.len();
    let digits: String = json[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// A repeatable stream of numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }
    /// Between -1 and 1.
    pub fn unit(&mut self) -> f32 {
        self.next() as f32 / (1u32 << 30) as f32 - 1.0
    }
}

pub fn elapsed_ms(start: *mut c_void, stop: *mut c_void) -> f32 {
    let mut milliseconds = 0.0;
    // SAFETY: two events.
    ok(unsafe { event::hipEventElapsedTime(&mut milliseconds, start, stop) });
    milliseconds
}

/// One test at a time on the device, which starts without the errors of the one before.
pub fn session() -> std::sync::MutexGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(|e| e.into_inner());
    // SAFETY: no arguments.
    unsafe { amdhip64::api::device::hipDeviceReset() };
    guard
}

pub const OUT_OF_MEMORY: i32 = 2;
pub const NO_BINARY_FOR_GPU: i32 = 209;
pub const INVALID_HANDLE: i32 = 400;
pub const NOT_READY: i32 = 600;
pub const LAUNCH_FAILURE: i32 = 719;

/// `out[i] = in[i] + 1` over 32 words.
pub const INCREMENT: &str = "s_load_dwordx4 s[8:11], s[0:1], 0x0\nv_lshlrev_b32 v1, 2, v0\n\
    s_waitcnt lgkmcnt(0)\nglobal_load_dword v2, v1, s[8:9]\ns_waitcnt vmcnt(0)\n\
    v_add_nc_u32 v2, 1, v2\nglobal_store_dword v1, v2, s[10:11]";

/// True in the child, where the settings hold; the parent checks that the child did well.
pub fn in_child(test: &str, settings: &[(&str, &str)]) -> bool {
    if std::env::var("SIMHIP_TEST_CHILD").as_deref() == Ok(test) {
        return true;
    }
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("SIMHIP_TEST_CHILD", test)
        .envs(settings.iter().copied())
        .output()
        .expect("child runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "child of {test}:\n{text}");
    false
}

pub fn increment_code(processor: &str) -> Option<Vec<u8>> {
    let kernel = AsmKernel { name: "increment", body: INCREMENT, lds_bytes: 0, workgroup: 32 };
    assemble(&asm_file(&[kernel], processor), processor)
}

pub fn new_stream(flags: u32) -> *mut c_void {
    let mut handle = null_mut();
    // SAFETY: a valid pointer.
    ok(unsafe { stream::hipStreamCreateWithFlags(&mut handle, flags) });
    handle
}

pub fn new_event() -> *mut c_void {
    let mut handle = null_mut();
    // SAFETY: a valid pointer.
    ok(unsafe { event::hipEventCreate(&mut handle) });
    handle
}

pub fn pinned(words: &[u32]) -> *mut u32 {
    let mut address = null_mut();
    // SAFETY: a valid pointer, then room for that many words.
    unsafe {
        ok(memory::hipHostMalloc(&mut address, size_of_val(words), 0));
        std::ptr::copy_nonoverlapping(words.as_ptr(), address.cast(), words.len());
    }
    address.cast()
}

/// Queues `increment` without waiting.
pub fn queue_increment(
    function: *mut c_void,
    from: &Buffer,
    to: &Buffer,
    stream: *mut c_void,
) -> i32 {
    let (mut from, mut to) = (from.address, to.address);
    let mut arguments: [*mut c_void; 2] = [(&raw mut from).cast(), (&raw mut to).cast()];
    // SAFETY: two pointers to live arguments.
    unsafe {
        launch::hipModuleLaunchKernel(
            function,
            1,
            1,
            1,
            32,
            1,
            1,
            0,
            stream,
            arguments.as_mut_ptr(),
            null_mut(),
        )
    }
}
