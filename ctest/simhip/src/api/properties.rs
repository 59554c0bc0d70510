//! `hipDeviceProp_t` in its two layouts: ROCm 5 and before, and R0600 from ROCm 6 on.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::ffi::c_int;

use super::{check_device, entry, put};
use crate::device::{Device, devices};
use crate::error::HipError;

/// The layout up to ROCm 5, which `hipGetDeviceProperties` keeps for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PropertiesOld {
    pub name: [u8; 256],
    pub total_global_mem: usize,
    pub shared_mem_per_block: usize,
    pub regs_per_block: c_int,
    pub warp_size: c_int,
    pub max_threads_per_block: c_int,
    pub max_threads_dim: [c_int; 3],
    pub max_grid_size: [c_int; 3],
    pub clock_rate: c_int,
    pub memory_clock_rate: c_int,
    pub memory_bus_width: c_int,
    pub total_const_mem: usize,
    pub major: c_int,
    pub minor: c_int,
    pub multi_processor_count: c_int,
    pub l2_cache_size: c_int,
    pub max_threads_per_multi_processor: c_int,
    pub compute_mode: c_int,
    pub clock_instruction_rate: c_int,
    pub arch: u32,
    pub concurrent_kernels: c_int,
    pub pci_domain_id: c_int,
    pub pci_bus_id: c_int,
    pub pci_device_id: c_int,
    pub max_shared_memory_per_multi_processor: usize,
    pub is_multi_gpu_board: c_int,
    pub can_map_host_memory: c_int,
    pub gcn_arch: c_int,
    pub gcn_arch_name: [u8; 256],
    pub integrated: c_int,
    pub cooperative_launch: c_int,
    pub cooperative_multi_device_launch: c_int,
    /// Linear 1D, 1D, 2D, 3D.
    pub max_texture: [c_int; 7],
    pub hdp_mem_flush: usize,
    pub hdp_reg_flush: usize,
    pub mem_pitch: usize,
    pub texture_alignment: usize,
    pub texture_pitch_alignment: usize,
    pub kernel_exec_timeout: c_int,
    pub ecc_enabled: c_int,
    pub tcc_driver: c_int,
    pub cooperative_unmatched: [c_int; 4],
    pub is_large_bar: c_int,
    pub asic_revision: c_int,
    pub managed_memory: c_int,
    pub direct_managed_access: c_int,
    pub concurrent_managed_access: c_int,
    pub pageable_access: c_int,
    pub pageable_host_tables: c_int,
}

/// The layout from ROCm 6 on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PropertiesR0600 {
    pub name: [u8; 256],
    pub uuid: [u8; 16],
    pub luid: [u8; 8],
    pub luid_device_node_mask: u32,
    pub total_global_mem: usize,
    pub shared_mem_per_block: usize,
    pub regs_per_block: c_int,
    pub warp_size: c_int,
    pub mem_pitch: usize,
    pub max_threads_per_block: c_int,
    pub max_threads_dim: [c_int; 3],
    pub max_grid_size: [c_int; 3],
    pub clock_rate: c_int,
    pub total_const_mem: usize,
    pub major: c_int,
    pub minor: c_int,
    pub texture_alignment: usize,
    pub texture_pitch_alignment: usize,
    pub device_overlap: c_int,
    pub multi_processor_count: c_int,
    pub kernel_exec_timeout: c_int,
    pub integrated: c_int,
    pub can_map_host_memory: c_int,
    pub compute_mode: c_int,
    /// `maxTexture1D` to `maxSurfaceCubemapLayered`.
    pub textures: [c_int; 40],
    pub surface_alignment: usize,
    pub concurrent_kernels: c_int,
    pub ecc_enabled: c_int,
    pub pci_bus_id: c_int,
    pub pci_device_id: c_int,
    pub pci_domain_id: c_int,
    pub tcc_driver: c_int,
    pub async_engine_count: c_int,
    pub unified_addressing: c_int,
    pub memory_clock_rate: c_int,
    pub memory_bus_width: c_int,
    pub l2_cache_size: c_int,
    pub persisting_l2_cache_max_size: c_int,
    pub max_threads_per_multi_processor: c_int,
    pub stream_priorities_supported: c_int,
    pub global_l1_cache_supported: c_int,
    pub local_l1_cache_supported: c_int,
    pub shared_mem_per_multiprocessor: usize,
    pub regs_per_multiprocessor: c_int,
    pub managed_memory: c_int,
    pub is_multi_gpu_board: c_int,
    pub multi_gpu_board_group_id: c_int,
    pub host_native_atomic_supported: c_int,
    pub single_to_double_ratio: c_int,
    pub pageable_access: c_int,
    pub concurrent_managed_access: c_int,
    pub compute_preemption_supported: c_int,
    pub can_use_host_pointer: c_int,
    pub cooperative_launch: c_int,
    pub cooperative_multi_device_launch: c_int,
    pub shared_mem_per_block_optin: usize,
    pub pageable_host_tables: c_int,
    pub direct_managed_access: c_int,
    pub max_blocks_per_multi_processor: c_int,
    pub access_policy_max_window_size: c_int,
    pub reserved_shared_mem_per_block: usize,
    /// `hostRegisterSupported` to `unifiedFunctionPointers`.
    pub features: [c_int; 13],
    pub reserved: [c_int; 63],
    pub hip_reserved: [c_int; 32],
    pub gcn_arch_name: [u8; 256],
    pub max_shared_memory_per_multi_processor: usize,
    pub clock_instruction_rate: c_int,
    pub arch: u32,
    pub hdp_mem_flush: usize,
    pub hdp_reg_flush: usize,
    pub cooperative_unmatched: [c_int; 4],
    pub is_large_bar: c_int,
    pub asic_revision: c_int,
}

