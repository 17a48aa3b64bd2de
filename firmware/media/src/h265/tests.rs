use super::*;
use proptest::prelude::*;

fn hex(s: &str) -> Bytes {
    hex::decode(s).unwrap().into()
}

/// 1920x1080 at 12.5 frames per second, Main, no B-frames: VPS, SPS, PPS.
const MAIN_1080P12: [&str; 3] = [
    "40010c01ffff016000000300900000030000030078ba0240",
    "420101016000000300900000030000030078a003c08010e596eae4c2e6a0c0c0dc2000000300400000030321",
    "4401c173c189",
];
/// 640x362 Main 10 with a B pyramid, HRD and an aspect ratio of 10:11.
const MAIN10_B: [&str; 3] = [
    "40010c01ffff02200000030090000003000003003f959409",
    "42010102200000030090000003000003003fa005020171f236595964932bc0da020000030002000003001ec01928bc003d08000f4244",
    "4401c172b46240",
];

#[test]
fn a_main_profile_sps_is_read() {
    let sps = Sps::parse(&hex(MAIN_1080P12[1])).unwrap();
    assert_eq!((sps.width, sps.height, sps.id, sps.vps_id), (1920, 1080, 0, 0));
    assert_eq!((sps.reorder_frames, sps.nominal_fps, sps.pixel_aspect), (0, Some(12.5), None));
    assert_eq!((sps.luma_bits, sps.chroma_bits, sps.chroma_format), (8, 8, 1));
    assert_eq!(rfc6381(&sps), "hvc1.1.6.L120.90");
    assert_eq!(vps_id(&hex(MAIN_1080P12[0])).unwrap(), 0);
    assert_eq!(Pps::parse(&hex(MAIN_1080P12[2])).unwrap(), Pps { id: 0, sps_id: 0 });
}

#[test]
fn ten_bits_a_window_and_b_frames_are_read() {
    let sps = Sps::parse(&hex(MAIN10_B[1])).unwrap();
    assert_eq!((sps.width, sps.height, sps.luma_bits), (640, 362, 10));
    assert_eq!((sps.reorder_frames, sps.nominal_fps, sps.pixel_aspect), (2, Some(15.0), Some((10, 11))));
    assert_eq!(rfc6381(&sps), "hvc1.2.4.L63.90");
}

#[test]
fn a_422_sps_with_scaling_lists_is_read() {
    let sps =
        Sps::parse(&hex("4201010408000003009d0800000300003cb00b080485964aabe5780b4040000003004000000303c2"));
    let sps = sps.unwrap();
    assert_eq!((sps.width, sps.height, sps.chroma_format), (352, 288, 2));
    assert_eq!((sps.reorder_frames, sps.nominal_fps, sps.pixel_aspect), (0, Some(15.0), Some((1, 1))));
}

/// Writes bits, for an SPS that no encoder at hand makes.
#[derive(Default)]
struct BitWriter(Vec<bool>);

impl BitWriter {
    fn bits(&mut self, n: u32, value: u64) -> &mut Self {
        self.0.extend((0..n).rev().map(|i| value >> i & 1 == 1));
        self
    }
    fn ue(&mut self, value: u64) -> &mut Self {
        let bits = 64 - (value + 1).leading_zeros();
        self.bits(bits - 1, 0).bits(bits, value + 1)
    }
    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|c| c.iter().enumerate().map(|(i, &b)| u8::from(b) << (7 - i)).sum()).collect()
    }
}

