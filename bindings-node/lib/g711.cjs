'use strict'

const native = require('./native.cjs')

/** The functions of one law; `variants` are its encoders' names, by their native number. */
function g711(decodeInto, encodeInto, variants, standard) {
  const codes = Object.fromEntries(variants.map((name, number) => [name, number]))
  const usual = codes[standard]
  const variantOf = (name) => (name === undefined ? usual : (codes[name] ?? -1))

  function decode(samples) {
    const decoded = new Int16Array(lengthOf(samples))
    decodeInto(samples, decoded)
    return decoded
  }

  function encode(samples, variant) {
    const encoded = new Uint8Array(lengthOf(samples, 2))
    encodeInto(samples, encoded, variantOf(variant))
    return encoded
  }

  // One sample is looked up here: crossing over to Rust takes longer.
  const decoded = decode(Uint8Array.from({ length: 256 }, (_, code) => code))
  const every = Int16Array.from({ length: 65_536 }, (_, sample) => sample)
  const encoded = new Map()

  function encodeSample(sample, variant = standard) {
    let table = encoded.get(variant)
    if (table === undefined) encoded.set(variant, (table = encode(every, variant)))
    return table[sample & 0xffff]
  }

  return Object.freeze({
    decode,
    encode,
    decodeSample: (code) => decoded[code & 0xff],
    encodeSample,
    decodeInto,
    encodeInto: (samples, encoded, variant) => encodeInto(samples, encoded, variantOf(variant)),
  })
}

/** Elements of `size` bytes; of what is no buffer none, since Rust refuses it. */
function lengthOf(array, size = 1) {
  return ArrayBuffer.isView(array) ? Math.floor(array.byteLength / size) : 0
}

module.exports = {
  mulaw: g711(
    native.mulawDecodeInto,
    native.mulawEncodeInto,
    ['itu', 'sun', 'audioop'],
    'sun',
  ),
  alaw: g711(native.alawDecodeInto, native.alawEncodeInto, ['itu', 'alawmulaw'], 'alawmulaw'),
  lengthOf,
}
