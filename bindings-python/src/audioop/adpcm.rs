//! Intel/DVI ADPCM: four bits a sample, the first in the upper half of a byte.
//!
//! Source of the tables and of the steps: IMA Digital Audio Focus and Technical Working Groups,
//! Recommended Practices for Enhancing Digital Audio Compatibility in Multimedia Systems, 3.00
//! (10/1992), section 6.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::sample::{get_wide, of, of_mut, put_wide};
use super::{Fragment, Width, for_width, new_bytes};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(adpcm2lin, module)?)?;
    module.add_function(wrap_pyfunction!(lin2adpcm, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (fragment, width, state, /))]
fn adpcm2lin<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    state: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyBytes>, (i32, usize))> {
    let width = Width::new(width)?;
    let mut predictor = Predictor::new("adpcm2lin", state)?;
    let codes = fragment.as_bytes();
    let samples = new_bytes(py, codes.len(), 2 * width as usize, |dst| {
        for_width!(width, decode(codes, &mut predictor, dst));
    })?;
    Ok((samples, predictor.state()))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, state, /))]
fn lin2adpcm<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    state: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyBytes>, (i32, usize))> {
    let (width, src) = fragment.samples(width)?;
    let mut predictor = Predictor::new("lin2adpcm", state)?;
    let codes = new_bytes(py, src.len() / width as usize / 2, 1, |dst| {
        for_width!(width, encode(src, &mut predictor, dst));
    })?;
    Ok((codes, predictor.state()))
}

fn decode<const W: usize>(codes: &[u8], predictor: &mut Predictor, dst: &mut [u8]) {
    let pairs = of_mut::<W>(dst).as_chunks_mut::<2>().0;
    for (pair, &codes) in pairs.iter_mut().zip(codes) {
        *pair = [codes >> 4, codes & 0x0F].map(|code| put_wide(predictor.decode(code) << 16));
    }
}

fn encode<const W: usize>(src: &[u8], predictor: &mut Predictor, dst: &mut [u8]) {
    let mut code = |sample| predictor.encode(get_wide::<W>(sample) >> 16);
    let (pairs, odd) = of(src).as_chunks::<2>();
    for (to, [first, second]) in dst.iter_mut().zip(pairs) {
        *to = code(first) << 4 | code(second);
    }
    // Half a byte is not given out, yet the state is that after it.
    odd.iter().for_each(|sample| {
        code(sample);
    });
}

struct Predictor {
    /// The sample decoded last.
    last: i32,
    /// In [`STEPS`].
    index: usize,
}

impl Predictor {
    /// From the state of a call before; `caller` is for the message.
    fn new(caller: &str, state: &Bound<'_, PyAny>) -> PyResult<Self> {
        if state.is_none() {
            return Ok(Self { last: 0, index: 0 });
        }
        let Ok(state) = state.cast::<PyTuple>() else {
            return Err(PyTypeError::new_err("state must be a tuple or None"));
        };
        if state.len() != 2 {
            let text = format!("{caller}(): illegal state argument");
            return Err(PyTypeError::new_err(text));
        }
        let last = state.get_item(0)?.extract::<i32>()?;
        let index = state.get_item(1)?.extract::<i32>()?;
        match (i16::try_from(last), usize::try_from(index)) {
            (Ok(_), Ok(index)) if index < STEPS.len() => Ok(Self { last, index }),
            _ => Err(PyValueError::new_err("bad state")),
        }
    }

    fn state(&self) -> (i32, usize) {
        (self.last, self.index)
    }

    fn decode(&mut self, code: u8) -> i32 {
        let next = &NEXT[self.index][usize::from(code & !SIGN)];
        let difference = if code & SIGN == 0 {
            next.difference
        } else {
            -next.difference
        };
        self.last = (self.last + difference).clamp(i16::MIN.into(), i16::MAX.into());
        self.index = next.index;
        self.last
    }

    fn encode(&mut self, sample: i32) -> u8 {
        let step = STEPS[self.index];
        let difference = sample - self.last;
        let mut code = if difference < 0 { SIGN } else { 0 };
        let mut rest = difference.abs();
        // Without a branch, which noise would take at random.
        for (bit, part) in [(4, step), (2, step >> 1), (1, step >> 2)] {
            let fits = rest >= part;
            code |= if fits { bit } else { 0 };
            rest -= if fits { part } else { 0 };
        }
        self.decode(code);
        code
    }
}

/// What a code without its sign does at one of the steps.
#[derive(Clone, Copy)]
struct Next {
    difference: i32,
    index: usize,
}

static NEXT: [[Next; 8]; STEPS.len()] = {
    let mut table = [[Next {
        difference: 0,
        index: 0,
    }; 8]; STEPS.len()];
    let mut index = 0;
    while index < STEPS.len() {
        let mut code = 0;
        while code < 8 {
            table[index][code] = next(index, code);
            code += 1;
        }
        index += 1;
    }
    table
};

const fn next(index: usize, code: usize) -> Next {
    let step = STEPS[index];
    // An eighth of a step more: the middle of what the code stands for.
    let mut difference = step >> 3;
    if code & 4 != 0 {
        difference += step;
    }
    if code & 2 != 0 {
        difference += step >> 1;
    }
    if code & 1 != 0 {
        difference += step >> 2;
    }
    let index = index.saturating_add_signed(INDEX_CHANGES[code]);
    let last = STEPS.len() - 1;
    Next {
        difference,
        index: if index < last { index } else { last },
    }
}

const SIGN: u8 = 8;

/// By the code without its sign.
const INDEX_CHANGES: [isize; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449,
    494, 544, 598, 658, 724, 796, 876, 963, 1_060, 1_166, 1_282, 1_411, 1_552, 1_707, 1_878, 2_066,
    2_272, 2_499, 2_749, 3_024, 3_327, 3_660, 4_026, 4_428, 4_871, 5_358, 5_894, 6_484, 7_132,
    7_845, 8_630, 9_493, 10_442, 11_487, 12_635, 13_899, 15_289, 16_818, 18_500, 20_350, 22_385,
    24_623, 27_086, 29_794, 32_767,
];
