//! Devices of the runtime.

use super::api::Code;
use super::error::check;
use super::library::runtime;
use super::topology::PciAddress;
use crate::error::Result;
use std::ffi::{CStr, c_char, c_int};

/// `hipErrorNoDevice`.
const NO_DEVICE: Code = 100;

/// Number of devices that the runtime shows to this process.
///
/// # Errors
/// What HIP reports; `NotInitialized` without a runtime.
pub fn device_count() -> Result<u32> {
    let runtime = runtime()?;
    let mut count: c_int = 0;
    // SAFETY: a place for an int.
    let code = unsafe { (runtime.api().hipGetDeviceCount)(&mut count) };
    if code == NO_DEVICE {
        return Ok(0);
    }
    check(runtime, "hipGetDeviceCount", code)?;
    Ok(u32::try_from(count).unwrap_or(0))
}

/// The PCI address of a device, by which it is found in KFD's topology.
pub(super) fn pci_address(ordinal: u32) -> Result<Option<PciAddress>> {
    let runtime = runtime()?;
    let mut text: [c_char; 64] = [0; 64];
    // SAFETY: a place for as many bytes as said, one less so that the last stays zero.
    let code = unsafe {
        (runtime.api().hipDeviceGetPCIBusId)(text.as_mut_ptr(), 63, ordinal.cast_signed())
    };
    check(runtime, "hipDeviceGetPCIBusId", code)?;
    // SAFETY: the last byte is zero.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    Ok(PciAddress::parse(&text.to_string_lossy()))
}

/// Makes a device current for this thread and the one before it again when dropped.
pub struct CurrentDevice {
    before: Option<c_int>,
}

impl CurrentDevice {
    /// The ordinal of the device that is current in this thread.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn get() -> Result<u32> {
        let runtime = runtime()?;
        let mut device: c_int = 0;
        // SAFETY: a place for an int.
        check(runtime, "hipGetDevice", unsafe { (runtime.api().hipGetDevice)(&mut device) })?;
        Ok(device.cast_unsigned())
    }

    /// Makes `ordinal` current.
    ///
    /// # Errors
    /// What HIP reports.
    pub fn set(ordinal: u32) -> Result<CurrentDevice> {
        let before = Self::get()?;
        if before == ordinal {
            return Ok(CurrentDevice { before: None });
        }
        let runtime = runtime()?;
        // SAFETY: takes any number.
        let code = unsafe { (runtime.api().hipSetDevice)(ordinal.cast_signed()) };
        check(runtime, "hipSetDevice", code)?;
        Ok(CurrentDevice { before: Some(before.cast_signed()) })
    }
}

impl Drop for CurrentDevice {
    fn drop(&mut self) {
        if let (Some(before), Ok(runtime)) = (self.before, runtime()) {
            // SAFETY: takes any number; it was current before. A failure leaves nothing to do.
            unsafe { (runtime.api().hipSetDevice)(before) };
        }
    }
}
