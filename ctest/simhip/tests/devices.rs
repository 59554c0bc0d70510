//! Devices: several of them, under an override, failing, lost, hanging.

mod common;

use std::ffi::{CStr, c_char};
use std::ptr::null_mut;

use amdhip64::api::properties::{
    PropertiesOld, PropertiesR0600, hipGetDeviceProperties, hipGetDevicePropertiesR0600,
};
use amdhip64::api::{device, event, launch, memory, stream};
use common::*;

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
