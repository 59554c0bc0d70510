//! Device memory: host memory behind addresses of its own.
//!
//! An address that `hipMalloc` gives out is reserved and inaccessible for the host, with guard zones
//! on both sides: a program that follows a device pointer on the CPU faults, as it would without a
//! large BAR. The bytes live elsewhere. Pinned and managed memory is the same for both sides.
//! Freed addresses stay reserved, so that a use after free is seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// NaN in f32, f16 and bf16: what fresh memory holds.
pub const POISON: u16 = 0x7fa5;
const PAGE: u64 = 4096;
/// Between neighbours; a wild index usually misses by less.
const GUARD: u64 = 1 << 20;
/// Above this size the poison is mapped from one shared tile, page by page when touched.
const TILE_BYTES: usize = 4 << 20;

/// What an allocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Device,
    Pinned,
    Managed,
    /// A loaded code object.
    Code,
    /// Arguments of a launch and its dispatch packet.
    Launch,
}

/// Host mapping that holds an allocation's bytes.
#[derive(Debug)]
struct Backing {
    start: *mut u8,
    bytes: usize,
}

// SAFETY: the mapping is plain memory that any thread may use; all access goes through atomics or
// through copies that the stream order of the client serialises.
unsafe impl Send for Backing {}
// SAFETY: as above.
unsafe impl Sync for Backing {}

impl Drop for Backing {
    fn drop(&mut self) {
        // SAFETY: `start` and `bytes` came from a mapping of ours that nobody else unmaps.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

fn map(bytes: usize, protection: i32) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}

/// File descriptor of a memory file full of poison, for lazily poisoned mappings.
fn poison_tile() -> Option<i32> {
    static TILE: OnceLock<Option<i32>> = OnceLock::new();
    *TILE.get_or_init(|| {
        // SAFETY: a constant, terminated name.
        let fd = unsafe { libc::memfd_create(c"simhip-poison".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return None;
        }
        let bytes: Vec<u8> = POISON.to_le_bytes().repeat(TILE_BYTES / 2);
        // SAFETY: `bytes` is valid for its length.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        (written == TILE_BYTES as isize).then_some(fd)
    })
}

fn poison(start: *mut u8, bytes: usize) {
    let mut done = 0;
    if bytes >= TILE_BYTES
        && let Some(fd) = poison_tile()
    {
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        while bytes - done >= TILE_BYTES {
            // SAFETY: the range lies within our own fresh mapping, which it replaces.
            let mapped =
                unsafe { libc::mmap(start.add(done).cast(), TILE_BYTES, access, flags, fd, 0) };
            if mapped == libc::MAP_FAILED {
                break;
            }
            done += TILE_BYTES;
        }
    }
    // SAFETY: the range is ours, writable and page aligned.
    unsafe {
        let words = start.add(done).cast::<u16>();
        for k in 0..(bytes - done) / 2 {
            words.add(k).write(POISON);
        }
    }
}

/// A live allocation.
#[derive(Debug)]
pub struct Allocation {
    /// Address that the client and the kernels use.
    pub start: u64,
    pub bytes: u64,
    pub device: usize,
    pub used_for: Use,
    /// Flags of `hipHostMalloc`.
    pub flags: u32,
    /// Running number, for messages.
    pub id: u64,
    host: *mut u8,
    backing: Arc<Backing>,
}

// SAFETY: `host` points into `backing`, which is Send and Sync.
unsafe impl Send for Allocation {}
// SAFETY: as above.
unsafe impl Sync for Allocation {}

/// A part of an allocation that a kernel may touch.
#[derive(Clone)]
pub struct Region {
    pub start: u64,
    pub end: u64,
    host: *mut u8,
    _backing: Arc<Backing>,
}

// SAFETY: `host` points into `_backing`, which is Send and Sync and lives as long as this.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// All memory that a launch may touch, frozen when it starts.
#[derive(Clone, Default)]
pub struct View {
    regions: Vec<Region>,
}

/// A checked place of a known number of bytes.
#[derive(Clone, Copy)]
pub struct Spot<'a> {
    at: *mut u8,
    _view: std::marker::PhantomData<&'a View>,
}

impl View {
    pub fn add(&mut self, allocation: &Allocation) {
        let region = Region {
            start: allocation.start,
            end: allocation.start + allocation.bytes,
            host: allocation.host,
            _backing: Arc::clone(&allocation.backing),
        };
        let at = self.regions.partition_point(|r| r.start < region.start);
        self.regions.insert(at, region);
    }

