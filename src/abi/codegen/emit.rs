//! Writes the Rust that follows from the joined table.

use crate::header::Function;
use crate::policy::{Entry, Policy};
use std::fmt::Write;

/// `sys::signature::miopenX`: the type of each C function as a function pointer.
pub fn signatures<'a>(functions: impl Iterator<Item = &'a Function>) -> String {
    let mut out = String::new();
    for function in functions {
        let params: Vec<String> =
            function.params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        writeln!(
            out,
            "pub type {} = unsafe extern \"C\" fn({}) -> {};",
            function.name,
            params.join(", "),
            function.result
        )
        .expect("writing to a String");
    }
    out
}

/// The exported trampolines, their slots, and the table that the resolver reads.
pub fn entries(table: &[Entry], version_node: &str) -> String {
    let count = table.len();
    let mut functions = String::new();
    let mut slots = String::new();
    let mut trampolines = String::new();
    for (index, Entry { function, policy }) in table.iter().enumerate() {
        let name = &function.name;
        let own = match policy {
            Policy::Forward => "None".to_owned(),
            // The let is the check: it compiles only if ours has the header's type.
            Policy::Own => {
                format!("Some({{ let ours: signature::{name} = own::{name}; ours as *const () }})")
            }
        };
        writeln!(functions, "    Function {{ name: c\"{name}\", own: {own} }},")
            .expect("writing to a String");
        writeln!(slots, "    Slot::new(resolve_{name} as *const () as *mut ()),")
            .expect("writing to a String");
        writeln!(
            trampolines,
            "trampoline!({name}, resolve_{name}, {index}, \
             \".symver {name}, {name}@@{version_node}\");"
        )
        .expect("writing to a String");
    }
    format!(
        "pub(super) static FUNCTIONS: [Function; {count}] = [\n{functions}];\n\
         pub(super) static SLOTS: [Slot; {count}] = [\n{slots}];\n\
         {trampolines}"
    )
}
