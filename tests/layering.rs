//! Holds the sources to the order of their layers.
//!
//! A module may use only the modules that `src/lib.rs` declares above it; only the modules that
//! deal with foreign memory or code may be unsafe; and no source file is longer than a person
//! wants to read.
#![forbid(unsafe_code)]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules whose files may contain `unsafe`; those below a module named here too.
const UNSAFE: [&str; 7] = ["sys", "memory", "real", "hip", "cpu::ukernel", "gpu", "abi"];

/// The module of the C entry points, which nobody may use.
const ENTRY_POINTS: &str = "abi";

const LINES_AT_MOST: usize = 600;
const SOURCE_SUFFIXES: [&str; 9] = ["rs", "c", "h", "cpp", "hip", "py", "sh", "cmake", "txt"];

/// What the tokens of one file say about modules.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    /// `mod name;`, in order, each with the modules that it stands in, and whether it is `pub`.
    declared: Vec<(Vec<String>, bool)>,
    /// Every path that starts at `crate`, `self` or `super`, from the crate's root on. `*` at its
    /// end: all that is there.
    used: Vec<Vec<String>>,
    forbids_unsafe: bool,
    is_unsafe: bool,
}

/// Reads the source of the module at `module`.
fn facts(source: &str, module: &[String]) -> Facts {
    let tokens: TokenStream = source.parse().expect("the compiler takes it, so it has tokens");
    let mut facts = Facts::default();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    facts.forbids_unsafe = tokens.windows(3).any(|window| {
        matches!(window, [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group)]
            if hash.as_char() == '#'
                && bang.as_char() == '!'
                && group.to_string().replace(' ', "") == "[forbid(unsafe_code)]")
    });
    read(&tokens, module, &mut facts);
    facts
}

fn read(tokens: &[TokenTree], module: &[String], facts: &mut Facts) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "unsafe" => facts.is_unsafe = true,
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(next)) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let inner = [module, &[name.to_string()]].concat();
                    match next {
                        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                            read(&trees(body.stream()), &inner, facts);
                            at += 2;
                        }
                        TokenTree::Punct(end) if end.as_char() == ';' => {
                            facts.declared.push((inner, is_public(&tokens[..at])));
                        }
                        _ => {}
                    }
                }
            }
            TokenTree::Ident(word)
                if starts_path(&word.to_string()) && is_separator(&tokens[at + 1..]) =>
            {
                at += path(&tokens[at..], module.to_vec(), facts);
                continue;
            }
            TokenTree::Group(group) => read(&trees(group.stream()), module, facts),
            _ => {}
        }
        at += 1;
    }
}

fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn starts_path(word: &str) -> bool {
    matches!(word, "crate" | "self" | "super")
}

/// `::`
fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon =
        |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(tokens.first()) && colon(tokens.get(1))
}

/// Whether the item that these tokens lead up to is `pub`, not `pub(...)`.
fn is_public(before: &[TokenTree]) -> bool {
    matches!(before.last(), Some(TokenTree::Ident(word)) if word == "pub")
}

/// Reads a path, or a path with a list of paths at its end, that goes on from `from`; notes where
/// it leads, and returns how many tokens it has.
fn path(tokens: &[TokenTree], mut from: Vec<String>, facts: &mut Facts) -> usize {
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => match word.to_string().as_str() {
                "crate" => from.clear(),
                "self" => {}
                "super" => drop(from.pop()),
                name => from.push(name.to_owned()),
            },
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => from.push("*".to_owned()),
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                let list = trees(list.stream());
                let is_comma =
                    |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ',');
                for item in list.split(is_comma).filter(|item| !item.is_empty()) {
                    path(item, from.clone(), facts);
                }
                return at + 1;
            }
            // `Vec::<T>` and the like: the rest are tokens as any others.
            _ => break,
        }
        at += 1;
        if !is_separator(&tokens[at..]) {
            break;
        }
        at += 2;
    }
    facts.used.push(from);
    at
}

/// A file of the library, found by following `mod` from `src/lib.rs`.
struct Source {
    file: PathBuf,
    module: Vec<String>,
    facts: Facts,
}

