//! Kernels with one mistake each, which must be found and named; and their right twins.

mod common;

use common::{
    AsmKernel, Buffer, asm_file, assemble, compile, function, kernel_source, last_fault, load,
    run_kernel, session,
};

const LAUNCH_FAILURE: i32 = 719;

/// Runs the assembly kernels one by one over a buffer of 4 KiB; gives the error and the finding.
fn run_asm(body: &str, lds_bytes: u32, workgroup: u32) -> Option<(i32, String)> {
    let kernel = AsmKernel { name: "kernel", body, lds_bytes, workgroup };
    let code = assemble(&asm_file(&[kernel], "gfx1010"), "gfx1010")?;
    let module = load(&code);
    let (input, output) = (Buffer::from(&[7u32; 1024]), Buffer::new(4096));
    let arguments = [input.address.addr(), output.address.addr()].map(usize::to_le_bytes).concat();
    let error = run_kernel(function(module, "kernel"), [1, 1, 1], [workgroup, 1, 1], &arguments);
    let finding = if error == 0 { String::new() } else { last_fault() };
    // SAFETY: no arguments.
    unsafe { amdhip64::api::device::hipDeviceReset() };
    Some((error, finding))
}

fn finds(kind: &str, body: &str, lds_bytes: u32, workgroup: u32) {
    let _one = session();
    let Some((error, finding)) = run_asm(body, lds_bytes, workgroup) else { return };
    assert_eq!(error, LAUNCH_FAILURE, "{body}");
    assert!(finding.contains(&format!("\"kind\":\"{kind}\"")), "{finding}");
    println!("{finding}");
}

fn passes(body: &str, lds_bytes: u32, workgroup: u32) {
    let _one = session();
    let Some((error, finding)) = run_asm(body, lds_bytes, workgroup) else { return };
    assert_eq!(error, 0, "{finding}");
}

const POINTERS: &str =
    "s_load_dwordx4 s[8:11], s[0:1], 0x0\ns_waitcnt lgkmcnt(0)\nv_lshlrev_b32 v1, 2, v0\n";

fn with_pointers(body: &str) -> String {
    format!("{POINTERS}{body}")
}

#[test]
fn missing_wait_of_a_vector_load() {
    let load = "global_load_dword v2, v1, s[8:9]\n";
    let store = "v_add_nc_u32 v3, 1, v2\nglobal_store_dword v1, v3, s[10:11]";
    finds("missing_wait", &with_pointers(&format!("{load}{store}")), 0, 32);
    passes(&with_pointers(&format!("{load}s_waitcnt vmcnt(0)\n{store}")), 0, 32);
    // The right count for the first of two, not for the second.
    let two = format!("{load}global_load_dword v4, v1, s[8:9]\ns_waitcnt vmcnt(1)\n");
    passes(&with_pointers(&format!("{two}{store}")), 0, 32);
    finds("missing_wait", &with_pointers(&format!("{two}v_mov_b32 v3, v4")), 0, 32);
    // Overwriting a register while its load is under way.
    finds("missing_wait", &with_pointers(&format!("{load}v_mov_b32 v2, 0")), 0, 32);
}

#[test]
fn missing_wait_of_a_scalar_load() {
    finds("missing_wait", "s_load_dwordx4 s[8:11], s[0:1], 0x0\ns_add_u32 s8, s8, 4", 0, 32);
    // With scalar loads in flight only a count of zero says anything.
    let two = "s_load_dwordx2 s[8:9], s[0:1], 0x0\ns_load_dwordx2 s[10:11], s[0:1], 0x8\n";
    finds("missing_wait", &format!("{two}s_waitcnt lgkmcnt(1)\ns_mov_b32 s12, s8"), 0, 32);
    passes(&format!("{two}s_waitcnt lgkmcnt(0)\ns_mov_b32 s12, s8"), 0, 32);
}

#[test]
fn missing_wait_of_lds() {
    let write = "v_lshlrev_b32 v1, 2, v0\nds_write_b32 v1, v0\n";
    let read = "ds_read_b32 v2, v1\n";
    finds("missing_wait", &format!("{write}{read}v_mov_b32 v3, v2"), 128, 32);
    passes(&format!("{write}{read}s_waitcnt lgkmcnt(0)\nv_mov_b32 v3, v2"), 128, 32);
    // LDS answers in order: the first of two reads is there, the second is not.
    let two = format!("{write}{read}ds_read_b32 v4, v1\ns_waitcnt lgkmcnt(1)\n");
    passes(&format!("{two}v_mov_b32 v3, v2"), 128, 32);
    finds("missing_wait", &format!("{two}v_mov_b32 v3, v4"), 128, 32);
}

