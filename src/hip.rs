//! The HIP runtime: found in the process or beside it, loaded on demand, wrapped in RAII types.
//!
//! Only functions are used whose signatures are the same from ROCm 4.5 to 7: no structure whose
//! layout changed between releases (`hipDeviceProp_t`, `hipPointerAttribute_t`), no attribute whose
//! number did. What the machine is made of comes from KFD's topology instead (see [`topology`]).

mod api;
mod device;
mod error;
mod library;
mod objects;
mod staging;
pub mod topology;
mod transfer;

pub use device::{CurrentDevice, device_count};
pub use error::check;
pub use library::{Runtime, is_loaded, runtime};
pub use objects::{
    DeviceMemory, Event, Function, Module, Passage, PinnedMemory, Stream, StreamRef,
};
pub use staging::Staging;
pub use transfer::{download, upload};
