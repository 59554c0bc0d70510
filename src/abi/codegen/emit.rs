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
        // The let is the check: it compiles only if ours has the header's type.
        let ours =
            format!("Some({{ let ours: signature::{name} = own::{name}; ours as *const () }})");
        let where_it_is = |is_ours| if is_ours { ours.as_str() } else { "None" };
        writeln!(
            functions,
            "    Function {{ name: c\"{name}\", alone: {}, in_front: {} }},",
            where_it_is(matches!(policy, Policy::Own | Policy::Guard)),
            where_it_is(matches!(policy, Policy::Guard | Policy::Watch)),
        )
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

/// Functions of the real library that the guard asks about the caller's objects.
const ASKED: [&str; 6] = [
    "miopenGetVersion",
    "miopenGetStream",
    "miopenGetTensorDescriptorSize",
    "miopenGetTensorDescriptor",
    "miopenGetConvolutionNdDescriptor",
    "miopenGetConvolutionGroupCount",
];

/// The real library's functions, each with its type: those that ours stand before or ask.
pub fn real_functions(table: &[Entry]) -> String {
    let names = || {
        let names = table.iter().map(|entry| (&entry.function.name, entry.policy));
        names
            .filter(|(name, policy)| {
                matches!(policy, Policy::Guard | Policy::Watch) || ASKED.contains(&name.as_str())
            })
            .map(|(name, _)| name)
    };
    let mut fields = String::new();
    let mut values = String::new();
    for name in names() {
        writeln!(fields, "    pub {name}: Option<signature::{name}>,")
            .expect("writing to a String");
        writeln!(
            values,
            "            // SAFETY: the caller's promise.\n            \
             {name}: find(c\"{name}\").map(|address| unsafe {{ \
             std::mem::transmute::<*const (), signature::{name}>(address) }}),"
        )
        .expect("writing to a String");
    }
    format!(
        "/// Functions of the real library; `None` where its release lacks one.\n\
         pub(super) struct RealFunctions {{\n{fields}}}\n\
         impl RealFunctions {{\n    \
         /// # Safety\n    /// `find` gives addresses of functions of the header's types.\n    \
         pub unsafe fn new(find: impl Fn(&CStr) -> Option<*const ()>) -> RealFunctions {{\n        \
         RealFunctions {{\n{values}        }}\n    }}\n}}\n"
    )
}
