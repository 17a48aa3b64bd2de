//! Out-of-band decoder configuration in `fmtp` values.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// Padding may be missing, and bits may be left over: both occur.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The NAL units of `sprop-parameter-sets` (RFC 6184 §8.1) or of `sprop-vps`, `sprop-sps`, `sprop-pps` (RFC 7798
/// §7.1): base64, comma-separated. Start codes that some cameras leave in are taken off; what cannot be read, or
/// is empty, is left out. At most 16 units of at most 4 KiB.
pub fn decode_parameter_sets(value: &str) -> Vec<Bytes> {
    value
        .split(',')
        .filter_map(|one| {
            let text: String = one.chars().filter(|c| !c.is_whitespace()).collect();
            let bytes = LENIENT.decode(text).ok()?;
            let nal = bytes.strip_prefix(&[0, 0, 0, 1]).or(bytes.strip_prefix(&[0, 0, 1])).unwrap_or(&bytes);
            (!nal.is_empty() && nal.len() <= 4096).then(|| Bytes::copy_from_slice(nal))
        })
        .take(16)
        .collect()
}

/// The inverse of [`decode_parameter_sets`].
pub fn encode_parameter_sets<'a>(nal_units: impl IntoIterator<Item = &'a [u8]>) -> String {
    let units: Vec<String> = nal_units.into_iter().map(|n| LENIENT.encode(n)).collect();
    units.join(",")
}

/// The bytes of `config` (RFC 3640 §4.1): hexadecimal, quotes and blanks allowed. `None` when it is not
/// hexadecimal or longer than 1 KiB. An odd digit at the end is dropped.
pub fn decode_config_hex(value: &str) -> Option<Bytes> {
    let mut digits: String = value.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    if digits.len() % 2 == 1 {
        digits.pop();
    }
    (digits.len() <= 2048).then(|| hex::decode(digits).ok())?.map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_with_and_without_padding_blanks_and_start_codes() {
        let sets = decode_parameter_sets("Z0IAKeKQFAe2AtwEBAaQeJEV, aM48gA");
        assert_eq!(sets[1].as_ref(), [0x68, 0xce, 0x3c, 0x80]);
        assert_eq!(decode_parameter_sets("AAAAAWjOPIA=")[0].as_ref(), [0x68, 0xce, 0x3c, 0x80]);
        assert_eq!(decode_parameter_sets("!!!,,aM48gA==").len(), 1);
        assert!(decode_parameter_sets("").is_empty());
        let both = [&[0x67, 1, 2][..], &[0x68, 3][..]];
        assert_eq!(decode_parameter_sets(&encode_parameter_sets(both)), both);
    }

    #[test]
    fn hexadecimal_configs() {
        assert_eq!(decode_config_hex("\"1408\"").unwrap().as_ref(), [0x14, 0x08]);
        assert_eq!(decode_config_hex("14 08 5").unwrap().as_ref(), [0x14, 0x08]);
        assert_eq!(decode_config_hex("AU=="), None);
        assert_eq!(decode_config_hex(&"0".repeat(5000)), None);
    }
}
