//! Where the shared test footage lies. It is never part of the tree.

use std::path::PathBuf;

/// The folder of film files: `$HERON_DATA/footage`, or `shared/data/footage` beside the checkout. Says so and
/// answers `None` when there is none, so that tests can pass without it.
pub fn folder() -> Option<PathBuf> {
    let beside = || {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.ancestors().nth(3).map(|checkout| checkout.join("shared/data"))
    };
    let folder = std::env::var_os("HERON_DATA").map(PathBuf::from).or_else(beside)?.join("footage");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no footage (set HERON_DATA to the folder that holds footage/)");
    None
}

/// One file of the footage.
pub fn file(name: &str) -> Option<PathBuf> {
    folder().map(|f| f.join(name))
}
