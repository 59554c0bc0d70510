//! Bytes to the current device and back, complete on return.

use super::objects::{DeviceMemory, PinnedMemory, StreamRef};
use crate::error::{Error, Result};

/// Memory of the device that holds these bytes.
///
/// # Errors
/// What HIP reports.
pub fn upload(bytes: &[u8]) -> Result<DeviceMemory> {
    // Memory of no length has no address, and a tensor needs one.
    let memory = DeviceMemory::new(bytes.len().max(4))?;
    let staging = PinnedMemory::new(bytes.len().max(4))?;
    let stream = StreamRef::from_address(0);
    // SAFETY: both memories are as long as the bytes, new, and outlive the copy that is waited for.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), staging.as_mut_ptr(), bytes.len());
        staging.copy_to_device(0, memory.address(), bytes.len(), stream)?;
    }
    stream.synchronize()?;
    Ok(memory)
}

/// The first bytes of the memory, once the null stream has run.
///
/// # Errors
/// What HIP reports; `BadParm` beyond the memory's end.
pub fn download(memory: &DeviceMemory, len_bytes: usize) -> Result<Vec<u8>> {
    if len_bytes > memory.len_bytes() {
        return Err(Error::bad_parm("a copy exceeds the memory of the device"));
    }
    let staging = PinnedMemory::new(len_bytes.max(4))?;
    let stream = StreamRef::from_address(0);
    let mut bytes = vec![0; len_bytes];
    // SAFETY: all are that long; the copy has been waited for when its bytes are looked at.
    unsafe {
        staging.copy_from_device(0, memory.address(), len_bytes, stream)?;
        stream.synchronize()?;
        std::ptr::copy_nonoverlapping(staging.as_mut_ptr(), bytes.as_mut_ptr(), len_bytes);
    }
    Ok(bytes)
}