    /// The place of `bytes` bytes at `address`, if all of them belong to one live allocation.
    /// `hint` remembers the region of the last hit.
    #[inline(always)]
    pub fn find(&self, address: u64, bytes: u64, hint: &mut u32) -> Option<Spot<'_>> {
        let inside = |r: &Region| address >= r.start && address < r.end && r.end - address >= bytes;
        let mut region = self.regions.get(*hint as usize);
        if !region.is_some_and(inside) {
            let at = self.regions.partition_point(|r| r.end <= address);
            *hint = at as u32;
            region = self.regions.get(at).filter(|r| inside(r));
        }
        let region = region?;
        // SAFETY: the offset is within the region, hence within its backing.
        let at = unsafe { region.host.add((address - region.start) as usize) };
        Some(Spot { at, _view: std::marker::PhantomData })
    }

    /// What lies nearest to an address, for messages.
    #[cold]
    pub fn describe(&self, address: u64, bytes: u64) -> String {
        let at = self.regions.partition_point(|r| r.start <= address);
        let below = at.checked_sub(1).and_then(|k| self.regions.get(k));
        let mut text = format!("{bytes} bytes at {address:#x}");
        if let Some(r) = below {
            let (start, size) = (r.start, r.end - r.start);
            text += &format!(", offset {} of the {size} bytes at {start:#x}", address - start);
        }
        match registry().freed_at(address) {
            Some(id) => text + &format!(" (in allocation {id}, which was freed)"),
            None => text,
        }
    }
}

