//! Runs `llvm-objdump`, and remembers its answers within the process.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use super::decode;
use crate::isa::Code;

/// Versions that print what `decode` reads; 19 is the one that the tests pin.
const VERSIONS: [u32; 6] = [19, 20, 18, 17, 21, 16];

/// Path of a tool of LLVM: `SIMHIP_LLVM_BIN/name`, `name-19`, `/usr/lib/llvm-19/bin/name`, `name`.
pub fn find_tool(name: &str) -> Option<std::path::PathBuf> {
    let in_path = |file: &str| {
        std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path).map(|dir| dir.join(file)).find(|p| p.is_file())
        })
    };
    if let Some(dir) = std::env::var_os("SIMHIP_LLVM_BIN") {
        let tool = std::path::Path::new(&dir).join(name);
        return tool.is_file().then_some(tool);
    }
    for version in VERSIONS {
        let versioned = std::path::PathBuf::from(format!("/usr/lib/llvm-{version}/bin/{name}"));
        if let Some(tool) = in_path(&format!("{name}-{version}")) {
            return Some(tool);
        }
        if versioned.is_file() {
            return Some(versioned);
        }
    }
    in_path(name)
}

type Key = (String, Vec<u8>);

fn cache() -> &'static Mutex<HashMap<Key, Arc<Code>>> {
    static CACHE: OnceLock<Mutex<HashMap<Key, Arc<Code>>>> = OnceLock::new();
    CACHE.get_or_init(Mutex::default)
}

/// Decodes the text of a code object as the processor `silicon` (such as `gfx1010`) would, whatever
/// the code object's own label says.
pub fn load(code_object: &[u8], silicon: &str) -> Result<Arc<Code>, String> {
    let key = (silicon.to_string(), code_object.to_vec());
    let known = cache().lock().unwrap_or_else(|e| e.into_inner()).get(&key).cloned();
    if let Some(code) = known {
        return Ok(code);
    }
    let text = disassemble(code_object, silicon)?;
    let code = Arc::new(decode(&text));
    cache().lock().unwrap_or_else(|e| e.into_inner()).insert(key, Arc::clone(&code));
    Ok(code)
}

/// Text of `llvm-objdump -d`.
pub fn disassemble(code_object: &[u8], silicon: &str) -> Result<String, String> {
    let tool = find_tool("llvm-objdump")
        .ok_or("llvm-objdump not found: install llvm-19 or set SIMHIP_LLVM_BIN")?;
    let mut child = Command::new(&tool)
        .args(["-d", &format!("--mcpu={silicon}"), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", tool.display()))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A closed pipe shows in the exit status.
                let _ = stdin.write_all(code_object);
            }
        });
        child.wait_with_output()
    })
    .map_err(|e| format!("{}: {e}", tool.display()))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{}: {message}", tool.display()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