#[test]
fn reference_picture_sets_in_the_sps_are_skipped() {
    let mut w = BitWriter::default();
    w.bits(4, 0).bits(3, 1).bits(1, 1); // two sub-layers
    w.bits(8, 1).bits(32, 0x6000_0000).bits(48, 0x9000_0000_0000).bits(8, 93);
    w.bits(2, 0b11).bits(14, 0).bits(48, 0).bits(48, 0); // the sub-layer's profile and level
    w.ue(0).ue(1).ue(2592).ue(1952);
    w.bits(1, 1).ue(0).ue(0).ue(0).ue(4).ue(0).ue(0).ue(4).bits(1, 0).ue(4).ue(3).ue(0);
    w.ue(0).ue(2).ue(0).ue(3).ue(1).ue(1).bits(1, 0); // blocks, no scaling lists
    w.bits(2, 0b01).bits(1, 0);
    w.ue(3);
    w.ue(2).ue(1).ue(0).bits(1, 1).ue(1).bits(1, 1).ue(0).bits(1, 0); // S0 = -1, -3; S1 = +1
    // Predicted with delta -1: -1-1, -3-1, 1-1 (nothing) and -1 itself; -3-1 is not kept.
    w.bits(1, 1).bits(1, 1).ue(0).bits(1, 1).bits(2, 0b00).bits(1, 1).bits(1, 1);
    // Predicted from those two (-1, -2) with delta +3: three flags.
    w.bits(1, 1).bits(1, 0).ue(2).bits(1, 1).bits(1, 1).bits(1, 1);
    w.bits(1, 1).ue(1).bits(8, 5).bits(1, 1); // one long-term picture
    w.bits(2, 0b11);
    w.bits(1, 1).bits(1, 1).bits(8, 255).bits(16, 4).bits(16, 3).bits(3, 0).bits(3, 0).bits(1, 0);
    w.bits(1, 1).bits(32, 1001).bits(32, 30_000).bits(8, 0x80);
    let unit = [&[0x42, 1][..], &crate::nal::escape(&w.bytes())].concat();
    let sps = Sps::parse(&unit).unwrap();
    assert_eq!((sps.width, sps.height, sps.sub_layers), (2592, 1944, 2));
    assert_eq!((sps.pixel_aspect, sps.nominal_fps), (Some((4, 3)), Some(29.970_03)));
}

#[test]
fn the_record_says_the_same_as_the_file_s() {
    let [vps, sps, pps] = MAIN_1080P12.map(|s| vec![hex(s)]);
    let format = video_format(&vps, &sps, &pps).unwrap();
    // The head of the hvcC that the same file carries, up to the number of arrays.
    assert_eq!(format.config[..22], hex("01016000000090000000000078f000fcfdf8f800000f")[..]);
    assert_eq!(format.config[22], 3);
    assert_eq!(format.parameter_sets.len(), 3);
    assert_eq!((format.width, format.height, format.reorder_frames), (1920, 1080, Some(0)));
    assert_eq!(HvcC::parse(&format.config).unwrap(), HvcC { vps, sps, pps, nal_length_bytes: 4 });
}

#[test]
fn units_are_told_apart() {
    assert!(matches!(NalUnitType::of(0x28), NalUnitType::Irap(20)));
    assert!(matches!(NalUnitType::of(0x26), NalUnitType::Irap(19)));
    assert!(NalUnitType::of(0x00).is_non_reference() && !NalUnitType::of(0x02).is_non_reference());
    assert!(is_key_frame(&[0, 0, 0, 3, 0x4e, 1, 5, 0, 0, 0, 3, 0x28, 1, 0xac]));
    assert_eq!(pps::slice_pps_id(&hex("2801ac541109e1d4")), Some(0));
    assert_eq!(pps::slice_pps_id(&[0x02, 1, 0x20]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..60, flip in 0usize..400,
    ) {
        for first in [0x40, 0x42, 0x44, 0x28] {
            let mut unit = vec![first, 1];
            unit.extend_from_slice(&bytes);
            let _ = (vps_id(&unit), Sps::parse(&unit), Pps::parse(&unit), pps::slice_pps_id(&unit));
            let _ = (video_format(&[], &[unit.clone().into()], &[]), is_key_frame(&unit));
        }
        let _ = HvcC::parse(&bytes.into());
        let mut damaged = hex(MAIN10_B[1]).to_vec();
        damaged[flip / 8] ^= 1 << (flip % 8);
        let _ = Sps::parse(&damaged);
        damaged.truncate(cut);
        let _ = Sps::parse(&damaged);
        let [vps, sps, pps] = MAIN_1080P12.map(|s| vec![hex(s)]);
        let mut record = HvcC { vps, sps, pps, nal_length_bytes: 4 }.encode().unwrap();
        record[flip / 8] ^= 1 << (flip % 8);
        record.truncate(cut * 2);
        let _ = HvcC::parse(&record.into());
    }
}
