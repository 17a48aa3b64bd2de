use super::*;
use proptest::prelude::*;

fn hex(s: &str) -> Bytes {
    hex::decode(s).unwrap().into()
}

/// 1920x1080 at 25 frames per second, main profile, no B-frames; and the avcC that the same file carries.
const MAIN_1080P25: [&str; 3] = [
    "674d4028da01e0089f966a0c0c0c800000030080000019078c1950",
    "68ef3c80",
    "014d4028ffe1001b674d4028da01e0089f966a0c0c0c800000030080000019078c195001000468ef3c80",
];

/// 720x572 fields at 25 frames per second, pixel aspect 16:11, scaling lists, a pyramid of two B-frames.
const INTERLACED: &str = "6764001eacd940b424fd6082000003000200000300643e28532c";
/// 642x362 at 30000/1001, constrained baseline, NAL HRD.
const BASELINE_HRD: &str = "6742c01ed900a42fe224c04400000fa40003a981808007a10001e84e4c30078b1724";

#[test]
fn a_main_profile_sps_is_read() {
    let sps = Sps::parse(&hex(MAIN_1080P25[0])).unwrap();
    assert_eq!((sps.width, sps.height), (1920, 1080));
    assert_eq!((sps.profile_idc, sps.constraint_flags, sps.level_idc), (77, 0x40, 40));
    assert_eq!((sps.reorder_frames, sps.nominal_fps, sps.pixel_aspect), (Some(0), Some(25.0), None));
    assert!(!sps.interlaced);
    assert_eq!(Pps::parse(&hex(MAIN_1080P25[1])).unwrap(), Pps { id: 0, sps_id: 0 });
}

#[test]
fn an_interlaced_sps_with_scaling_lists_aspect_and_b_frames_is_read() {
    let sps = Sps::parse(&hex(INTERLACED)).unwrap();
    assert_eq!((sps.width, sps.height, sps.interlaced), (720, 572, true));
    assert_eq!(sps.pixel_aspect, Some((16, 11)));
    assert_eq!((sps.reorder_frames, sps.nominal_fps), (Some(2), Some(25.0)));
}

#[test]
fn a_baseline_sps_with_hrd_and_odd_size_is_read() {
    let sps = Sps::parse(&hex(BASELINE_HRD)).unwrap();
    assert_eq!((sps.width, sps.height, sps.profile_idc), (642, 362, 66));
    assert_eq!((sps.reorder_frames, sps.nominal_fps.map(|f| (f * 100.0) as u32)), (Some(0), Some(2997)));
}

#[test]
fn a_444_sps_is_read() {
    let sps = Sps::parse(&hex("67f4000c919b28283f60220000030002000003003c1e28532c")).unwrap();
    assert_eq!((sps.width, sps.height, sps.chroma_format), (320, 240, 3));
}

#[test]
fn a_vui_that_is_cut_counts_as_absent() {
    let whole = hex(MAIN_1080P25[0]);
    let sps = Sps::parse(&whole[..14]).unwrap();
    assert_eq!((sps.width, sps.height, sps.nominal_fps, sps.reorder_frames), (1920, 1080, None, Some(0)));
    // (The depth is known all the same: pic_order_cnt_type is 2.)
    assert_eq!(Sps::parse(&whole[..6]), Err(BitstreamError::Truncated { what: "H.264 SPS", bytes: 6 }));
}

#[test]
fn the_record_is_the_one_in_the_file() {
    let [sps, pps, config] = MAIN_1080P25.map(hex);
    let format = video_format(std::slice::from_ref(&sps), std::slice::from_ref(&pps)).unwrap();
    assert_eq!(format.config, config);
    assert_eq!(format.rfc6381, "avc1.4d4028");
    assert_eq!((format.width, format.height, format.reorder_frames), (1920, 1080, Some(0)));
    assert_eq!(format.parameter_sets, [sps.clone(), pps.clone()]);
    let record = AvcC::parse(&config).unwrap();
    assert_eq!(record, AvcC { sps: vec![sps], pps: vec![pps], nal_length_bytes: 4 });
    assert!(video_format(&[], &[]).is_err());
}

#[test]
fn high_profiles_carry_their_sample_depth() {
    let high = hex("67640028acb403c0113f2cd4181819000003000100000300280f1832a0");
    let format = video_format(std::slice::from_ref(&high), &[hex("68ef3cb0")]).unwrap();
    assert!(format.config.ends_with(&[0xfd, 0xf8, 0xf8, 0]));
    assert_eq!((format.nominal_fps, format.rfc6381.as_str()), (Some(20.0), "avc1.640028"));
    assert_eq!(AvcC::parse(&format.config).unwrap().sps, [high]);
}

#[test]
fn slices_say_their_kind() {
    let idr = SliceHeader::parse(&hex("65888409ffc6def2")).unwrap();
    assert_eq!(idr, SliceHeader { first_mb: 0, kind: SliceKind::I, pps_id: 0 });
    // first_mb 0, slice_type 1 (B), pps 1; then first_mb 120, slice_type 0.
    assert_eq!(SliceHeader::parse(&[0x01, 0b1010_0100, 0x80]).unwrap().kind, SliceKind::B);
    assert_eq!(SliceHeader::parse(&[0x41, 0b0000_0011, 0b1100_1110, 0]).unwrap().first_mb, 120);
    assert!(SliceHeader::parse(&[0x67, 1, 2]).is_err());
    assert!(SliceHeader::parse(&[0x41]).is_err());
    assert!(is_key_frame(&[0, 0, 0, 2, 6, 1, 0, 0, 0, 2, 0x65, 0x88]));
    assert!(!is_key_frame(&[0, 0, 0, 2, 6, 1, 0, 0, 0, 2, 0x41, 0x88]));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..40, flip in 0usize..216,
    ) {
        for first in [0x67, 0x68, 0x65, 0x41] {
            let mut unit = vec![first];
            unit.extend_from_slice(&bytes);
            let _ = (Sps::parse(&unit), Pps::parse(&unit), SliceHeader::parse(&unit));
            let _ = (video_format(&[unit.clone().into()], &[]), is_key_frame(&unit));
        }
        let _ = AvcC::parse(&bytes.into());
        let mut damaged = hex(MAIN_1080P25[0]).to_vec();
        damaged[flip / 8] ^= 1 << (flip % 8);
        damaged.truncate(cut.max(1));
        let _ = Sps::parse(&damaged);
        let mut record = hex(MAIN_1080P25[2]).to_vec();
        record[flip / 8] ^= 1 << (flip % 8);
        record.truncate(cut);
        let _ = AvcC::parse(&record.into());
    }
}
