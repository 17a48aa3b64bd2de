//! Real footage, when this machine has it.

use std::path::{Path, PathBuf};

/// The file `name` among the shared footage (`HERON_DATA`, else `../shared/data` beside the source tree), or `None`
/// with a line that says that the test is skipped.
pub fn file(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("HERON_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = data.join("footage").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no footage ({name} is not there)");
    None
}
