//! Static figures of the kernels, from the disassembly of their machine code.
//!
//! The disassembler is LLVM's (`llvm-objdump`, which any clang with the AMDGPU target has beside
//! it); everything here works on its text, so the figures are those of the code that runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the folder of LLVM's tools, for machines where they are not in the path.
pub const LLVM_VARIABLE: &str = "MIOPEN_BYPASS_LLVM_BIN";

/// Releases whose suffixed names are tried, as Debian has them.
const RELEASES: std::ops::RangeInclusive<u32> = 15..=24;

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Address in the code object.
    pub address: u64,
    /// Mnemonic and operands.
    pub text: String,
    /// Its encoding, in dwords.
    pub encoding: Vec<u32>,
    /// Where it may jump to.
    pub target: Option<u64>,
}

impl Instruction {
    /// The operation, encoding suffix included: `v_fmac_f32_e32`.
    pub fn mnemonic(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    /// Whether it multiplies and adds.
    pub fn is_fma(&self) -> bool {
        let name = self.mnemonic();
        ["v_fma_f32", "v_fmac_f32", "v_fma_mix", "v_pk_fma_f16"]
            .iter()
            .any(|fma| name.starts_with(fma))
    }

    /// Whether the next instruction may follow.
    fn falls_through(&self) -> bool {
        !["s_branch", "s_endpgm", "s_setpc_b64"].contains(&self.mnemonic())
    }
}

/// A tool of LLVM, or `None` where there is none.
pub fn llvm_tool(name: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        let status = Command::new(path)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if let Some(folder) = std::env::var_os(LLVM_VARIABLE) {
        return Some(Path::new(&folder).join(name)).filter(|path| runs(path));
    }
    let suffixed = RELEASES.rev().map(|release| PathBuf::from(format!("{name}-{release}")));
    let rocm = Path::new("/opt/rocm/llvm/bin").join(name);
    suffixed.chain([PathBuf::from(name), rocm]).find(|path| runs(path))
}

/// The kernels of a code object, disassembled.
///
/// # Errors
/// A sentence where the tool is missing or does not understand the image.
pub fn disassemble(image: &[u8]) -> Result<BTreeMap<String, Vec<Instruction>>, String> {
    let tool = llvm_tool("llvm-objdump").ok_or_else(|| {
        format!("llvm-objdump was not found (Debian: llvm-19; {LLVM_VARIABLE} names its folder)")
    })?;
    let file = TemporaryFile::with(image).map_err(|error| error.to_string())?;
    let arguments = [OsString::from("-d"), file.path.clone().into()];
    let output = Command::new(tool).args(arguments).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn with(bytes: &[u8]) -> std::io::Result<TemporaryFile> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("miopen-bypass-{}-{number}.co", std::process::id());
        let file = TemporaryFile { path: std::env::temp_dir().join(name) };
        std::fs::File::create_new(&file.path)?.write_all(bytes)?;
        Ok(file)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Left over at worst.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads the text of llvm-objdump: `text // ADDRESS: DWORD DWORD <symbol+0xOFFSET>`.
fn parse(listing: &str) -> BTreeMap<String, Vec<Instruction>> {
    let mut kernels: BTreeMap<String, Vec<Instruction>> = BTreeMap::new();
    let mut symbols: BTreeMap<String, u64> = BTreeMap::new();
    let mut current = None;
    for line in listing.lines() {
        if let Some((address, name)) = symbol_of(line) {
            symbols.insert(name.clone(), address);
            current = Some(name);
        } else if let (Some(name), Some(instruction)) = (&current, parse_line(line, &symbols)) {
            kernels.entry(name.clone()).or_default().push(instruction);
        }
    }
    kernels
}

/// `0000000000001000 <name>:`
fn symbol_of(line: &str) -> Option<(u64, String)> {
    let (address, rest) = line.split_once(" <")?;
    let name = rest.strip_suffix(">:")?;
    Some((u64::from_str_radix(address, 16).ok()?, name.to_owned()))
}

fn parse_line(line: &str, symbols: &BTreeMap<String, u64>) -> Option<Instruction> {
    let (text, comment) = line.split_once("//")?;
    let (address, rest) = comment.trim().split_once(':')?;
    let address = u64::from_str_radix(address.trim(), 16).ok()?;
    let is_dword = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words: Vec<&str> = rest.split_whitespace().collect();
    let encoding = words
        .iter()
        .take_while(|word| is_dword(word))
        .map(|word| u32::from_str_radix(word, 16).ok())
        .collect::<Option<Vec<_>>>()?;
    let target = words.last().and_then(|word| {
        let place = word.strip_prefix('<')?.strip_suffix('>')?;
        let (name, offset) = place.split_once("+0x").unwrap_or((place, "0"));
        Some(symbols.get(name)? + u64::from_str_radix(offset, 16).ok()?)
    });
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(Instruction { address, text, encoding, target })
}

/// The instructions of the loop with the most FMAs: everything from which control comes back to
/// it. `None` in a kernel without loops.
pub fn hot_loop(kernel: &[Instruction]) -> Option<Vec<&Instruction>> {
    let components = components(kernel);
    let mut loops: BTreeMap<usize, Vec<&Instruction>> = BTreeMap::new();
    for (instruction, component) in kernel.iter().zip(&components) {
        loops.entry(*component).or_default().push(instruction);
    }
    // A component of one instruction is no loop, short of one that jumps to itself.
    loops
        .into_values()
        .filter(|body| body.len() > 1)
        .max_by_key(|body| body.iter().filter(|instruction| instruction.is_fma()).count())
}

/// Numbers of the strongly connected components (Tarjan's algorithm, without recursion).
fn components(kernel: &[Instruction]) -> Vec<usize> {
    let index_of: BTreeMap<u64, usize> =
        kernel.iter().enumerate().map(|(index, i)| (i.address, index)).collect();
    let next = |at: usize| -> [Option<usize>; 2] {
        let following = (kernel[at].falls_through() && at + 1 < kernel.len()).then_some(at + 1);
        [following, kernel[at].target.and_then(|target| index_of.get(&target).copied())]
    };
    const NONE: usize = usize::MAX;
    let count = kernel.len();
    let (mut order, mut low) = (vec![NONE; count], vec![0; count]);
    let (mut component, mut on_stack) = (vec![NONE; count], vec![false; count]);
    let (mut stack, mut visited, mut found) = (Vec::new(), 0, 0);
    for root in 0..count {
        if order[root] != NONE {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some(&(at, edge)) = path.last() {
            if edge == 0 {
                (order[at], low[at]) = (visited, visited);
                visited += 1;
                stack.push(at);
                on_stack[at] = true;
            }
            if let Some(&successor) = next(at).get(edge) {
                if let Some(step) = path.last_mut() {
                    step.1 += 1;
                }
                match successor {
                    Some(to) if order[to] == NONE => path.push((to, 0)),
                    Some(to) if on_stack[to] => low[at] = low[at].min(order[to]),
                    _ => {}
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[at]);
            }
            if low[at] == order[at] {
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    component[member] = found;
                    if member == at {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

/// Instruction counts of a hot loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    pub fma: u32,
    /// Vector arithmetic, FMAs included.
    pub valu: u32,
    pub all: u32,
}

impl Mix {
    /// Counts a loop.
    pub fn of(body: &[&Instruction]) -> Mix {
        let count = |wanted: &dyn Fn(&Instruction) -> bool| {
            body.iter().filter(|instruction| wanted(instruction)).count() as u32
        };
        Mix {
            fma: count(&Instruction::is_fma),
            valu: count(&|instruction| instruction.mnemonic().starts_with("v_")),
            all: body.len() as u32,
        }
    }

    /// FMAs in vector arithmetic.
    pub fn fma_per_valu(&self) -> f64 {
        f64::from(self.fma) / f64::from(self.valu.max(1))
    }

    /// FMAs in all instructions.
    pub fn fma_per_all(&self) -> f64 {
        f64::from(self.fma) / f64::from(self.all.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_found_whichever_way_it_is_laid_out() {
        // The body's second half stands behind the exit.
        let listing = "\
0000000000001000 <k>:
	s_mov_b32 s0, 0                                            // 000000001000: BE800380
	v_fmac_f32_e32 v0, v1, v2                                  // 000000001004: 56000501
	s_cbranch_scc1 2                                           // 000000001008: BF850002 <k+0x14>
	s_nop 0                                                    // 00000000100C: BF800000
	s_endpgm                                                   // 000000001010: BF810000
	v_add_nc_u32_e32 v3, v3, v4                                // 000000001014: 4A060903
	s_branch 65530                                             // 000000001018: BF82FFFA <k+0x4>
";
        let kernels = parse(listing);
        let body = hot_loop(&kernels["k"]).unwrap();
        let addresses: Vec<u64> = body.iter().map(|instruction| instruction.address).collect();
        assert_eq!(addresses, [0x1004, 0x1008, 0x1014, 0x1018]);
        assert_eq!(Mix::of(&body), Mix { fma: 1, valu: 2, all: 4 });
    }

    #[test]
    fn straight_code_has_no_loop() {
        let listing = "0000000000001000 <k>:\n\ts_endpgm // 000000001000: BF810000\n";
        assert_eq!(hot_loop(&parse(listing)["k"]), None);
    }
}
