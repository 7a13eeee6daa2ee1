//! There is no `unsafe` in what the crate offers: no function or trait of its source is unsafe, public or
//! not. What threads may have is said here as well, for the compiler to check.

use hexagent::*;
use std::path::Path;

/// What stands behind each `unsafe` that asks something of callers: all but blocks and implementations,
/// which are how the crate is made. Comments are left out.
fn asks_for_unsafe(source: &str) -> Vec<String> {
    let code: String =
        source.lines().flat_map(|line| [line.split("//").next().unwrap_or(""), "\n"]).collect();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices("unsafe")
        .filter(|(at, word)| {
            !code[..*at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
        })
        .map(|(at, word)| code[at + word.len()..].trim_start())
        .filter(|rest| !rest.starts_with('{') && !rest.starts_with("impl "))
        .map(|rest| rest.lines().next().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn no_function_of_the_crate_is_unsafe() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "rs", "{path:?} is not looked into");
        let source = std::fs::read_to_string(&path).unwrap();
        assert_eq!(asks_for_unsafe(&source), Vec::<String>::new(), "{path:?}");
        files += 1;
    }
    assert!(files > 5, "only {files} files");
}

#[test]
fn the_check_would_see_it() {
    for source in [
        "pub unsafe fn f() {}",
        "    pub(crate) unsafe fn f(&self) {",
        "unsafe extern \"C\" fn f();",
        "pub unsafe trait T {}",
        "pub unsafe // of which more stands on the next line\n    fn f() {}",
        "pub type Callback = unsafe fn(u32);",
    ] {
        assert_eq!(asks_for_unsafe(source).len(), 1, "{source}");
    }
    for source in [
        "let x = unsafe { f() };",
        "check(unsafe {\n    f()\n})",
        "unsafe impl Send for S {}",
        "/// an unsafe fn",
        "#![deny(unsafe_op_in_unsafe_fn)]",
    ] {
        assert_eq!(asks_for_unsafe(source), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn handles_are_for_the_threads_that_they_say() {
    fn is_send<T: Send>() {}
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send::<Scheduler>();
    is_send::<Replay>();
    is_send_and_sync::<Inputs>();
    is_send_and_sync::<Endpoint>();
    is_send_and_sync::<Answers>();
    is_send_and_sync::<KvMemory>();
}