// Facts of the two public headers.
const _: () = assert!(size_of::<PropertiesOld>() == 792);
const _: () = assert!(std::mem::offset_of!(PropertiesOld, gcn_arch_name) == 396);
const _: () = assert!(size_of::<PropertiesR0600>() == 1472);
const _: () = assert!(std::mem::offset_of!(PropertiesR0600, gcn_arch_name) == 1160);

/// All of `hipDeviceArch_t` but dynamic parallelism, float atomics and surface functions.
const ARCH_FLAGS: u32 = 0x0_bfef;

fn text<const N: usize>(value: &str) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().take(N - 1).zip(value.bytes()) {
        *to = from;
    }
    out
}

/// All zero: both structs are plain numbers.
macro_rules! zeroed {
    ($kind:ty) => {{
        // SAFETY: integers and arrays of integers, for which zero bytes are a value.
        unsafe { std::mem::zeroed::<$kind>() }
    }};
}

fn old(device: &Device) -> PropertiesOld {
    let (major, minor, step) = Device::version(&device.reported);
    PropertiesOld {
        name: text(device.model.name),
        total_global_mem: device.memory_bytes as usize,
        shared_mem_per_block: 65536,
        regs_per_block: 65536,
        warp_size: 32,
        max_threads_per_block: 1024,
        max_threads_dim: [1024; 3],
        max_grid_size: [c_int::MAX, 65535, 65535],
        clock_rate: (device.model.card.clock_mhz * 1000.0) as c_int,
        memory_clock_rate: device.model.memory_clock_mhz as c_int * 1000,
        memory_bus_width: device.model.bus_bits as c_int,
        total_const_mem: c_int::MAX as usize,
        major: major as c_int,
        minor: minor as c_int,
        multi_processor_count: device.model.card.compute_units as c_int / 2,
        l2_cache_size: 3 << 20,
        max_threads_per_multi_processor: 2560,
        clock_instruction_rate: 100_000,
        arch: ARCH_FLAGS,
        concurrent_kernels: 1,
        pci_domain_id: device.pci_domain as c_int,
        pci_bus_id: device.pci_bus as c_int,
        max_shared_memory_per_multi_processor: 65536,
        can_map_host_memory: 1,
        gcn_arch: (major * 100 + minor * 10 + step) as c_int,
        gcn_arch_name: text(&device.reported),
        mem_pitch: c_int::MAX as usize,
        texture_alignment: 256,
        texture_pitch_alignment: 256,
        ..zeroed!(PropertiesOld)
    }
}

fn r0600(device: &Device) -> PropertiesR0600 {
    let before = old(device);
    PropertiesR0600 {
        name: before.name,
        uuid: text(&format!("GPU-simhip{:04}", device.index)),
        total_global_mem: before.total_global_mem,
        shared_mem_per_block: 65536,
        regs_per_block: 65536,
        warp_size: 32,
        mem_pitch: before.mem_pitch,
        max_threads_per_block: 1024,
        max_threads_dim: [1024; 3],
        max_grid_size: before.max_grid_size,
        clock_rate: before.clock_rate,
        total_const_mem: before.total_const_mem,
        major: before.major,
        minor: before.minor,
        texture_alignment: 256,
        texture_pitch_alignment: 256,
        multi_processor_count: before.multi_processor_count,
        can_map_host_memory: 1,
        concurrent_kernels: 1,
        pci_bus_id: before.pci_bus_id,
        pci_domain_id: before.pci_domain_id,
        unified_addressing: 1,
        memory_clock_rate: before.memory_clock_rate,
        memory_bus_width: before.memory_bus_width,
        l2_cache_size: before.l2_cache_size,
        max_threads_per_multi_processor: before.max_threads_per_multi_processor,
        stream_priorities_supported: 1,
        shared_mem_per_multiprocessor: 65536,
        regs_per_multiprocessor: 65536,
        gcn_arch_name: before.gcn_arch_name,
        max_shared_memory_per_multi_processor: 65536,
        clock_instruction_rate: before.clock_instruction_rate,
        arch: ARCH_FLAGS,
        ..zeroed!(PropertiesR0600)
    }
}

entry! { "hip_4.2" fn hipGetDeviceProperties(out: *mut PropertiesOld, device: c_int) {
    let device = check_device(device)?;
    if out.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: the client's pointer.
    unsafe { put(out, old(&devices()[device])) }
} }

entry! { "hip_6.0" fn hipGetDevicePropertiesR0600(out: *mut PropertiesR0600, device: c_int) {
    let device = check_device(device)?;
    if out.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: the client's pointer.
    unsafe { put(out, r0600(&devices()[device])) }
} }