#[test]
fn unwritten_registers_and_lds() {
    finds("unwritten_register", "v_not_b32 v2, v5", 0, 32);
    finds("unwritten_register", "s_not_b32 s20, s30", 0, 32);
    // Written for half of the lanes only.
    let half = "s_mov_b32 exec_lo, 0xffff\nv_mov_b32 v5, 1\n";
    passes(&format!("{half}v_not_b32 v2, v5"), 0, 32);
    finds("unwritten_register", &format!("{half}s_mov_b32 exec_lo, -1\nv_not_b32 v2, v5"), 0, 32);
    finds("unwritten_lds", "v_mov_b32 v1, 0\nds_read_b32 v2, v1", 128, 32);
    finds("unallocated", "v_mov_b32 v40, 0", 0, 32);
}

/// Compilers copy registers of which a part holds nothing. That is no mistake; using it is one.
#[test]
fn copies_of_unwritten_registers() {
    let used = |copy: &str, use_: &str| {
        passes(copy, 0, 32);
        finds("unwritten_register", &format!("{copy}\n{use_}"), 0, 32);
    };
    used("s_mov_b32 s20, s30", "s_add_u32 s21, s20, 1");
    used("s_mov_b32 s20, s30\ns_mov_b32 s22, s20", "s_cmp_eq_u32 s22, 0");
    used("s_mov_b32 vcc_lo, s30", "s_cbranch_vccz .Lend\n.Lend:");
    used("s_cselect_b32 s20, s30, s30", "s_not_b32 s20, s20");
    used("v_mov_b32 v2, s30", "v_add_nc_u32 v3, 1, v2");
    // Of a pair, the half that holds something stays good, also where pairs overlap.
    let pair = "s_mov_b32 s30, 5\ns_mov_b64 s[20:21], s[30:31]";
    passes(&format!("{pair}\ns_not_b32 s20, s20"), 0, 32);
    used(pair, "s_not_b32 s21, s21");
    let overlapping =
        "s_mov_b32 s30, 5\ns_mov_b64 s[32:33], s[30:31]\ns_mov_b64 s[34:35], s[32:33]";
    passes(&format!("{overlapping}\ns_not_b32 s34, s34"), 0, 32);
    used(overlapping, "s_not_b64 s[36:37], s[34:35]");
    // Written anew, the mark is gone.
    passes("s_mov_b32 s20, s30\ns_mov_b32 s20, 1\ns_not_b32 s20, s20", 0, 32);

    used("v_mov_b32 v2, v5", "v_add_nc_u32 v3, 1, v2");
    used("v_mov_b32 v2, v5\nv_mov_b32 v3, v2", "v_cmp_eq_u32 vcc_lo, 0, v3");
    used("v_mov_b32 v2, v5\nv_mov_b32 v6, 1\nv_swap_b32 v2, v6", "v_not_b32 v7, v6");
    passes("v_mov_b32 v6, 1\nv_swap_b32 v5, v6\nv_not_b32 v7, v5", 0, 32);
    finds("unwritten_register", "v_mov_b32 v2, v5\nv_readfirstlane_b32 s20, v2", 0, 32);
    let address = "global_load_dword v3, v2, s[8:9]";
    finds("unwritten_register", &with_pointers(&format!("v_mov_b32 v2, v5\n{address}")), 0, 32);
    let store = "global_store_dword v1, v2, s[10:11]";
    finds("unwritten_register", &with_pointers(&format!("v_mov_b32 v2, v5\n{store}")), 0, 32);
    // Only some lanes hold nothing, and only they count.
    let half =
        "s_mov_b32 exec_lo, 0xffff\nv_mov_b32 v5, 1\ns_mov_b32 exec_lo, -1\nv_mov_b32 v2, v5";
    used(half, "v_not_b32 v3, v2");
    passes(&format!("{half}\ns_mov_b32 exec_lo, 0xff\nv_not_b32 v3, v2"), 0, 32);
    // A copy of nothing over something.
    let over = "v_mov_b32 v2, 1\nv_mov_b32 v2, v5";
    used(over, "v_not_b32 v3, v2");

    // A choice uses what it chooses.
    let choice = |mask: &str| {
        format!("s_mov_b32 vcc_lo, {mask}\nv_mov_b32 v4, 1\nv_cndmask_b32 v2, v4, v5, vcc_lo")
    };
    passes(&format!("{}\nv_not_b32 v3, v2", choice("0")), 0, 32);
    used(&choice("0x10"), "v_not_b32 v3, v2");
    finds("unwritten_register", "v_mov_b32 v4, 1\nv_cndmask_b32 v2, v4, v4, s30", 0, 32);

    // The lower half of a sum does not depend on the upper half of the addend.
    let sum = "v_mov_b32 v4, 3\nv_mad_u64_u32 v[2:3], s20, v0, v0, v[4:5]";
    passes(&format!("{sum}\nv_not_b32 v6, v2"), 0, 32);
    used(sum, "v_not_b32 v6, v3");
    used(sum, "s_not_b32 s20, s20");
    let scalar_sum = "s_mov_b32 s30, 3\nv_mad_u64_u32 v[2:3], s20, v0, v0, s[30:31]";
    passes(&format!("{scalar_sum}\nv_not_b32 v6, v2"), 0, 32);
    used(scalar_sum, "v_not_b32 v6, v3");
    finds("unwritten_register", "v_mad_u64_u32 v[2:3], s20, v0, v0, v[4:5]", 0, 32);

    // A mask of lanes from nowhere, and data that is still on its way, are used at once.
    finds("unwritten_register", "s_mov_b32 exec_lo, s30", 0, 32);
    let load = "global_load_dword v2, v1, s[8:9]\nv_mov_b32 v3, v2";
    finds("missing_wait", &with_pointers(load), 0, 32);
    finds("missing_wait", "s_load_dwordx2 s[8:9], s[0:1], 0x0\ns_mov_b64 s[12:13], s[8:9]", 0, 32);
}