fn library(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut waiting = VecDeque::from([(root.join("lib.rs"), Vec::new())]);
    while let Some((file, module)) = waiting.pop_front() {
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let facts = facts(&text, &module);
        for (child, _) in &facts.declared {
            let below = root.join(child.join("/"));
            let candidates = [below.with_extension("rs"), below.join("mod.rs")];
            let file = candidates.iter().find(|candidate| candidate.exists());
            let file = file.unwrap_or_else(|| panic!("no file for the module {}", name(child)));
            waiting.push_back((file.clone(), child.clone()));
        }
        sources.push(Source { file, module, facts });
    }
    sources
}

fn name(module: &[String]) -> String {
    module.join("::")
}

/// What is wrong with the use of `used` in `module`, where the layers are `order`, lowest first.
fn wrong_use(order: &[String], module: &[String], used: &[String]) -> Option<String> {
    let layer = |path: &[String]| order.iter().position(|layer| Some(layer) == path.first());
    let own = layer(module)?; // The root only declares.
    let text = format!("{} uses crate::{}", name(module), name(used));
    match layer(used) {
        None => Some(format!("{text}, which is no module")),
        Some(other) if other > own => Some(format!("{text}, which is declared below it")),
        Some(_) => None,
    }
}

/// What is wrong with the unsafety of a module's file.
fn wrong_safety(module: &[String], facts: &Facts) -> Option<String> {
    let is_within =
        |inner: &str, outer: &str| format!("{inner}::").starts_with(&format!("{outer}::"));
    let own = name(module);
    if UNSAFE.iter().any(|allowed| is_within(&own, allowed)) {
        return None;
    }
    if facts.is_unsafe {
        return Some(format!("{own} contains `unsafe`"));
    }
    // Nothing below a module that forbids could be allowed again.
    let holds_unsafe_ones = module.is_empty() || UNSAFE.iter().any(|one| is_within(one, &own));
    (!facts.forbids_unsafe && !holds_unsafe_ones)
        .then(|| format!("{own} lacks #![forbid(unsafe_code)]"))
}

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The layers, lowest first, as `src/lib.rs` declares them.
fn order(sources: &[Source]) -> Vec<String> {
    sources[0].facts.declared.iter().map(|(module, _)| name(module)).collect()
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn a_module_uses_only_those_above_it() {
    let sources = library(&at_root("src"));
    let order = order(&sources);
    assert!(order.len() > 5, "src/lib.rs declares {order:?}");
    let uses: usize = sources.iter().map(|source| source.facts.used.len()).sum();
    assert!(uses > 50, "only {uses} paths were found in {} files", sources.len());
    let complaints = sources.iter().flat_map(|source| {
        let wrong = |used: &Vec<String>| wrong_use(&order, &source.module, used);
        let file = source.file.display();
        source.facts.used.iter().filter_map(wrong).map(move |text| format!("{file}: {text}"))
    });
    assert_none(complaints.collect());
}

#[test]
fn nobody_can_use_the_entry_points() {
    let sources = library(&at_root("src"));
    let declared = &sources[0].facts.declared;
    assert_eq!(declared.last(), Some(&(vec![ENTRY_POINTS.to_owned()], false)));
}

#[test]
fn only_modules_that_must_are_unsafe() {
    let sources = library(&at_root("src"));
    let complaints =
        sources.iter().filter_map(|source| wrong_safety(&source.module, &source.facts));
    assert_none(complaints.collect());
    let used = |allowed: &str| sources.iter().any(|source| name(&source.module) == allowed);
    assert!(UNSAFE.into_iter().any(used), "none of the modules that may be unsafe exists");
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path
            .extension()
            .is_some_and(|suffix| SOURCE_SUFFIXES.iter().any(|known| suffix == *known))
        {
            files.push(path);
        }
    }
    files
}

#[test]
fn no_source_file_is_too_long() {
    let files: Vec<PathBuf> = ["src", "tests", "include", "ctest"]
        .iter()
        .flat_map(|f| source_files(&at_root(f)))
        .collect();
    assert!(files.len() > 50, "only {} files were found", files.len());
    let too_long = |file: &PathBuf| {
        let lines = fs::read_to_string(file).expect("sources are UTF-8").lines().count();
        (lines > LINES_AT_MOST).then(|| format!("{}: {lines} lines", file.display()))
    };
    assert_none(files.iter().filter_map(too_long).collect());
}

