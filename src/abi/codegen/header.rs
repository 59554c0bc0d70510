//! Reads the C headers through bindgen: types for `sys`, signatures for the table.

use quote::ToTokens;
use syn::{FnArg, ForeignItem, Item, ReturnType};

/// One C function as the header declares it, in Rust's spelling.
pub struct Function {
    pub name: String,
    /// `(parameter name, Rust type)`.
    pub params: Vec<(String, String)>,
    /// Rust type of the result.
    pub result: String,
}

/// What the headers hold.
pub struct Header {
    pub functions: Vec<Function>,
    /// What `bypass.h` adds: ours alone, without a slot, a policy or a symbol version.
    pub additions: Vec<Function>,
    /// Rust source of every type and enumerator.
    pub types: String,
}

/// Every optional part of the header is switched on: this library exports all that ever was.
const MACROS: [&str; 3] =
    ["MIOPEN_BETA_API", "MIOPEN_BYPASS_RETIRED_API", "MIOPEN_BYPASS_HIDDEN_API"];

pub fn read(directory: &str) -> Header {
    let bindings = bindgen::Builder::default()
        .header(format!("{directory}/miopen.h"))
        .header(format!("{directory}/bypass.h"))
        .clang_arg("-Iinclude")
        .clang_args(MACROS.map(|name| format!("-D{name}=1")))
        .allowlist_item("miopen.*|MIOPEN_.*|hipStream_t")
        // A C caller can pass any integer where an enumerator is due, so enums stay integers
        // with names.
        .default_enum_style(bindgen::EnumVariation::NewType {
            is_bitfield: false,
            is_global: false,
        })
        .generate_comments(false)
        .generate()
        .expect("bindgen reads the headers");
    split(&bindings.to_string())
}

fn split(source: &str) -> Header {
    let file = syn::parse_file(source).expect("bindgen writes Rust");
    let mut functions = Vec::new();
    let mut types = String::new();
    for item in file.items {
        match item {
            Item::ForeignMod(block) => functions.extend(block.items.into_iter().map(function)),
            other => {
                types.push_str(&other.to_token_stream().to_string());
                types.push('\n');
            }
        }
    }
    let is_ours = |function: &Function| function.name.starts_with("miopenBypass");
    let (additions, functions) = functions.into_iter().partition(is_ours);
    Header { functions, additions, types }
}

fn function(item: ForeignItem) -> Function {
    let ForeignItem::Fn(item) = item else {
        panic!("the headers declare functions only, not {}", item.to_token_stream())
    };
    let params = item.sig.inputs.iter().map(|input| match input {
        FnArg::Typed(param) => {
            (param.pat.to_token_stream().to_string(), param.ty.to_token_stream().to_string())
        }
        FnArg::Receiver(_) => unreachable!("C has no methods"),
    });
    Function {
        name: item.sig.ident.to_string(),
        params: params.collect(),
        result: match item.sig.output {
            ReturnType::Default => "()".to_owned(),
            ReturnType::Type(_, ty) => ty.to_token_stream().to_string(),
        },
    }
}
