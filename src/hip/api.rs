//! The functions of the runtime that are used, with the types of `hip/hip_runtime_api.h`.

use libloading::os::unix::Library;
use std::ffi::{c_char, c_int, c_uint, c_void};

/// `hipError_t`.
pub type Code = c_int;
/// `hipStream_t`, `hipEvent_t`, `hipModule_t` and `hipFunction_t` are pointers to hidden structures.
pub type Handle = *mut c_void;

macro_rules! api {
    ($( fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty; )*) => {
        /// One pointer for each function.
        #[allow(non_snake_case)]
        pub struct Api {
            $( pub $name: unsafe extern "C" fn($($type),*) -> $result, )*
        }

        impl Api {
            /// Looks the functions up.
            ///
            /// # Errors
            /// The name of the first one that is missing.
            ///
            /// # Safety
            /// `library` is a HIP runtime, and stays loaded as long as the table is used.
            pub unsafe fn load(library: &Library) -> Result<Api, &'static str> {
                Ok(Api {
                    $( $name: {
                        let name = concat!(stringify!($name), "\0");
                        // SAFETY: HIP's header gives the function of that name this type.
                        let symbol = unsafe { library.get(name.as_bytes()) };
                        *symbol.map_err(|_| stringify!($name))?
                    }, )*
                })
            }
        }
    };
}

api! {
    fn hipGetErrorName(code: Code) -> *const c_char;
    fn hipGetDeviceCount(count: *mut c_int) -> Code;
    fn hipGetDevice(device: *mut c_int) -> Code;
    fn hipSetDevice(device: c_int) -> Code;
    fn hipDeviceGetPCIBusId(text: *mut c_char, length: c_int, device: c_int) -> Code;
    fn hipModuleLoadData(module: *mut Handle, image: *const c_void) -> Code;
    fn hipModuleUnload(module: Handle) -> Code;
    fn hipModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> Code;
    fn hipModuleLaunchKernel(
        function: Handle,
        grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
        block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared_bytes: c_uint, stream: Handle,
        arguments: *mut *mut c_void, extra: *mut *mut c_void
    ) -> Code;
    fn hipMalloc(address: *mut *mut c_void, bytes: usize) -> Code;
    fn hipFree(address: *mut c_void) -> Code;
    fn hipHostMalloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    fn hipHostFree(address: *mut c_void) -> Code;
    fn hipMemcpyDtoHAsync(to: *mut c_void, from: *mut c_void, bytes: usize, stream: Handle) -> Code;
    fn hipMemcpyHtoDAsync(to: *mut c_void, from: *mut c_void, bytes: usize, stream: Handle) -> Code;
    fn hipStreamCreateWithFlags(stream: *mut Handle, flags: c_uint) -> Code;
    fn hipStreamDestroy(stream: Handle) -> Code;
    fn hipStreamSynchronize(stream: Handle) -> Code;
    fn hipStreamWaitEvent(stream: Handle, event: Handle, flags: c_uint) -> Code;
    fn hipEventCreateWithFlags(event: *mut Handle, flags: c_uint) -> Code;
    fn hipEventDestroy(event: Handle) -> Code;
    fn hipEventRecord(event: Handle, stream: Handle) -> Code;
    fn hipEventSynchronize(event: Handle) -> Code;
    fn hipEventQuery(event: Handle) -> Code;
    fn hipEventElapsedTime(milliseconds: *mut f32, start: Handle, stop: Handle) -> Code;
}
