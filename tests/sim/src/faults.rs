//! What can be made to go wrong with a camera.

use serde::{Deserialize, Serialize};

/// The faults of one camera that last until they are cleared. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Sends nothing on open connections and does not close them.
    pub stall: Option<Stall>,
    /// Ends new connections at their first request that names this camera.
    pub refuse: Option<Refuse>,
    /// Answers 401 whatever the password is, even when none is asked for otherwise.
    pub reject_credentials: bool,
    /// Part of RTP packets over UDP that are lost, 0 to 1.
    pub udp_loss: f64,
    /// Part of RTP packets over UDP that are held back behind one to four later ones, 0 to 1.
    pub udp_reorder: f64,
    /// How much faster than true the camera's clock runs, in parts per million.
    pub drift_ppm: f64,
    /// Which set of parameter sets is in use. Drawn: even is Baseline with fixed ids, odd is Main profile, and every
    /// change restarts the encoder. Files: so many files further in the list of footage, at the next key frame.
    pub parameter_sets: u32,
    /// Drawn: size of the main stream, such as `[960, 540]`.
    pub main_size: Option<(u16, u16)>,
    /// Drawn: size of the sub stream.
    pub sub_size: Option<(u16, u16)>,
    /// Bit rate by this factor, by filler data NAL units after each picture (H.264 and H.265). One is none.
    pub bit_rate_factor: Option<f32>,
    /// No key frames. Drawn: the encoder makes none but for a new viewer. Files: they are left out.
    pub endless_gop: bool,
    /// Bytes between interleaved packets that belong to nothing.
    pub garbage: Option<Garbage>,
    /// At most so many bytes a second on each TCP connection.
    pub trickle_bytes_per_second: Option<u32>,
}

/// Silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stall {
    /// How long; without it, until it is cleared.
    pub seconds: Option<f64>,
    /// Whether requests are still answered.
    pub answers: bool,
}

/// How a camera refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refuse {
    /// Answers with this status and keeps the connection; without it the connection is reset.
    pub status: Option<u16>,
}

/// Noise on a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Garbage {
    /// Bytes each time, at most 65536. Never a `$`, so that a reader can find the next packet.
    pub bytes: u32,
    /// Once before every so many packets.
    pub every_packets: u32,
}

impl Faults {
    /// What is wrong with the values, in words.
    pub fn check(&self) -> Result<(), String> {
        let rate = |name: &str, v: f64| {
            (0.0..=1.0).contains(&v).then_some(()).ok_or(format!("{name} is {v}; it must be from 0 to 1"))
        };
        rate("udp_loss", self.udp_loss)?;
        rate("udp_reorder", self.udp_reorder)?;
        if !(-100_000.0..=100_000.0).contains(&self.drift_ppm) {
            return Err(format!("drift_ppm is {}; it must be from -100000 to 100000", self.drift_ppm));
        }
        for (name, size) in [("main_size", self.main_size), ("sub_size", self.sub_size)] {
            if let Some((w, h)) = size
                && (!(640..=3840).contains(&w) || !(64..=2160).contains(&h) || w % 2 + h % 2 != 0)
            {
                return Err(format!("{name} is {w}x{h}; it must be even and from 640x64 to 3840x2160"));
            }
        }
        if self.bit_rate_factor.is_some_and(|f| !(1.0..=100.0).contains(&f)) {
            return Err("bit_rate_factor must be from 1 to 100".into());
        }
        if self.garbage.is_some_and(|g| g.bytes > 65_536 || g.every_packets == 0) {
            return Err("garbage takes at most 65536 bytes, once in at least every 1 packet".into());
        }
        if self.stall.and_then(|s| s.seconds).is_some_and(|s| !(0.0..=86_400.0).contains(&s)) {
            return Err("a stall lasts from 0 to 86400 seconds".into());
        }
        if self.trickle_bytes_per_second == Some(0) {
            return Err("trickle_bytes_per_second must be at least 1; for silence use stall".into());
        }
        if self.refuse.and_then(|r| r.status).is_some_and(|s| !(400..600).contains(&s)) {
            return Err("a refusal's status is from 400 to 599".into());
        }
        Ok(())
    }
}

/// How often one-off faults have been asked for. Whoever compares two of them knows what is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shocks {
    /// Connections dropped.
    pub drops: u64,
    /// Sequence numbers left out, all together.
    pub sequence_gap: u64,
    /// Milliseconds by which RTP timestamps have jumped, all together.
    pub timestamp_jump_millis: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_what_is_unknown_and_keeps_defaults() {
        let f: Faults = serde_json::from_str(r#"{"udp_loss": 0.1, "stall": {}}"#).unwrap();
        assert_eq!(f, Faults { udp_loss: 0.1, stall: Some(Stall::default()), ..Faults::default() });
        assert!(
            serde_json::from_str::<Faults>(r#"{"udp_los": 0.1}"#)
                .unwrap_err()
                .to_string()
                .contains("udp_los")
        );
    }

    #[test]
    fn senseless_values_are_refused() {
        assert_eq!(Faults::default().check(), Ok(()));
        for bad in [
            Faults { udp_loss: 1.5, ..Faults::default() },
            Faults { udp_reorder: f64::NAN, ..Faults::default() },
            Faults { drift_ppm: 1e9, ..Faults::default() },
            Faults { main_size: Some((100, 100)), ..Faults::default() },
            Faults { bit_rate_factor: Some(0.5), ..Faults::default() },
            Faults { garbage: Some(Garbage { bytes: 1, every_packets: 0 }), ..Faults::default() },
            Faults { trickle_bytes_per_second: Some(0), ..Faults::default() },
            Faults { stall: Some(Stall { seconds: Some(-1.0), answers: false }), ..Faults::default() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
