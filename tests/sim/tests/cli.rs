//! The binary, from the outside.
#![allow(clippy::unwrap_used)]

mod common;

use common::Client;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

fn sim() -> Command {
    Command::new(env!("CARGO_BIN_EXE_heron-sim"))
}

#[test]
fn it_says_its_addresses_serves_and_ends_when_told() {
    let mut child = sim()
        .args([
            "--rtsp",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--cameras",
            "2",
            "--packet",
            "--audio",
            "none",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(3).map(Result::unwrap).collect();
    let (main, sub) = lines[1].split_once(' ').unwrap();
    assert!(main.ends_with("/cam2/main") && sub.ends_with("/cam2/sub"), "{lines:?}");
    assert!(lines[2].starts_with("control: http://127.0.0.1:"), "{lines:?}");
    assert_eq!(Client::playing(sub).video().nal_type(), 7);
    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_usage_is_2_and_other_failures_are_1_with_one_line() {
    let wrong = sim().args(["--drawn-size", "tall"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    for (args, words) in [
        (vec!["--footage", "/nowhere/film.mp4"], "cannot read /nowhere/film.mp4"),
        (vec!["--drawn-size", "100x100"], "must be even and from 640x64"),
        (vec!["--cameras", "0"], "choose 1 to 1000"),
        (vec!["--rtsp", "192.0.2.1:8554"], "cannot listen on 192.0.2.1:8554 for RTSP"),
    ] {
        let output = sim().args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{args:?}: {said}");
    }
}
