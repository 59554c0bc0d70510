//! Modules, functions and launches.
#![allow(non_snake_case, reason = "names of the C interface")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use super::stream::resolve_stream;
use super::{current_device, entry, put};
use crate::error::{HipError, HipResult};
use crate::launch::{MAX_LDS_BYTES, MAX_WORKGROUP};
use crate::module::Kernel;
use crate::runtime::{Function, load_module, objects};
use crate::stream::{LaunchWork, Work, enqueue, last, queues};

/// Bytes of the image at a pointer, which the interface passes without a size: by its own headers.
///
/// # Safety
/// `image` points to an ELF file or an offload bundle.
unsafe fn image_bytes<'a>(image: *const u8) -> &'a [u8] {
    let number = |at: usize, bytes: usize| -> u64 {
        let mut value = 0;
        for k in (0..bytes).rev() {
            // SAFETY: headers lie within the image, by the caller's promise.
            value = value << 8 | u64::from(unsafe { image.add(at + k).read() });
        }
        value
    };
    // The first byte tells a bundle ('_') from ELF.
    let bytes = if number(0, 1) == u64::from(b'_') {
        let mut at = 32;
        let mut end = 32;
        for _ in 0..number(24, 8) {
            end = end.max(number(at, 8) + number(at + 8, 8));
            at += 24 + number(at + 16, 8) as usize;
        }
        end as usize
    } else if number(0, 4) == 0x464c_457f {
        crate::module::size_of(number)
    } else {
        0
    };
    // SAFETY: the image is as long as its headers say.
    unsafe { std::slice::from_raw_parts(image, bytes) }
}

/// Loads an image onto the current device.
///
/// # Safety
/// `module` is null or valid for writing, `image` null or an image.
unsafe fn load(module: *mut *mut c_void, image: *const c_void) -> HipResult {
    if module.is_null() || image.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: not null, and the caller's promise.
    let data = unsafe { image_bytes(image.cast()) };
    let handle = load_module(data, current_device()?)?;
    // SAFETY: not null, and the caller's promise.
    unsafe { put(module, std::ptr::without_provenance_mut(handle as usize)) }
}

entry! { "hip_4.2" fn hipModuleLoadData(module: *mut *mut c_void, image: *const c_void) {
    // SAFETY: the client's pointers.
    unsafe { load(module, image) }
} }

entry! { "hip_4.2" fn hipModuleLoadDataEx(module: *mut *mut c_void, image: *const c_void, options: c_uint, names: *mut c_int, values: *mut *mut c_void) {
    let _ = (options, names, values);
    // SAFETY: the client's pointers.
    unsafe { load(module, image) }
} }

entry! { "hip_4.2" fn hipModuleLoad(module: *mut *mut c_void, path: *const c_char) {
    if module.is_null() || path.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: a terminated string of the client.
    let path = unsafe { CStr::from_ptr(path) }.to_string_lossy().into_owned();
    let data = std::fs::read(path).map_err(|_| HipError::FILE_NOT_FOUND)?;
    let handle = load_module(&data, current_device()?)?;
    // SAFETY: the client's pointer.
    unsafe { put(module, std::ptr::without_provenance_mut(handle as usize)) }
} }

entry! { "hip_4.2" fn hipModuleUnload(module: *mut c_void) {
    objects().unload(module.addr() as u64)
} }

entry! { "hip_4.2" fn hipModuleGetFunction(function: *mut *mut c_void, module: *mut c_void, name: *const c_char) {
    if function.is_null() || name.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: a terminated string of the client.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let handle = objects().function(module.addr() as u64, &name)?;
    // SAFETY: the client's pointer.
    unsafe { put(function, std::ptr::without_provenance_mut(handle as usize)) }
} }

entry! { "hip_4.2" fn hipModuleGetGlobal(address: *mut *mut c_void, bytes: *mut usize, module: *mut c_void, name: *const c_char) {
    if name.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    // SAFETY: a terminated string of the client.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let module = objects().modules.get(&(module.addr() as u64)).cloned();
    let module = module.ok_or(HipError::INVALID_HANDLE)?;
    let &(offset, size) = module.loaded.globals.get(&name).ok_or(HipError::NOT_FOUND)?;
    let start = (module.allocation.start + offset) as usize;
    // SAFETY: the client's pointers.
    unsafe {
        put(address, std::ptr::with_exposed_provenance_mut(start))?;
        put(bytes, size as usize)
    }
} }

fn find(function: *mut c_void) -> Result<Function, HipError> {
    let found = objects().functions.get(&(function.addr() as u64)).cloned();
    found.ok_or(HipError::INVALID_HANDLE)
}

