//! The interface as a client sees it: streams, events, faults on request, devices, KFD.
//!
//! Settings are read once a process, so that a test that needs some runs itself again as a child.

mod common;

use std::ffi::{CStr, c_char, c_void};
use std::process::Command;
use std::ptr::null_mut;

use amdhip64::api::properties::{
    PropertiesOld, PropertiesR0600, hipGetDeviceProperties, hipGetDevicePropertiesR0600,
};
use amdhip64::api::{device, event, launch, memory, stream};
use common::{
    AsmKernel, Buffer, asm_file, assemble, function, last_fault, load, ok, run_kernel, session,
};

const OUT_OF_MEMORY: i32 = 2;
const NO_BINARY_FOR_GPU: i32 = 209;
const INVALID_HANDLE: i32 = 400;
const NOT_READY: i32 = 600;
const LAUNCH_FAILURE: i32 = 719;

/// True in the child, where the settings hold; the parent checks that the child did well.
fn in_child(test: &str, settings: &[(&str, &str)]) -> bool {
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

/// `out[i] = in[i] + 1` over 32 words.
const INCREMENT: &str = "s_load_dwordx4 s[8:11], s[0:1], 0x0\nv_lshlrev_b32 v1, 2, v0\n\
    s_waitcnt lgkmcnt(0)\nglobal_load_dword v2, v1, s[8:9]\ns_waitcnt vmcnt(0)\n\
    v_add_nc_u32 v2, 1, v2\nglobal_store_dword v1, v2, s[10:11]";

fn increment_code(processor: &str) -> Option<Vec<u8>> {
    let kernel = AsmKernel { name: "increment", body: INCREMENT, lds_bytes: 0, workgroup: 32 };
    assemble(&asm_file(&[kernel], processor), processor)
}

fn new_stream(flags: u32) -> *mut c_void {
    let mut handle = null_mut();
    // SAFETY: a valid pointer.
    ok(unsafe { stream::hipStreamCreateWithFlags(&mut handle, flags) });
    handle
}

fn new_event() -> *mut c_void {
    let mut handle = null_mut();
    // SAFETY: a valid pointer.
    ok(unsafe { event::hipEventCreate(&mut handle) });
    handle
}

fn pinned(words: &[u32]) -> *mut u32 {
    let mut address = null_mut();
    // SAFETY: a valid pointer, then room for that many words.
    unsafe {
        ok(memory::hipHostMalloc(&mut address, size_of_val(words), 0));
        std::ptr::copy_nonoverlapping(words.as_ptr(), address.cast(), words.len());
    }
    address.cast()
}

fn read_pinned(address: *const u32) -> [u32; 32] {
    // SAFETY: 32 words were allocated.
    unsafe { address.cast::<[u32; 32]>().read() }
}

/// Queues `increment` without waiting.
fn queue_increment(function: *mut c_void, from: &Buffer, to: &Buffer, stream: *mut c_void) -> i32 {
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

#[test]
fn nothing_happens_before_it_is_waited_for() {
    let Some(code) = increment_code("gfx1010") else { return };
    let _one = session();
    let kernel = function(load(&code), "increment");
    let (source, result) = (pinned(&[41; 32]), pinned(&[0; 32]));
    let (a, b) = (Buffer::new(128), Buffer::new(128));
    let first = new_stream(1);
    // SAFETY: live buffers of 128 bytes.
    unsafe {
        ok(memory::hipMemcpyAsync(a.address, source.cast(), 128, 1, first));
        ok(queue_increment(kernel, &a, &b, first));
        ok(memory::hipMemcpyAsync(result.cast(), b.address, 128, 2, first));
        assert_eq!(read_pinned(result), [0; 32], "nobody waited");
        // Overwriting the source before the copy ran is the client's mistake, and it shows.
        source.write(10);
        assert_eq!(stream::hipStreamQuery(first), NOT_READY);
        ok(stream::hipStreamSynchronize(first));
        let mut want = [42; 32];
        want[0] = 11;
        assert_eq!(read_pinned(result), want);
        assert_eq!(stream::hipStreamQuery(first), 0);
        ok(stream::hipStreamDestroy(first));
        ok(memory::hipHostFree(source.cast()));
        ok(memory::hipHostFree(result.cast()));
    }
}

#[test]
fn streams_are_ordered_by_events_alone() {
    let Some(code) = increment_code("gfx1010") else { return };
    let _one = session();
    let kernel = function(load(&code), "increment");
    let poison = u32::from_ne_bytes([0xa5, 0x7f, 0xa5, 0x7f]);
    for with_event in [false, true] {
        let source = pinned(&[5; 32]);
        let (a, b, c) = (Buffer::new(128), Buffer::new(128), Buffer::new(128));
        let (first, second) = (new_stream(1), new_stream(1));
        let done = new_event();
        // SAFETY: live buffers and handles.
        unsafe {
            ok(memory::hipMemcpyAsync(a.address, source.cast(), 128, 1, first));
            ok(queue_increment(kernel, &a, &b, first));
            ok(event::hipEventRecord(done, first));
            if with_event {
                ok(stream::hipStreamWaitEvent(second, done, 0));
            }
            ok(queue_increment(kernel, &b, &c, second));
            ok(stream::hipStreamSynchronize(second));
        }
        let want = if with_event { 7 } else { poison.wrapping_add(1) };
        assert_eq!(c.read::<u32>(), [want; 32], "with event: {with_event}");
        // SAFETY: live handles.
        unsafe {
            ok(stream::hipStreamSynchronize(first));
            ok(memory::hipHostFree(source.cast()));
        }
    }
}

#[test]
fn the_default_stream_waits_for_blocking_streams() {
    let Some(code) = increment_code("gfx1010") else { return };
    let _one = session();
    let kernel = function(load(&code), "increment");
    for (flags, waits) in [(0, true), (1, false)] {
        let (a, b) = (Buffer::from(&[1u32; 32]), Buffer::new(128));
        let own = new_stream(flags);
        ok(queue_increment(kernel, &a, &b, own));
        let value = b.read::<u32>()[0];
        assert_eq!(value == 2, waits, "flags {flags}: {value:#x}");
        // SAFETY: a live handle.
        unsafe { ok(stream::hipStreamSynchronize(own)) };
    }
}

#[test]
fn events_measure_the_model() {
    let Some(code) = increment_code("gfx1010") else { return };
    let _one = session();
    let kernel = function(load(&code), "increment");
    let (a, b) = (Buffer::from(&[1u32; 32]), Buffer::new(128));
    let mut times = Vec::new();
    for _ in 0..2 {
        let (start, stop) = (new_event(), new_event());
        // SAFETY: live handles.
        unsafe {
            let mut ms = 0.0;
            assert_eq!(event::hipEventElapsedTime(&mut ms, start, stop), INVALID_HANDLE);
            ok(event::hipEventRecord(start, null_mut()));
            ok(queue_increment(kernel, &a, &b, null_mut()));
            ok(event::hipEventRecord(stop, null_mut()));
            assert_eq!(event::hipEventQuery(stop), NOT_READY);
            assert_eq!(event::hipEventElapsedTime(&mut ms, start, stop), NOT_READY);
            ok(event::hipEventSynchronize(stop));
        }
        times.push(common::elapsed_ms(start, stop));
        // SAFETY: live handles, each once.
        unsafe {
            ok(event::hipEventDestroy(start));
            ok(event::hipEventDestroy(stop));
            assert_eq!(event::hipEventDestroy(stop), INVALID_HANDLE);
        }
    }
    assert!(times[0] > 0.0);
    assert!((times[0] - times[1]).abs() < 1e-6, "{times:?}");
}

#[test]
fn memory_has_a_limit_and_a_memory() {
    if !in_child("memory_has_a_limit_and_a_memory", &[("SIMHIP_MEMORY", "1M")]) {
        return;
    }
    let mut address = null_mut();
    let (mut free, mut total) = (0, 0);
    let kept = Buffer::new(600 << 10);
    // SAFETY: valid pointers; what is wrong is wrong on purpose and must be refused.
    unsafe {
        assert_eq!(memory::hipMalloc(&mut address, 600 << 10), OUT_OF_MEMORY);
        assert_eq!(device::hipGetLastError(), OUT_OF_MEMORY);
        assert_eq!(device::hipGetLastError(), 0);
        ok(device::hipMemGetInfo(&mut free, &mut total));
        assert_eq!((free, total), (424 << 10, 1 << 20));
        ok(memory::hipMalloc(&mut address, 1024));
        let mut bytes = [0u8; 64];
        let to = bytes.as_mut_ptr().cast::<c_void>();
        ok(memory::hipMemcpy(to, address, 64, 2));
        assert_eq!(bytes[..2], [0xa5, 0x7f], "fresh memory is poison");
        // Beyond the end, inside with a wrong start, freed twice, read after the end of its life.
        assert_eq!(memory::hipMemcpy(to, address.byte_add(1000), 64, 2), 1);
        assert_eq!(memory::hipFree(address.byte_add(16)), 1);
        ok(memory::hipFree(address));
        assert_eq!(memory::hipFree(address), 1);
        assert_eq!(memory::hipMemcpy(to, address, 64, 2), 1);
        ok(memory::hipFree(null_mut()));
    }
    drop(kept);
}

#[test]
fn the_host_cannot_follow_a_device_pointer() {
    const NAME: &str = "the_host_cannot_follow_a_device_pointer";
    if std::env::var("SIMHIP_TEST_CHILD").as_deref() == Ok(NAME) {
        let buffer = Buffer::new(64);
        // SAFETY: the address is reserved for us; reading it must stop the process.
        let value = unsafe { buffer.address.cast::<u32>().read_volatile() };
        println!("read {value}");
        std::process::exit(0);
    }
    use std::os::unix::process::ExitStatusExt;
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program)
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env("SIMHIP_TEST_CHILD", NAME)
        .output()
        .expect("child runs");
    assert_eq!(output.status.signal(), Some(11), "{:?}", output.status);
}

#[test]
fn calls_fail_on_request() {
    let settings =
        "hipMalloc@2=hipErrorOutOfMemory,hipModuleLaunchKernel@1+=719,hipEventCreate=999";
    if !in_child("calls_fail_on_request", &[("SIMHIP_FAIL", settings)]) {
        return;
    }
    let Some(code) = increment_code("gfx1010") else { return };
    let kernel = function(load(&code), "increment");
    let mut address = null_mut();
    let a = Buffer::new(128);
    // SAFETY: valid pointers.
    unsafe {
        assert_eq!(memory::hipMalloc(&mut address, 64), OUT_OF_MEMORY);
        assert_eq!(event::hipEventCreate(&mut address), 999);
        let name = CStr::from_ptr(device::hipGetErrorName(OUT_OF_MEMORY));
        assert_eq!(name, c"hipErrorOutOfMemory");
    }
    let b = Buffer::new(128);
    for _ in 0..2 {
        assert_eq!(queue_increment(kernel, &a, &b, null_mut()), LAUNCH_FAILURE);
    }
}

#[test]
fn a_device_is_lost() {
    if !in_child("a_device_is_lost", &[("SIMHIP_LOST", "2")]) {
        return;
    }
    let Some(code) = increment_code("gfx1010") else { return };
    let kernel = function(load(&code), "increment");
    let (a, b) = (Buffer::from(&[1u32; 32]), Buffer::new(128));
    ok(queue_increment(kernel, &a, &b, null_mut()));
    // SAFETY: valid pointers and handles.
    unsafe {
        ok(device::hipDeviceSynchronize());
        ok(queue_increment(kernel, &a, &b, null_mut()));
        assert_eq!(device::hipDeviceSynchronize(), LAUNCH_FAILURE);
        let mut address = null_mut();
        assert_eq!(memory::hipMalloc(&mut address, 64), LAUNCH_FAILURE);
        assert_eq!(device::hipDeviceReset(), LAUNCH_FAILURE, "no reset brings it back");
    }
}

#[test]
fn a_kernel_hangs() {
    if !in_child("a_kernel_hangs", &[("SIMHIP_HANG", "incr")]) {
        return;
    }
    let Some(code) = increment_code("gfx1010") else { return };
    let kernel = function(load(&code), "increment");
    let (a, b) = (Buffer::from(&[1u32; 32]), Buffer::new(128));
    let (hung, other) = (new_stream(1), new_stream(1));
    let (never, done) = (new_event(), new_event());
    ok(queue_increment(kernel, &a, &b, hung));
    // SAFETY: live handles.
    unsafe {
        ok(event::hipEventRecord(never, hung));
        for _ in 0..20 {
            assert_eq!(event::hipEventQuery(never), NOT_READY);
            assert_eq!(stream::hipStreamQuery(hung), NOT_READY);
        }
        ok(memory::hipMemsetAsync(a.address, 0, 128, other));
        ok(event::hipEventRecord(done, other));
        ok(event::hipEventSynchronize(done));
    }
    // Freeing would wait for ever, as on a card.
    std::mem::forget((a, b));
}

#[test]
fn an_endless_loop_ends() {
    if !in_child("an_endless_loop_ends", &[("SIMHIP_LIMIT", "10000")]) {
        return;
    }
    let kernel =
        AsmKernel { name: "loop", body: ".Lagain:\ns_branch .Lagain", lds_bytes: 0, workgroup: 32 };
    let Some(code) = assemble(&asm_file(&[kernel], "gfx1010"), "gfx1010") else { return };
    let error = run_kernel(function(load(&code), "loop"), [1, 1, 1], [32, 1, 1], &[0; 16]);
    assert_eq!(error, LAUNCH_FAILURE);
    assert!(last_fault().contains("\"kind\":\"runaway\""), "{}", last_fault());
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&b| b == 0).expect("terminated");
    std::str::from_utf8(&bytes[..end]).expect("text")
}