#[test]
fn lds_bounds_and_alignment() {
    finds("out_of_range", "v_mov_b32 v1, 0x7e\nds_write_b32 v1, v0", 128, 32);
    finds("misaligned", "v_mov_b32 v1, 2\nds_write_b32 v1, v0", 128, 32);
    finds(
        "misaligned",
        "v_mov_b32 v1, 4\nv_mov_b32 v2, 0\nv_mov_b32 v3, 0\nds_write_b64 v1, v[2:3]",
        128,
        32,
    );
    let b128 = "v_mov_b32 v4, 0\nv_mov_b32 v5, 0\nv_mov_b32 v6, 0\nv_mov_b32 v7, 0\nds_write_b128 v1, v[4:7]";
    finds("misaligned", &format!("v_mov_b32 v1, 8\n{b128}"), 128, 32);
    passes(&format!("v_mov_b32 v1, 16\n{b128}"), 128, 32);
}

#[test]
fn memory_bounds() {
    let store = "v_mov_b32 v3, 1\nglobal_store_dword v2, v3, s[10:11]";
    passes(&with_pointers(&format!("v_mov_b32 v2, 4092\n{store}")), 0, 32);
    finds("out_of_range", &with_pointers(&format!("v_mov_b32 v2, 4093\n{store}")), 0, 32);
    finds("out_of_range", &with_pointers(&format!("v_mov_b32 v2, -4\n{store}")), 0, 32);
    finds("out_of_range", &with_pointers("s_load_dwordx2 s[12:13], s[8:9], 0xffc"), 0, 32);
    finds(
        "misaligned",
        &with_pointers("s_add_u32 s8, s8, 2\ns_addc_u32 s9, s9, 0\ns_load_dword s12, s[8:9], 0x0"),
        0,
        32,
    );
}

#[test]
fn buffer_range_check() {
    let resource = with_pointers(
        "s_mov_b32 s12, s8\ns_mov_b32 s13, s9\ns_mov_b32 s14, 0x100\ns_mov_b32 s15, 0x31014000\n\
         s_mov_b32 s20, 0x40\n",
    );
    let end = "s_waitcnt vmcnt(0)\nglobal_store_dword v1, v3, s[10:11]";
    // Inside, and far outside: the same under every reading.
    passes(
        &format!(
            "{resource}v_mov_b32 v2, 0x80\nbuffer_load_dword v3, v2, s[12:15], s20 offen\n{end}"
        ),
        0,
        32,
    );
    passes(
        &format!(
            "{resource}v_mov_b32 v2, 0xffff0000\nbuffer_load_dword v3, v2, s[12:15], s20 offen\n{end}"
        ),
        0,
        32,
    );
    // Inside without the scalar offset, outside with it.
    finds(
        "ambiguous",
        &format!(
            "{resource}v_mov_b32 v2, 0xf0\nbuffer_load_dword v3, v2, s[12:15], s20 offen\n{end}"
        ),
        0,
        32,
    );
    // A wide access across the end.
    finds(
        "ambiguous",
        &format!(
            "{resource}v_mov_b32 v2, 0xf8\nbuffer_load_dwordx4 v[4:7], v2, s[12:15], 0 offen\n{end}"
        ),
        0,
        32,
    );
    // Inside the resource, outside of the allocation.
    let wide = resource.replace("s_mov_b32 s14, 0x100", "s_mov_b32 s14, 0x10000");
    finds(
        "out_of_range",
        &format!("{wide}v_mov_b32 v2, 0x2000\nbuffer_load_dword v3, v2, s[12:15], 0 offen\n{end}"),
        0,
        32,
    );
}

