import assert from 'node:assert/strict'
import test from 'node:test'

import { JitterBuffer, Resampler, alaw, mulaw, openai, resample, twilio } from '../main.mjs'

/** Everything that reads or writes audio, with its arguments' right forms. */
const calls = [
  ['mulaw.decode', 'bytes', (array) => mulaw.decode(array)],
  ['alaw.decode', 'bytes', (array) => alaw.decode(array)],
  ['mulaw.encode', 'samples', (array) => mulaw.encode(array)],
  ['alaw.encode', 'samples', (array) => alaw.encode(array)],
  ['mulaw.decodeInto src', 'bytes', (array) => mulaw.decodeInto(array, new Int16Array(0))],
  ['mulaw.decodeInto dst', 'samples', (array) => mulaw.decodeInto(new Uint8Array(0), array)],
  ['mulaw.encodeInto src', 'samples', (array) => mulaw.encodeInto(array, new Uint8Array(0))],
  ['mulaw.encodeInto dst', 'bytes', (array) => mulaw.encodeInto(new Int16Array(0), array)],
  ['Resampler.process', 'samples', (array) => new Resampler(8_000, 24_000).process(array)],
  [
    'Resampler.processInto',
    'samples',
    (array) => new Resampler(8_000, 24_000).processInto(new Int16Array(0), array),
  ],
  ['resample', 'samples', (array) => resample(array, 8_000, 24_000)],
  ['JitterBuffer.insert', 'samples', (array) => new JitterBuffer().insert(0, array)],
  ['JitterBuffer.pull', 'samples', (array) => new JitterBuffer().pull(array)],
  ['twilio.media', 'bytes', (array) => twilio.media('MZ1', array)],
  ['openai.appendPcm', 'samples', (array) => openai.appendPcm(array)],
  ['openai.appendG711', 'bytes', (array) => openai.appendG711(array)],
]

for (const [name, form, call] of calls) {
  test(`${name} refuses what is not an array of ${form}`, () => {
    const wrong = [
      undefined,
      null,
      5,
      'text',
      {},
      new ArrayBuffer(8),
      new DataView(new ArrayBuffer(8)),
      new Int8Array(4),
      new Uint8ClampedArray(4),
      new Uint16Array(4),
      new Float32Array(4),
      new Float64Array(4),
      new BigInt64Array(4),
      form === 'bytes' ? new Int16Array(4) : new Uint8Array(3),
    ]
    for (const array of wrong) {
      assert.throws(() => call(array), { name: 'Error', code: 'ERR_UNSUPPORTED_BUFFER' })
    }
  })

  test(`${name} refuses an array whose memory was transferred`, () => {
    const array = form === 'bytes' ? new Uint8Array(160) : new Int16Array(160)
    structuredClone(array.buffer, { transfer: [array.buffer] })
    assert.throws(() => call(array), { name: 'Error', code: 'ERR_DETACHED_BUFFER' })
  })
}

test('what is written may not share memory with what is read', () => {
  const memory = new ArrayBuffer(480)
  const overlapping = { code: 'ERR_OVERLAPPING_BUFFERS' }
  const src = new Uint8Array(memory, 0, 160)
  assert.throws(() => mulaw.decodeInto(src, new Int16Array(memory, 158, 160)), overlapping)
  mulaw.decodeInto(src, new Int16Array(memory, 160, 160))
  assert.throws(() => alaw.encodeInto(new Int16Array(memory, 0, 80), src.subarray(80)), overlapping)
  const samples = new Int16Array(memory, 0, 80)
  const up = new Resampler(8_000, 16_000)
  assert.throws(() => up.processInto(samples, new Int16Array(memory)), overlapping)
})

test('samples are not written to an odd address', () => {
  const dst = new Uint8Array(new ArrayBuffer(41), 1)
  assert.throws(() => mulaw.decodeInto(new Uint8Array(20), dst), { code: 'ERR_UNSUPPORTED_BUFFER' })
})

test('a destination of another length is refused, and left as it was', () => {
  const dst = new Int16Array(159).fill(3)
  assert.throws(() => mulaw.decodeInto(new Uint8Array(160), dst), {
    code: 'ERR_LENGTH_MISMATCH',
    expected: 160,
    actual: 159,
  })
  assert.ok(dst.every((sample) => sample === 3))
})

test('memory that threads share, and memory that was resized, are read as they are', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(160)).fill(0x80)
  assert.deepEqual(mulaw.decode(shared), mulaw.decode(new Uint8Array(160).fill(0x80)))
  const memory = new ArrayBuffer(160, { maxByteLength: 320 })
  const growing = new Uint8Array(memory)
  memory.resize(80)
  assert.equal(mulaw.decode(growing).length, 80)
})