/// The same machine code with the label of another processor of the same length.
fn relabel(code: &[u8], machine: u8, from: &str, to: &str) -> Vec<u8> {
    let mut code = code.to_vec();
    code[48] = machine;
    let at = code.windows(from.len()).position(|w| w == from.as_bytes()).expect("target");
    code[at..at + to.len()].copy_from_slice(to.as_bytes());
    code
}

#[test]
fn an_override_is_seen_through() {
    let folder = common::scratch();
    let kfd = folder.to_str().expect("text").to_string();
    let settings = [
        ("HSA_OVERRIDE_GFX_VERSION", "10.3.0"),
        ("SIMHIP_ARCH", "gfx1010,gfx1012"),
        ("SIMHIP_KFD", &kfd),
        ("SIMHIP_KFD_REVERSED", "1"),
    ];
    if !in_child("an_override_is_seen_through", &settings) {
        let read = |node: u32| {
            std::fs::read_to_string(folder.join(format!("topology/nodes/{node}/properties")))
        };
        let line = |node: u32, key: &str| {
            let file = read(node).expect("node");
            let found =
                file.lines().find_map(|l| l.strip_prefix(&format!("{key} ")).map(str::to_string));
            found.unwrap_or_else(|| panic!("no {key} in node {node}"))
        };
        assert_eq!(line(0, "gfx_target_version"), "0");
        assert_eq!(
            (line(1, "gfx_target_version"), line(1, "location_id")),
            ("100102".into(), (7 << 8).to_string())
        );
        assert_eq!(
            (line(2, "gfx_target_version"), line(2, "location_id")),
            ("100100".into(), (3 << 8).to_string())
        );
        assert_eq!((line(2, "vendor_id"), line(2, "domain")), ("4098".into(), "0".into()));
        std::fs::remove_dir_all(folder).expect("scratch folder");
        return;
    }
    let mut count = 0;
    let mut id: [c_char; 32] = [0; 32];
    // SAFETY: valid pointers, structs of the right layout; all zero is a value of both.
    let (old, new) = unsafe {
        ok(device::hipGetDeviceCount(&mut count));
        ok(device::hipDeviceGetPCIBusId(id.as_mut_ptr(), 32, 1));
        let (mut old, mut new) =
            (std::mem::zeroed::<PropertiesOld>(), std::mem::zeroed::<PropertiesR0600>());
        ok(hipGetDeviceProperties(&mut old, 1));
        ok(hipGetDevicePropertiesR0600(&mut new, 1));
        (old, new)
    };
    assert_eq!(count, 2);
    assert_eq!(text(&id.map(|c| c as u8)), "0000:07:00.0");
    assert_eq!((text(&old.gcn_arch_name), text(&new.gcn_arch_name)), ("gfx1030", "gfx1030"));
    assert_eq!((old.major, old.minor, new.warp_size, new.pci_bus_id), (10, 3, 32, 7));
    let Some(code) = increment_code("gfx1010") else { return };
    let mut module = null_mut();
    // SAFETY: a whole code object.
    let error = unsafe { launch::hipModuleLoadData(&mut module, code.as_ptr().cast()) };
    assert_eq!(error, NO_BINARY_FOR_GPU, "the runtime asks for gfx1030");
    let relabelled = relabel(&code, 0x36, "gfx1010", "gfx1030");
    let kernel = function(load(&relabelled), "increment");
    let (a, b) = (Buffer::from(&[1u32; 32]), Buffer::new(128));
    ok(queue_increment(kernel, &a, &b, null_mut()));
    assert_eq!(b.read::<u32>(), [2; 32]);
    // What gfx1030 has and the silicon lacks is no instruction here.
    let body = "v_mov_b32 v1, 0\nv_mov_b32 v2, 0\nv_mov_b32 v3, 0\nv_dot2_f32_f16 v1, v2, v3, v1";
    let kernel = AsmKernel { name: "dot", body, lds_bytes: 0, workgroup: 32 };
    let Some(code) = assemble(&asm_file(&[kernel], "gfx1030"), "gfx1030") else { return };
    let error = run_kernel(function(load(&code), "dot"), [1, 1, 1], [32, 1, 1], &[0; 16]);
    assert_eq!(error, LAUNCH_FAILURE);
    assert!(last_fault().contains("unknown_instruction"), "{}", last_fault());
}