entry! { "hip_4.2" fn hipFuncGetAttribute(value: *mut c_int, attribute: c_int, function: *mut c_void) {
    let kernel = find(function)?.kernel;
    let number = match attribute {
        0 => kernel.max_workgroup,
        1 => kernel.lds_bytes,
        2 => 0,
        3 => kernel.private_bytes,
        4 => kernel.vgprs.into(),
        5 | 6 => 100,
        7 => 0,
        8 => MAX_LDS_BYTES - kernel.lds_bytes.min(MAX_LDS_BYTES),
        9 => 0,
        _ => return Err(HipError::INVALID_VALUE),
    };
    // SAFETY: the client's pointer.
    unsafe { put(value, number as c_int) }
} }

/// Workgroups that fit on a compute unit by registers and LDS: two SIMDs with 1024 registers of 32
/// lanes and 20 waves each, 64 KiB.
fn resident(kernel: &Kernel, block: u32, dynamic_lds_bytes: u32) -> u32 {
    let waves = block.div_ceil(32).max(1);
    let by_registers = 2 * (1024 / u32::from(kernel.vgprs.max(8))).min(20) / waves;
    let lds_bytes = kernel.lds_bytes + dynamic_lds_bytes;
    match lds_bytes {
        0 => by_registers,
        bytes => by_registers.min(MAX_LDS_BYTES / bytes),
    }
}

entry! { "hip_4.2" fn hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(blocks: *mut c_int, function: *mut c_void, block: c_int, dynamic_lds_bytes: usize) {
    let kernel = find(function)?.kernel;
    let block = u32::try_from(block).map_err(|_| HipError::INVALID_VALUE)?;
    let lds_bytes = u32::try_from(dynamic_lds_bytes).map_err(|_| HipError::INVALID_VALUE)?;
    // SAFETY: the client's pointer.
    unsafe { put(blocks, resident(&kernel, block, lds_bytes) as c_int) }
} }

/// The kernel arguments as the client packed them.
///
/// # Safety
/// `params` is null or an array of pointers to the arguments, `extra` null or a list that ends.
unsafe fn pack(
    kernel: &Kernel,
    params: *mut *mut c_void,
    extra: *mut *mut c_void,
    grid: [u32; 3],
    block: [u32; 3],
) -> Result<Vec<u8>, HipError> {
    let mut bytes = vec![0; kernel.kernarg_bytes as usize];
    if !extra.is_null() {
        // SAFETY: the caller's promise.
        unsafe { unpack_extra(extra, &mut bytes)? };
    }
    let explicit = kernel.arguments.iter().filter(|a| !a.kind.starts_with("hidden_"));
    for (k, argument) in explicit.enumerate() {
        if params.is_null() {
            if extra.is_null() {
                return Err(HipError::INVALID_VALUE);
            }
            continue;
        }
        // SAFETY: one pointer for each explicit argument, by the caller's promise.
        let source: *const u8 = unsafe { params.add(k).read() }.cast();
        let range = argument.offset as usize..(argument.offset + argument.bytes) as usize;
        let Some(target) = bytes.get_mut(range).filter(|_| !source.is_null()) else {
            return Err(HipError::INVALID_VALUE);
        };
        // SAFETY: the argument is as large as the kernel's metadata say.
        unsafe { std::ptr::copy_nonoverlapping(source, target.as_mut_ptr(), target.len()) };
    }
    for argument in kernel.arguments.iter().filter(|a| a.kind.starts_with("hidden_")) {
        let value = hidden_value(&argument.kind, grid, block);
        let at = argument.offset as usize;
        let size = (argument.bytes as usize).min(8);
        if let Some(target) = bytes.get_mut(at..at + size) {
            target.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
    Ok(bytes)
}

/// Arguments that the compiler adds (LLVM, "Code object V5 metadata").
fn hidden_value(kind: &str, grid: [u32; 3], block: [u32; 3]) -> u64 {
    let axis = match kind.rsplit('_').next() {
        Some("x") => 0,
        Some("y") => 1,
        _ => 2,
    };
    if kind.starts_with("hidden_block_count") {
        u64::from(grid[axis])
    } else if kind.starts_with("hidden_group_size") {
        u64::from(block[axis])
    } else if kind == "hidden_grid_dims" {
        let dimension = |k: usize| grid[k] * block[k] > 1;
        if dimension(2) {
            3
        } else if dimension(1) {
            2
        } else {
            1
        }
    } else {
        0
    }
}

/// Reads `HIP_LAUNCH_PARAM_BUFFER_POINTER`, `HIP_LAUNCH_PARAM_BUFFER_SIZE`, `HIP_LAUNCH_PARAM_END`.
///
/// # Safety
/// `extra` is such a list.
unsafe fn unpack_extra(extra: *mut *mut c_void, bytes: &mut [u8]) -> HipResult {
    let mut source: *const u8 = std::ptr::null();
    let mut size = 0;
    let mut at = 0;
    loop {
        // SAFETY: the list ends with 3, by the caller's promise.
        let (key, value) = unsafe {
            let key = extra.add(at).read().addr();
            (key, if key == 3 { std::ptr::null_mut() } else { extra.add(at + 1).read() })
        };
        match key {
            1 => source = value.cast(),
            // SAFETY: points to the size, by the caller's promise.
            2 => size = unsafe { value.cast::<usize>().read() },
            3 => break,
            _ => return Err(HipError::INVALID_VALUE),
        }
        at += 2;
    }
    if source.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    let count = size.min(bytes.len());
    // SAFETY: the client's buffer has `size` bytes.
    unsafe { std::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), count) };
    Ok(())
}

