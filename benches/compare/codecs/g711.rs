//! G.711 both ways, and which of the crates follow ITU-T's reference.

use std::hint::black_box;

use audio_codec::{
    Decoder as _, Encoder as _,
    pcma::{PcmaDecoder, PcmaEncoder},
    pcmu::{PcmuDecoder, PcmuEncoder},
};
use audio_codec_algorithms as algorithms;
use trunkline::g711::{alaw, mulaw};
use trunkline_benches::{FRAME, speech_like};
use wavekat_core::codec::g711 as wavekat;

use super::table;
use crate::clock::Contestant;
use crate::report::Table;

/// Of μ-law and of A-law.
type Laws<T, U> = [fn(&[T], &mut [U]); 2];

/// Both laws of a library, slice to slice of the same length.
struct Library {
    name: &'static str,
    encode: Laws<i16, u8>,
    decode: Laws<u8, i16>,
}

pub(crate) fn tables() -> [Table; 2] {
    let sizes = [(FRAME, "160 samples"), (1 << 16, "65,536 samples")];
    let inputs = sizes.map(|(len, size)| {
        let pcm = speech_like(len, 8_000.0);
        let codes = LAWS.map(|(law, _)| {
            let mut codes = vec![0; len];
            LIBRARIES[0].encode[law](&pcm, &mut codes);
            codes
        });
        (size, pcm, codes)
    });
    let columns = || {
        let laws = LAWS.into_iter();
        laws.flat_map(|(law, name)| inputs.iter().map(move |input| (law, name, input)))
    };
    let encoders = columns().map(|(law, name, (size, pcm, _))| {
        let each = LIBRARIES.iter().map(|library| {
            let mut dst = vec![0; pcm.len()];
            let run = move || library.encode[law](black_box(pcm), black_box(&mut dst));
            Contestant::new(library.name, run)
        });
        (format!("{name}, {size}"), each.collect())
    });
    let decoders = columns().map(|(law, name, (size, _, codes))| {
        let codes = &codes[law];
        let each = LIBRARIES.iter().map(|library| {
            let mut dst = vec![0; codes.len()];
            let run = move || library.decode[law](black_box(codes), black_box(&mut dst));
            Contestant::new(library.name, run)
        });
        (format!("{name}, {size}"), each.collect())
    });
    [table("encode", encoders), table("decode", decoders)]
}

/// How many of all samples, and of all codes, each library takes otherwise than trunkline, which
/// its tests prove to be ITU-T's reference.
pub(crate) fn differences() -> Table {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let codes: Vec<u8> = (0..=u8::MAX).collect();
    let rows = LIBRARIES.iter().map(|library| {
        let mut row = vec![library.name.to_owned()];
        for (law, _) in LAWS {
            let [ours, theirs] = [&LIBRARIES[0], library].map(|library| {
                let mut encoded = vec![0; samples.len()];
                library.encode[law](&samples, &mut encoded);
                let mut decoded = vec![0; codes.len()];
                library.decode[law](&codes, &mut decoded);
                (encoded, decoded)
            });
            row.push(count(&ours.0, &theirs.0));
            row.push(count(&ours.1, &theirs.1));
        }
        row
    });
    Table {
        heading: [
            "inputs taken otherwise",
            "μ-law, of 65,536 samples",
            "of 256 codes",
            "A-law, of 65,536 samples",
            "of 256 codes",
        ]
        .map(String::from)
        .to_vec(),
        rows: rows.collect(),
    }
}

fn count<T: PartialEq>(ours: &[T], theirs: &[T]) -> String {
    let pairs = ours.iter().zip(theirs);
    pairs
        .filter(|(ours, theirs)| ours != theirs)
        .count()
        .to_string()
}

fn each<T: Copy, U>(src: &[T], dst: &mut [U], convert: impl Fn(T) -> U) {
    for (dst, &src) in dst.iter_mut().zip(src) {
        *dst = convert(src);
    }
}

const LAWS: [(usize, &str); 2] = [(0, "μ-law"), (1, "A-law")];

static LIBRARIES: [Library; 4] = [
    Library {
        name: "trunkline",
        encode: [
            |src, dst| mulaw::encode(src, dst).expect("equal lengths"),
            |src, dst| alaw::encode(src, dst).expect("equal lengths"),
        ],
        decode: [
            |src, dst| mulaw::decode(src, dst).expect("equal lengths"),
            |src, dst| alaw::decode(src, dst).expect("equal lengths"),
        ],
    },
    Library {
        name: "audio-codec",
        encode: [
            |src, dst| {
                PcmuEncoder::new().encode_into(src, dst).expect("room");
            },
            |src, dst| {
                PcmaEncoder::new().encode_into(src, dst).expect("room");
            },
        ],
        decode: [
            |src, dst| {
                PcmuDecoder::new().decode_into(src, dst).expect("room");
            },
            |src, dst| {
                PcmaDecoder::new().decode_into(src, dst).expect("room");
            },
        ],
    },
    Library {
        name: "audio-codec-algorithms",
        encode: [
            |src, dst| each(src, dst, algorithms::encode_ulaw),
            |src, dst| each(src, dst, algorithms::encode_alaw),
        ],
        decode: [
            |src, dst| each(src, dst, algorithms::decode_ulaw),
            |src, dst| each(src, dst, algorithms::decode_alaw),
        ],
    },
    Library {
        name: "wavekat-core",
        encode: [
            |src, dst| each(src, dst, wavekat::linear_to_ulaw),
            |src, dst| each(src, dst, wavekat::linear_to_alaw),
        ],
        decode: [
            |src, dst| each(src, dst, wavekat::ulaw_to_linear),
            |src, dst| each(src, dst, wavekat::alaw_to_linear),
        ],
    },
];