mod on_examples {
    use super::*;

    fn split(path: &str) -> Vec<String> {
        path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn used(module: &str, source: &str) -> Vec<String> {
        facts(source, &split(module)).used.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        let source = "
            //! Not crate::comment, nor \"crate::comment\".
            use crate::{config, error::{Error, Result}, engine::*};
            pub(crate) fn f<T: crate::solver::Solver>(at: &crate::memory::View) -> [u8; 3] {
                let text = \"crate::text\";
                matches!(x, crate::problem::Mode::Plain(crate::cpu::Y));
                crate::trace::line(&text)
            }
        ";
        let paths = [
            "config",
            "error::Error",
            "error::Result",
            "engine::*",
            "solver::Solver",
            "memory::View",
            "problem::Mode::Plain",
            "cpu::Y",
            "trace::line",
        ];
        assert_eq!(used("real", source), paths);
    }

    #[test]
    fn chains_of_super_are_followed() {
        assert_eq!(used("cpu", "use super::engine;"), ["engine"]);
        assert_eq!(
            used("cpu::igemm", "use super::super::engine::X; use super::Y;"),
            ["engine::X", "cpu::Y",]
        );
        assert_eq!(
            used("cpu", "mod tests { use super::*; use super::super::abi; }"),
            ["cpu::*", "abi",]
        );
        assert_eq!(used("cpu", "use self::igemm::Z;"), ["cpu::igemm::Z"]);
        assert_eq!(used("cpu", "fn f() { super::super::super::far() }"), ["far"]);
    }

    #[test]
    fn words_that_only_look_like_paths_are_none() {
        let source = "pub(crate) fn f(&self) { self.x; ::std::mem::take(self); } pub(super) mod y;";
        assert_eq!(used("cpu", source), Vec::<String>::new());
    }

    #[test]
    fn declarations_are_found_in_order() {
        let source =
            "pub mod error; mod tests { mod inner; } #[cfg(unix)] pub(crate) mod cpu; mod abi;";
        let declared = facts(source, &[]).declared;
        let expected = [("error", true), ("tests::inner", false), ("cpu", false), ("abi", false)];
        assert_eq!(declared, expected.map(|(module, public)| (split(module), public)));
    }

    #[test]
    fn uses_of_higher_layers_are_wrong() {
        let order = ["error", "problem", "cpu", "abi"].map(str::to_owned);
        let wrong = |module: &str, path: &str| wrong_use(&order, &split(module), &split(path));
        assert_eq!(wrong("cpu", "problem::Mode"), None);
        assert_eq!(wrong("cpu::igemm", "cpu::tiles"), None);
        let complaint = "problem::tensor uses crate::cpu::X, which is declared below it";
        assert_eq!(wrong("problem::tensor", "cpu::X").as_deref(), Some(complaint));
        assert!(wrong("cpu", "abi::handle").is_some());
        assert!(wrong("cpu", "*").is_some());
        assert!(wrong("cpu", "nowhere::X").is_some());
    }

    #[test]
    fn unsafe_code_is_found_and_so_is_a_missing_ban() {
        let wrong = |module: &str, source: &str| {
            wrong_safety(&split(module), &facts(source, &split(module)))
        };
        let banned = "//! Text.\n#![forbid(unsafe_code)]\nuse std::fmt;";
        assert_eq!(wrong("problem", banned), None);
        assert!(wrong("problem", "//! #![forbid(unsafe_code)]").is_some());
        assert!(wrong("problem", "#[forbid(unsafe_code)] fn f() {}").is_some());
        assert!(wrong("problem", "#![forbid(unsafe_code)] m!(unsafe { f() });").is_some());
        assert_eq!(wrong("abi::handle", "unsafe fn f() {}"), None);
        assert_eq!(wrong("cpu::ukernel::avx2", "unsafe fn f() {}"), None);
        assert!(wrong("cpu::ukernels", "unsafe fn f() {}").is_some());
        // The parent of a module that may: it cannot ban, and must do without all the same.
        assert_eq!(wrong("cpu", "mod ukernel;"), None);
        assert!(wrong("cpu", "fn f() { unsafe { g() } }").is_some());
    }
}