/// Checks the shape of a launch as the runtime does before it queues it.
fn check_shape(kernel: &Kernel, grid: [u32; 3], block: [u32; 3], lds_bytes: u32) -> HipResult {
    if grid.contains(&0) || block.contains(&0) {
        return Err(HipError::INVALID_CONFIGURATION);
    }
    let items = block.iter().map(|&n| u64::from(n)).product::<u64>();
    let too_wide = (0..3).any(|k| u64::from(grid[k]) * u64::from(block[k]) > u64::from(u32::MAX));
    if items > u64::from(MAX_WORKGROUP) || too_wide {
        return Err(HipError::INVALID_CONFIGURATION);
    }
    if kernel.max_workgroup != 0 && items > u64::from(kernel.max_workgroup) {
        let limit = kernel.max_workgroup;
        eprintln!("simhip: {}: {items} work-items, compiled for {limit}", kernel.name);
        return Err(HipError::LAUNCH_FAILURE);
    }
    if kernel.lds_bytes.saturating_add(lds_bytes) > MAX_LDS_BYTES {
        return Err(HipError::INVALID_VALUE);
    }
    Ok(())
}

entry! { "hip_4.2" fn hipModuleLaunchKernel(
    function: *mut c_void,
    grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
    block_x: c_uint, block_y: c_uint, block_z: c_uint,
    lds_bytes: c_uint, stream: *mut c_void, params: *mut *mut c_void, extra: *mut *mut c_void,
) {
    let function = find(function)?;
    let stream = resolve_stream(stream)?;
    let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
    check_shape(&function.kernel, grid, block, lds_bytes)?;
    if !params.is_null() && !extra.is_null() {
        return Err(HipError::INVALID_VALUE);
    }
    let number = {
        let mut queues = queues();
        let device = queues.stream(stream).map(|s| s.device).ok_or(HipError::INVALID_HANDLE)?;
        if let Some(error) = queues.sticky(device) {
            return Err(error);
        }
        if device != function.module.device {
            return Err(HipError::INVALID_HANDLE);
        }
        queues.launches += 1;
        queues.launches
    };
    // SAFETY: the client's pointers.
    let arguments = unsafe { pack(&function.kernel, params, extra, grid, block)? };
    let work =
        LaunchWork { function, arguments, grid, block, dynamic_lds_bytes: lds_bytes, number };
    enqueue(stream, Work::Launch(Box::new(work)), Vec::new())?;
    Ok(())
} }

/// Copies text for a test that asks in the same process; gives its length.
///
/// # Safety
/// `buffer` is null or valid for `bytes` bytes.
unsafe fn give(text: &str, buffer: *mut c_char, bytes: usize) -> usize {
    if !buffer.is_null() && bytes > 0 {
        let count = text.len().min(bytes - 1);
        // SAFETY: `count` and the terminator fit.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, count);
            buffer.add(count).write(0);
        }
    }
    text.len()
}

/// Counts of the last launch that ended well, as JSON; gives its length.
///
/// # Safety
/// `buffer` is null or valid for `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn simhip_last_launch(buffer: *mut c_char, bytes: usize) -> usize {
    // SAFETY: the client's buffer.
    unsafe { give(&last().launch, buffer, bytes) }
}

/// The last finding, as JSON; gives its length.
///
/// # Safety
/// `buffer` is null or valid for `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn simhip_last_fault(buffer: *mut c_char, bytes: usize) -> usize {
    // SAFETY: the client's buffer.
    unsafe { give(&last().fault, buffer, bytes) }
}