#[test]
fn unknown_instruction_and_endless_loop() {
    finds("unknown_instruction", ".long 0xbf9d0000", 0, 32);
    finds("unknown_instruction", "s_trap 2", 0, 32);
}

#[test]
fn barriers() {
    // Some lanes do not come.
    finds(
        "divergent_barrier",
        "v_cmp_gt_u32 vcc_lo, 16, v0\ns_and_saveexec_b32 s4, vcc_lo\ns_barrier\ns_mov_b32 exec_lo, s4",
        0,
        64,
    );
    // One wave ends while the other waits.
    let early =
        "v_readfirstlane_b32 s4, v0\ns_cmp_lg_u32 s4, 0\ns_cbranch_scc0 .Lout\ns_barrier\n.Lout:";
    finds("divergent_barrier", early, 0, 64);
    // Two barriers that are not the same.
    let other = "v_readfirstlane_b32 s4, v0\ns_cmp_lg_u32 s4, 0\ns_cbranch_scc0 .Lelse\ns_barrier\ns_branch .Lend\n.Lelse:\ns_barrier\n.Lend:";
    finds("divergent_barrier", other, 0, 64);
    passes("s_barrier\ns_barrier", 0, 64);
}

#[test]
fn races_between_waves() {
    // Every work-item writes its place and reads that of the other wave.
    let write = "v_lshlrev_b32 v1, 2, v0\nv_xor_b32 v2, 0x80, v1\nds_write_b32 v1, v0\n";
    let read = "ds_read_b32 v3, v2\ns_waitcnt lgkmcnt(0)\nv_mov_b32 v4, v3";
    // The wave that runs first finds nothing there, the one that runs later finds a race.
    finds("unwritten_lds", &format!("{write}s_waitcnt lgkmcnt(0)\n{read}"), 256, 64);
    let later = "v_cmp_lt_u32 vcc_lo, 31, v0\ns_mov_b32 exec_lo, vcc_lo\n";
    finds("lds_race", &format!("{write}s_waitcnt lgkmcnt(0)\n{later}{read}"), 256, 64);
    passes(&format!("{write}s_waitcnt lgkmcnt(0)\ns_barrier\n{read}"), 256, 64);
    // A barrier without the wait: the write may still be under way.
    finds("lds_race", &format!("{write}s_barrier\n{read}"), 256, 64);
    // Written again before the others have read.
    let again = "\nds_write_b32 v1, v0";
    finds("lds_race", &format!("{write}s_waitcnt lgkmcnt(0)\ns_barrier\n{read}{again}"), 256, 64);
    passes(&format!("{write}s_waitcnt lgkmcnt(0)\ns_barrier\n{read}\ns_barrier{again}"), 256, 64);
    // Two waves write the same place.
    finds("lds_race", "v_mov_b32 v1, 0\nds_write_b32 v1, v0", 256, 64);
    // Halves of a dword are different places.
    passes("v_lshlrev_b32 v1, 1, v0\nds_write_b16 v1, v0", 256, 64);
}

/// The same mistakes as a programmer makes them, in HIP C++.
#[test]
fn faulty_hip_kernels() {
    let _one = session();
    let Some(code) = compile(&kernel_source("faulty.hip"), "gfx1010") else { return };
    let module = load(&code);
    let expected = [
        ("good", None),
        ("no_barrier", Some("unwritten_lds")),
        ("barrier_in_branch", Some("divergent_barrier")),
        ("one_too_far", Some("out_of_range")),
        ("lds_not_filled", Some("unwritten_lds")),
    ];
    for (name, kind) in expected {
        let (input, output) = (Buffer::from(&vec![1.0f32; 256]), Buffer::new(4 * 256));
        let arguments =
            [input.address.addr(), output.address.addr()].map(usize::to_le_bytes).concat();
        let error = run_kernel(function(module, name), [2, 1, 1], [128, 1, 1], &arguments);
        match kind {
            None => {
                assert_eq!(error, 0, "{name}: {}", last_fault());
                let want: Vec<f32> = vec![2.0; 256];
                assert_eq!(output.read::<f32>(), want);
            }
            Some(kind) => {
                assert_eq!(error, LAUNCH_FAILURE, "{name}");
                let finding = last_fault();
                assert!(finding.contains(kind), "{name}: {finding}");
                assert!(finding.contains(&format!("\"kernel\":\"{name}\"")), "{finding}");
            }
        }
        // SAFETY: no arguments.
        unsafe { amdhip64::api::device::hipDeviceReset() };
    }
}
