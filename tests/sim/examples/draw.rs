use heron_core::WallTime;
use std::io::Write;
fn main() {
    for cam in 1..=4 {
        let mut s = heron_sim::scene::Scene::new(cam, &format!("CAM {cam} MAIN"), 1280, 720);
        let now = WallTime::from_millis(1_795_168_000_000 + 7000);
        let t = std::time::Instant::now();
        let n = 50;
        for i in 0..n {
            s.draw(now.plus_nanos((i - n + 1) * 66_000_000), now);
        }
        eprintln!("{:?} a frame", t.elapsed() / n as u32);
        let p = s.draw(now, now);
        let mut f = std::fs::File::create(format!("/tmp/sim_cam{cam}.yuv")).unwrap();
        f.write_all(&p.y).unwrap();
        f.write_all(&p.u).unwrap();
        f.write_all(&p.v).unwrap();
    }
}
