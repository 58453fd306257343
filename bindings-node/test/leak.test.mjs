// Needs --expose-gc. Objects made and dropped must leave nothing behind, here or in Rust.

import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import test from 'node:test'

import { Bridge, JitterBuffer, PlaybackLedger, Resampler, mulaw, resample } from '../main.mjs'
import { Call } from './call.mjs'

const ROUNDS = Number(process.env.TRUNKLINE_CASES ?? 100_000)
const samples = new Int16Array(160)
const codes = new Uint8Array(160)

async function settled() {
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc()
    await setImmediate()
  }
  return process.memoryUsage.rss()
}

for (const [name, share, work] of [
  ['Bridge', 0.2, () => new Bridge()],
  ['JitterBuffer', 1, () => new JitterBuffer()],
  ['PlaybackLedger', 1, () => new PlaybackLedger()],
  ['Resampler', 1, () => new Resampler(8_000, 24_000).process(samples)],
  ['any rate', 0.01, () => new Resampler(44_100, 8_000).process(samples)],
  ['resample', 0.5, () => resample(samples, 8_000, 16_000)],
  ['mulaw', 1, () => mulaw.encode(mulaw.decode(codes))],
  [
    'an error',
    0.5,
    () => assert.throws(() => mulaw.decodeInto(codes, samples.subarray(1)), { expected: 160 }),
  ],
  ['a refused constructor', 0.5, () => assert.throws(() => new Bridge({ leadMs: -1 }))],
]) {
  test(`${name}: made and dropped, memory stays flat`, async () => {
    assert.equal(typeof globalThis.gc, 'function', 'run with --expose-gc')
    const rounds = Math.ceil(ROUNDS * share)
    const run = async () => {
      for (let round = 0; round < rounds; round += 1) {
        work()
        // Finalizers run between turns of the loop only.
        if (round % 50 === 49) await setImmediate()
      }
    }
    // The first run fills allocators' and engine's pools.
    await run()
    const before = await settled()
    await run()
    const grown = (await settled()) - before
    assert.ok(grown < 8 << 20, `${grown} bytes more after ${rounds} rounds`)
  })
}

test('a long call holds what it held at its start', async () => {
  const call = new Call()
  let number = 0
  const seconds = async (count) => {
    for (let frame = 0; frame < 50 * count; frame += 1) {
      call.media(number)
      number += 1
      if (frame % 50 === 0) call.say(1_000, `item_${number}`)
      call.wait(20)
      call.toTwilio = []
      call.toOpenAi = []
      call.events = []
    }
  }
  await seconds(120)
  const before = await settled()
  await seconds(600)
  const grown = (await settled()) - before
  assert.ok(grown < 8 << 20, `${grown} bytes more`)
})
