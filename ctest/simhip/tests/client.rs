//! The interface as a client sees it: streams, events, memory, reports.

mod common;

use std::ffi::c_void;
use std::process::Command;
use std::ptr::null_mut;

use amdhip64::api::{device, event, memory, stream};
use common::*;

fn read_pinned(address: *const u32) -> [u32; 32] {
    // SAFETY: 32 words were allocated.
    unsafe { address.cast::<[u32; 32]>().read() }
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
