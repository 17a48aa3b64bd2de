//! Makes sure that the folder of the built web page exists, so that the crate compiles without it, and compiles
//! the crate again when the page is built again.

use std::path::Path;

fn main() {
    let dist = Path::new("../../web/dist");
    if let Err(error) = std::fs::create_dir_all(dist) {
        println!("cargo::warning=cannot make {}: {error}; the web page is left out", dist.display());
    }
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
}
