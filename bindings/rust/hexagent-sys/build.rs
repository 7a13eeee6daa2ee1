//! Finds libhexagent: HEXAGENT_LIB_DIR (and HEXAGENT_INCLUDE_DIR for dependents), else pkg-config.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=HEXAGENT_LIB_DIR");
    println!("cargo:rerun-if-env-changed=HEXAGENT_INCLUDE_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib=hexagent");
    if let Ok(folder) = env::var("HEXAGENT_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        if let Ok(include) = env::var("HEXAGENT_INCLUDE_DIR") {
            println!("cargo:include={include}");
        }
        return;
    }
    for flag in pkg_config(&["--libs-only-L"]).split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        }
    }
    println!("cargo:include={}", pkg_config(&["--variable=includedir"]).trim());
}

/// What pkg-config answers about libhexagent. Each 0.x is an ABI of its own, so the version counts.
fn pkg_config(arguments: &[&str]) -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let minor = env!("CARGO_PKG_VERSION_MINOR").parse::<u32>().expect("a number");
    let wanted = format!("hexagent >= 0.{minor} hexagent < 0.{}", minor + 1);
    let answer = Command::new(&program).args(arguments).arg(&wanted).output();
    match answer {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(output) => panic!(
            "{program} does not know \"{wanted}\"; set PKG_CONFIG_PATH or HEXAGENT_LIB_DIR\n{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("cannot run {program} ({error}); set HEXAGENT_LIB_DIR instead"),
    }
}
