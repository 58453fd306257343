import assert from 'node:assert/strict'
import test from 'node:test'

import peer from 'wave-resampler'

import { Resampler, resample } from '../main.mjs'

const TONE_HZ = 440
const AMPLITUDE = 8_000
const RATES = [
  [8_000, 24_000],
  [24_000, 8_000],
  [8_000, 16_000],
  [16_000, 24_000],
  [44_100, 8_000],
  [8_000, 48_000],
]

for (const [fromHz, toHz] of RATES) {
  const input = tone(fromHz, 0.25)

  test(`${fromHz} to ${toHz} Hz is the same however the input is cut`, () => {
    const whole = new Resampler(fromHz, toHz)
    const expected = [...whole.process(input), ...whole.flush()]
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = generator(seed)
      const parts = new Resampler(fromHz, toHz)
      const out = []
      for (let from = 0; from < input.length; ) {
        const part = input.subarray(from, from + 1 + Math.floor(random() * 400))
        const due = parts.outputLength(part.length)
        const given = parts.process(part)
        assert.equal(given.length, due)
        out.push(...given)
        from += part.length
      }
      out.push(...parts.flush())
      assert.deepEqual(out, expected, `seed ${seed}`)
    }
  })

  test(`${fromHz} to ${toHz} Hz keeps a tone, later by delayMs`, () => {
    const resampler = new Resampler(fromHz, toHz)
    const out = resampler.process(input)
    assert.equal(resampler.fromHz, fromHz)
    assert.equal(resampler.toHz, toHz)
    assert.ok(Math.abs(resampler.delayMs - (resampler.delaySamples * 1_000) / toHz) < 1e-9)
    const settled = Math.floor(0.05 * toHz)
    for (let at = settled; at < out.length; at += 1) {
      const said = at / toHz - resampler.delayMs / 1_000
      const expected = AMPLITUDE * Math.sin(2 * Math.PI * TONE_HZ * said)
      // The delay of other rates is to the nearest sample.
      const error = Math.abs(out[at] - expected)
      assert.ok(error < (fromHz === 44_100 || toHz === 48_000 ? 2_000 : 10), `${at}: ${error}`)
    }
  })

  test(`${fromHz} to ${toHz} Hz after reset is as new`, () => {
    const resampler = new Resampler(fromHz, toHz)
    const first = resampler.process(input)
    resampler.reset()
    assert.deepEqual(resampler.process(input), first)
    resampler.flush()
    assert.equal(resampler.flush().length, 0)
    assert.deepEqual(resampler.process(input), first)
  })

  test(`${fromHz} to ${toHz} Hz writes into an array as it returns a new one`, () => {
    const out = new Int16Array(new Resampler(fromHz, toHz).outputLength(input.length) + 5).fill(9)
    const written = new Resampler(fromHz, toHz).processInto(input, out)
    assert.equal(written, out.length - 5)
    assert.deepEqual(out.subarray(0, written), new Resampler(fromHz, toHz).process(input))
    assert.deepEqual([...out.subarray(written)], [9, 9, 9, 9, 9])
  })

  test(`resample from ${fromHz} to ${toHz} Hz gives as many samples as wave-resampler, of the same sound`, () => {
    const before = input.slice()
    const ours = resample(input, fromHz, toHz)
    const theirs = peer.resample(input, fromHz, toHz, { method: 'sinc', LPF: false })
    assert.ok(ours instanceof Int16Array)
    assert.equal(ours.length, theirs.length)
    assert.deepEqual(input, before)
    const middle = [Math.floor(ours.length / 4), Math.floor((3 * ours.length) / 4)]
    for (let at = middle[0]; at < middle[1]; at += 1) {
      const expected = AMPLITUDE * Math.sin((2 * Math.PI * TONE_HZ * at) / toHz)
      const error = Math.abs(ours[at] - expected)
      assert.ok(error < (fromHz === 44_100 || toHz === 48_000 ? 2_000 : 10), `${at}: ${error}`)
    }
  })
}

test('too short an array is refused, and nothing is taken', () => {
  const resampler = new Resampler(8_000, 24_000)
  const input = tone(8_000, 0.02)
  assert.throws(() => resampler.processInto(input, new Int16Array(479)), {
    code: 'ERR_BUFFER_TOO_SHORT',
    needed: 480,
    actual: 479,
  })
  assert.deepEqual(resampler.process(input), new Resampler(8_000, 24_000).process(input))
})

test('the profile sharp is later, and for some rates only', () => {
  const delay = (profile) => new Resampler(8_000, 24_000, profile).delayMs
  assert.ok(delay('voice') < 2.3 && delay('sharp') > 3.9)
  assert.throws(() => new Resampler(8_000, 16_000, 'sharp'), {
    code: 'ERR_UNSUPPORTED_RATE',
    fromHz: 8_000,
    toHz: 16_000,
  })
  assert.throws(() => new Resampler(8_000, 24_000, 'soft'), { field: 'profile' })
})

test('rates that are none are refused', () => {
  for (const rate of [0, -8_000, 8_000.5, NaN, Infinity, 1e12]) {
    assert.throws(() => new Resampler(rate, 24_000), { code: /^ERR_(UNSUPPORTED_RATE|INVALID_FIELD)$/ })
  }
  assert.throws(() => new Resampler('8000', 24_000), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('resample takes lists of numbers, if they are samples', () => {
  const input = tone(8_000, 0.02)
  assert.deepEqual(resample([...input], 8_000, 16_000), resample(input, 8_000, 16_000))
  assert.deepEqual(resample(input, 8_000, 8_000), input)
  for (const wrong of [0.5, 40_000, NaN, 'x']) {
    assert.throws(() => resample([1, wrong], 8_000, 16_000), { code: 'ERR_OUT_OF_RANGE' })
  }
})

function tone(rate, seconds) {
  return Int16Array.from({ length: rate * seconds }, (_, index) =>
    Math.round(AMPLITUDE * Math.sin((2 * Math.PI * TONE_HZ * index) / rate)),
  )
}

/** Numbers from 0 to 1 (mulberry32). */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