impl Spot<'_> {
    /// Little-endian value of 1, 2 or 4 bytes at an offset within the place.
    #[inline(always)]
    pub fn load(self, offset: usize, bytes: u32) -> u32 {
        // SAFETY: `find` checked the place and its view keeps the memory alive. Aligned accesses
        // are atomic, so that workgroups on other threads may touch the same place.
        unsafe {
            let at = self.at.add(offset);
            let aligned = at.addr().is_multiple_of(bytes as usize);
            match bytes {
                1 => u32::from(AtomicU8::from_ptr(at).load(Ordering::Relaxed)),
                2 if aligned => u32::from(AtomicU16::from_ptr(at.cast()).load(Ordering::Relaxed)),
                4 if aligned => AtomicU32::from_ptr(at.cast()).load(Ordering::Relaxed),
                _ => (0..bytes as usize).fold(0, |value, k| {
                    let byte = AtomicU8::from_ptr(at.add(k)).load(Ordering::Relaxed);
                    value | u32::from(byte) << (8 * k)
                }),
            }
        }
    }

    #[inline(always)]
    pub fn store(self, offset: usize, bytes: u32, value: u32) {
        // SAFETY: as for `load`.
        unsafe {
            let at = self.at.add(offset);
            let aligned = at.addr().is_multiple_of(bytes as usize);
            match bytes {
                1 => AtomicU8::from_ptr(at).store(value as u8, Ordering::Relaxed),
                2 if aligned => {
                    AtomicU16::from_ptr(at.cast()).store(value as u16, Ordering::Relaxed);
                }
                4 if aligned => AtomicU32::from_ptr(at.cast()).store(value, Ordering::Relaxed),
                _ => {
                    for k in 0..bytes as usize {
                        let byte = (value >> (8 * k)) as u8;
                        AtomicU8::from_ptr(at.add(k)).store(byte, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    /// Replaces a dword by a function of it; gives the old one. `None` if it is misaligned.
    pub fn update(self, f: impl Fn(u32) -> u32) -> Option<u32> {
        if !self.at.addr().is_multiple_of(4) {
            return None;
        }
        // SAFETY: as for `load`, and aligned.
        let cell = unsafe { AtomicU32::from_ptr(self.at.cast()) };
        let swapped = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(f(x)));
        Some(swapped.unwrap_or_else(|x| x))
    }
}

/// Every allocation of the process.
#[derive(Default)]
pub struct Registry {
    live: BTreeMap<u64, Arc<Allocation>>,
    freed: BTreeMap<u64, (u64, u64)>,
    next_id: u64,
}

pub fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: OnceLock<Mutex<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(Mutex::default).lock().unwrap_or_else(|e| e.into_inner())
}

impl Registry {
    /// Reserves addresses and memory; `None` if the host has none.
    pub fn allocate(
        &mut self,
        bytes: u64,
        device: usize,
        used_for: Use,
        flags: u32,
    ) -> Option<Arc<Allocation>> {
        let rounded = bytes.max(1).checked_add(PAGE - 1)? / PAGE * PAGE;
        let total = usize::try_from(rounded.checked_add(2 * GUARD)?).ok()?;
        let reserved = map(total, libc::PROT_NONE)?;
        let start = reserved.addr() as u64 + GUARD;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let same = matches!(used_for, Use::Pinned | Use::Managed | Use::Launch);
        let (host, backing) = if same {
            // SAFETY: the middle of our own reservation.
            let host = unsafe { reserved.add(GUARD as usize) };
            // SAFETY: as above; it stays within the reservation.
            if unsafe { libc::mprotect(host.cast(), rounded as usize, access) } != 0 {
                return None;
            }
            (host, Backing { start: reserved, bytes: total })
        } else {
            // The reservation itself stays for ever, so that its addresses never come back.
            let host = map(rounded as usize, access)?;
            (host, Backing { start: host, bytes: rounded as usize })
        };
        poison(host, rounded as usize);
        self.next_id += 1;
        let backing = Arc::new(backing);
        let id = self.next_id;
        let allocation =
            Arc::new(Allocation { start, bytes, device, used_for, flags, id, host, backing });
        self.live.insert(start, Arc::clone(&allocation));
        Some(allocation)
    }

    /// Ends an allocation by its first address.
    pub fn release(&mut self, start: u64) -> Option<Arc<Allocation>> {
        let allocation = self.live.remove(&start)?;
        if !matches!(allocation.used_for, Use::Pinned | Use::Managed | Use::Launch) {
            self.freed.insert(start, (start + allocation.bytes, allocation.id));
        }
        Some(allocation)
    }

    /// The live allocation that an address lies in.
    pub fn at(&self, address: u64) -> Option<Arc<Allocation>> {
        let (_, allocation) = self.live.range(..=address).next_back()?;
        (address - allocation.start < allocation.bytes.max(1)).then(|| Arc::clone(allocation))
    }

    fn freed_at(&self, address: u64) -> Option<u64> {
        let (_, &(end, id)) = self.freed.range(..=address).next_back()?;
        (address < end).then_some(id)
    }

    /// Whether an address belongs to a reservation of ours that is no live allocation.
    pub fn is_dead(&self, address: u64) -> bool {
        self.at(address).is_none() && self.freed_at(address).is_some()
    }

    /// What a kernel on a device may touch: its own memory, and pinned and managed memory.
    pub fn view(&self, device: usize) -> View {
        let mut view = View::default();
        for allocation in self.live.values() {
            let shared = matches!(allocation.used_for, Use::Pinned | Use::Managed);
            let kernel_data = !matches!(allocation.used_for, Use::Launch);
            if kernel_data && (shared || allocation.device == device) && allocation.bytes > 0 {
                view.add(allocation);
            }
        }
        view
    }

    /// Bytes of device memory in use.
    pub fn used_bytes(&self, device: usize) -> u64 {
        let on_card = |a: &&Arc<Allocation>| a.device == device && a.used_for != Use::Pinned;
        self.live.values().filter(on_card).map(|a| a.bytes).sum()
    }
}

/// Why a copy cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub struct BadRange(pub String);

/// Turns an address of the client into host memory: device memory by its allocation, anything else
/// is taken as the client's own.
fn resolve(address: u64, bytes: u64) -> Result<(*mut u8, Option<Arc<Allocation>>), BadRange> {
    let registry = registry();
    if let Some(allocation) = registry.at(address) {
        let offset = address - allocation.start;
        if allocation.bytes - offset < bytes {
            let (id, size) = (allocation.id, allocation.bytes);
            let message = format!("{bytes} bytes at offset {offset} of allocation {id} of {size}");
            return Err(BadRange(message));
        }
        // SAFETY: the offset is within the allocation.
        let host = unsafe { allocation.host.add(offset as usize) };
        return Ok((host, Some(allocation)));
    }
    if registry.is_dead(address) {
        return Err(BadRange(format!("{address:#x} was freed")));
    }
    Ok((std::ptr::with_exposed_provenance_mut(address as usize), None))
}

/// Checks that a range is either whole inside an allocation or foreign to us.
pub fn check(address: u64, bytes: u64) -> Result<(), BadRange> {
    resolve(address, bytes).map(|_| ())
}

/// Copies between any two places.
///
/// # Safety
/// An address that is no allocation of ours must be valid host memory of that many bytes.
pub unsafe fn copy(to: u64, from: u64, bytes: u64) -> Result<(), BadRange> {
    let (target, _keep_target) = resolve(to, bytes)?;
    let (source, _keep_source) = resolve(from, bytes)?;
    // SAFETY: both sides were checked, or are promised by the caller; they may overlap.
    unsafe { std::ptr::copy(source, target, bytes as usize) };
    Ok(())
}

/// Fills `count` elements of 1, 2 or 4 bytes.
///
/// # Safety
/// As for `copy`.
pub unsafe fn fill(to: u64, value: u32, element_bytes: u64, count: u64) -> Result<(), BadRange> {
    let (target, _keep) = resolve(to, element_bytes * count)?;
    let pattern = value.to_le_bytes();
    for k in 0..count {
        for b in 0..element_bytes as usize {
            // SAFETY: within the range that was checked.
            unsafe { target.add((k * element_bytes) as usize + b).write(pattern[b]) };
        }
    }
    Ok(())
}
