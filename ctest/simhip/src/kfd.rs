//! A folder like `/sys/class/kfd/kfd/topology`, from which clients learn what the silicon is.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use crate::device::{Device, VENDOR_ID};

/// Writes the folder: node 0 is the processor, then one node a card. An override of the
/// architecture does not show here: the kernel driver does not know of it.
pub fn write(folder: &Path, devices: &[Device], reversed: bool) -> io::Result<()> {
    let topology = folder.join("topology");
    let nodes = topology.join("nodes");
    put(&topology.join("generation_id"), "2\n")?;
    put(&topology.join("system_properties"), "platform_oem 0\nplatform_id 0\nplatform_rev 0\n")?;
    node(&nodes.join("0"), 0, &cpu_properties())?;
    let mut order: Vec<&Device> = devices.iter().collect();
    if reversed {
        order.reverse();
    }
    for (k, device) in order.into_iter().enumerate() {
        let gpu_id = 0x8000 + device.pci_bus;
        node(&nodes.join((k + 1).to_string()), gpu_id, &gpu_properties(device, k as u32))?;
    }
    Ok(())
}

fn node(folder: &Path, gpu_id: u32, properties: &str) -> io::Result<()> {
    put(&folder.join("gpu_id"), &format!("{gpu_id}\n"))?;
    put(&folder.join("name"), "\n")?;
    put(&folder.join("properties"), properties)
}

/// Replaces a file in one step: several processes may write the same folder.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
    let thread = format!("{:?}", std::thread::current().id());
    let digits: String = thread.chars().filter(char::is_ascii_digit).collect();
    let fresh = folder.join(format!(".{name}.{}.{digits}", std::process::id()));
    std::fs::write(&fresh, text)?;
    std::fs::rename(&fresh, path)
}

fn cpu_properties() -> String {
    "cpu_cores_count 8\nsimd_count 0\nmem_banks_count 1\ncaches_count 0\nio_links_count 1\n\
     cpu_core_id_base 0\nsimd_id_base 0\nmax_waves_per_simd 0\nlds_size_in_kb 0\n\
     gds_size_in_kb 0\nnum_gws 0\nwave_front_size 0\narray_count 0\n\
     simd_arrays_per_engine 0\ncu_per_simd_array 0\nsimd_per_cu 0\nmax_slots_scratch_cu 0\n\
     gfx_target_version 0\nvendor_id 0\ndevice_id 0\nlocation_id 0\ndomain 0\n\
     drm_render_minor 0\nhive_id 0\nmax_engine_clk_ccompute 3600\n"
        .to_string()
}

fn gpu_properties(device: &Device, position: u32) -> String {
    let (major, minor, step) = Device::version(&device.silicon);
    let target = major * 10000 + minor * 100 + step;
    let units = device.model.card.compute_units;
    let location = device.pci_bus << 8;
    format!(
        "cpu_cores_count 0\nsimd_count {simds}\nmem_banks_count 1\ncaches_count 0\n\
         io_links_count 1\ncpu_core_id_base 0\nsimd_id_base 2147487744\nmax_waves_per_simd 20\n\
         lds_size_in_kb 64\ngds_size_in_kb 0\nnum_gws 64\nwave_front_size 32\narray_count 4\n\
         simd_arrays_per_engine 2\ncu_per_simd_array 10\nsimd_per_cu 2\nmax_slots_scratch_cu 32\n\
         gfx_target_version {target}\nvendor_id {VENDOR_ID}\ndevice_id {device_id}\n\
         location_id {location}\ndomain {domain}\ndrm_render_minor {minor_number}\nhive_id 0\n\
         num_sdma_engines 2\nmax_engine_clk_fcompute {clock}\nlocal_mem_size {memory}\n\
         unique_id {unique}\n",
        simds = units * 2,
        device_id = device.model.device_id,
        domain = device.pci_domain,
        minor_number = 128 + position,
        clock = device.model.card.clock_mhz,
        memory = device.memory_bytes,
        unique = 0x5ee0_0000 + device.index,
    )
}