#[test]
fn two_devices_have_their_own_memory() {
    if !in_child("two_devices_have_their_own_memory", &[("SIMHIP_DEVICES", "2")]) {
        return;
    }
    let Some(code) = increment_code("gfx1010") else { return };
    let a = Buffer::from(&[1u32; 32]);
    // SAFETY: a device that exists, then valid handles.
    unsafe {
        ok(device::hipSetDevice(1));
        let kernel = function(load(&code), "increment");
        let b = Buffer::new(128);
        ok(queue_increment(kernel, &a, &b, null_mut()));
        assert_eq!(device::hipDeviceSynchronize(), LAUNCH_FAILURE);
        assert!(last_fault().contains("out_of_range"), "{}", last_fault());
        ok(device::hipDeviceReset());
        ok(device::hipSetDevice(0));
        // The error stayed with its device; a function of one is none of the other.
        ok(device::hipDeviceSynchronize());
        assert_eq!(queue_increment(kernel, &a, &b, null_mut()), INVALID_HANDLE);
        assert_eq!(device::hipSetDevice(2), 101);
    }
}

fn kind_of(address: *const c_void) -> (i32, i32) {
    let mut bytes = [0i32; 8];
    // SAFETY: room for the struct, whose first two fields are kind and device.
    let error = unsafe { memory::hipPointerGetAttributes(bytes.as_mut_ptr().cast(), address) };
    if error == 0 { (bytes[0], bytes[1]) } else { (-error, -1) }
}

