import assert from 'node:assert/strict'
import test from 'node:test'

import peer from 'alawmulaw'

import { alaw, mulaw } from '../main.mjs'

const samples = Int16Array.from({ length: 65_536 }, (_, index) => index - 32_768)
const codes = Uint8Array.from({ length: 256 }, (_, code) => code)

for (const [name, ours, theirs] of [
  ['mulaw', mulaw, peer.mulaw],
  ['alaw', alaw, peer.alaw],
]) {
  test(`${name} decodes all codes as alawmulaw does`, () => {
    assert.deepEqual(ours.decode(codes), theirs.decode(codes))
    for (const code of codes) {
      // Theirs has a negative zero.
      assert.equal(ours.decodeSample(code), theirs.decodeSample(code) + 0)
    }
  })

  test(`${name} encodes all samples as alawmulaw does`, () => {
    assert.deepEqual(ours.encode(samples), theirs.encode(samples))
    for (const sample of samples) {
      assert.equal(ours.encodeSample(sample), theirs.encodeSample(sample) & 0xff)
    }
  })

  test(`${name} has every function of alawmulaw`, () => {
    for (const key of Object.keys(theirs)) assert.equal(typeof ours[key], typeof theirs[key])
  })

  test(`${name} takes arrays at any offset, and only their own elements`, () => {
    const expected = theirs.decode(codes)
    for (let offset = 0; offset < 64; offset += 1) {
      for (const length of [0, 1, 2, 31, 160, 192]) {
        const memory = new Uint8Array(256 + 64)
        const src = memory.subarray(offset, offset + length)
        src.set(codes.subarray(0, length))
        const wide = new Int16Array(256 + 64).fill(7)
        const dst = wide.subarray(offset, offset + length)
        ours.decodeInto(src, dst)
        assert.deepEqual(dst, expected.slice(0, length))
        assert.deepEqual(ours.decode(Buffer.from(memory.buffer, offset, length)), dst)
        const around = [...wide.subarray(0, offset), ...wide.subarray(offset + length)]
        assert.ok(around.every((sample) => sample === 7))
      }
    }
  })

  test(`${name} encodes the bytes of samples at odd addresses, too`, () => {
    const memory = Buffer.alloc(2 * 256 + 1)
    samples.subarray(0, 256).forEach((sample, index) => memory.writeInt16LE(sample, 1 + 2 * index))
    const encoded = ours.encode(memory.subarray(1))
    assert.deepEqual(encoded, theirs.encode(samples.subarray(0, 256)))
  })
}

// CRC-32 over all samples in order: the figures of ITU-T's reference (G.191 STL).
test('the variant itu is that of the Recommendation', () => {
  assert.equal(crc32(mulaw.encode(samples, 'itu')), 0x6399d432)
  assert.equal(crc32(alaw.encode(samples, 'itu')), 0x9133796e)
})

// Node has one from 22.2 on.
function crc32(bytes) {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0)
  }
  return ~crc >>> 0
}

test('the variants differ from each other where they are known to', () => {
  const differ = (a, b) => a.reduce((count, code, index) => count + (code !== b[index]), 0)
  const [itu, sun, audioop] = ['itu', 'sun', 'audioop'].map((name) => mulaw.encode(samples, name))
  assert.deepEqual([differ(itu, sun), differ(itu, audioop), differ(sun, audioop)], [127, 508, 381])
  assert.deepEqual(mulaw.encode(samples), sun)
  assert.equal(differ(alaw.encode(samples, 'itu'), alaw.encode(samples)), 127)
  samples.forEach((sample, index) => {
    assert.equal(mulaw.encodeSample(sample, 'itu'), itu[index])
  })
})

test('an unknown variant is refused', () => {
  for (const encode of [mulaw.encode, mulaw.encodeSample, alaw.encode]) {
    assert.throws(() => encode(samples, 'none'), { code: 'ERR_INVALID_FIELD', field: 'variant' })
  }
})