#[test]
fn pointer_kinds_of_rocm_5_and_6() {
    let mut own = 0u32;
    let own = (&raw mut own).cast::<c_void>();
    for (version, device_kind, host_kind, unknown) in [("5.2", 1, 0, -1), ("6.0", 2, 1, 0)] {
        if std::env::var("SIMHIP_TEST_CHILD").is_err() {
            assert!(!in_child("pointer_kinds_of_rocm_5_and_6", &[("SIMHIP_ROCM", version)]));
            continue;
        }
        if std::env::var("SIMHIP_ROCM").as_deref() != Ok(version) {
            continue;
        }
        let buffer = Buffer::new(64);
        let host = pinned(&[0; 4]);
        assert_eq!(kind_of(buffer.address), (device_kind, 0));
        assert_eq!(kind_of(host.cast()).0, host_kind);
        assert_eq!(kind_of(own).0, unknown);
    }
}

#[test]
fn launches_and_findings_are_reported() {
    let folder = common::scratch();
    let report = folder.join("report.jsonl");
    let path = report.to_str().expect("text").to_string();
    if !in_child("launches_and_findings_are_reported", &[("SIMHIP_REPORT", &path)]) {
        if common::tool("llvm-mc").is_none() {
            return;
        }
        let text = std::fs::read_to_string(&report).expect("report");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("{\"event\":\"launch\""), "{text}");
        assert_eq!(common::field(lines[0], "vmem_load_bytes"), 128);
        assert_eq!(common::field(lines[0], "valu_other"), 2);
        assert_eq!(common::field(lines[0], "v_add_nc_u32"), 1);
        assert!(lines[1].contains("\"kind\":\"out_of_range\""), "{text}");
        std::fs::remove_dir_all(folder).expect("scratch folder");
        return;
    }
    let Some(code) = increment_code("gfx1010") else { return };
    let kernel = function(load(&code), "increment");
    let (a, b, small) = (Buffer::from(&[1u32; 32]), Buffer::new(128), Buffer::new(100));
    ok(queue_increment(kernel, &a, &b, null_mut()));
    ok(queue_increment(kernel, &a, &small, null_mut()));
    // SAFETY: no arguments.
    assert_eq!(unsafe { device::hipDeviceSynchronize() }, LAUNCH_FAILURE);
}

/// The library itself, as a client loads it.
#[test]
fn the_library_loads() {
    let program = std::env::current_exe().expect("own path");
    let folder = program.parent().expect("folder");
    let path = folder.join("libamdhip64.so");
    if !path.is_file() {
        println!("skipped: no {}", path.display());
        return;
    }
    // SAFETY: our own library, whose start-up does nothing; signatures as declared in HIP.
    unsafe {
        let library = libloading::os::unix::Library::new(&path).expect("loads");
        let init: libloading::os::unix::Symbol<unsafe extern "C" fn(u32) -> i32> =
            library.get(b"hipInit").expect("hipInit");
        assert_eq!(init(0), 0);
        let version: libloading::os::unix::Symbol<unsafe extern "C" fn(*mut i32) -> i32> =
            library.get(b"hipRuntimeGetVersion").expect("hipRuntimeGetVersion");
        let mut number = 0;
        assert_eq!(version(&mut number), 0);
        assert_eq!(number, 50221153);
    }
}
