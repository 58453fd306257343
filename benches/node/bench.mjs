// trunkline beside the packages that do the same work, in one run: benches/report/node.md and node.svg.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

import * as libsamplerate from '@alexanderolsen/libsamplerate-js'
import alawmulaw from 'alawmulaw'
import SpeexResampler from 'speex-resampler'
import { Resampler, instructionSet, mulaw } from 'trunkline'
import waveResampler from 'wave-resampler'

import { measure } from './measure.mjs'
import {
  ByBridge,
  byLines,
  bySpeex,
  decodeByTable,
  deltaMessage,
  encodeByTable,
  mediaMessage,
  voice,
} from './paths.mjs'
import { page, picture } from './report.mjs'

const FRAME = 160
const MIB = 1 << 20
const FRAMES = 50
const Speex = SpeexResampler.default ?? SpeexResampler
const { create, ConverterType } = libsamplerate.create ? libsamplerate : libsamplerate.default

function g711(samples) {
  const pcm = voice(samples, 8_000)
  const codes = mulaw.encode(pcm)
  const decoded = new Int16Array(samples)
  const encoded = new Uint8Array(samples)
  return {
    decode: measure({
      'trunkline decodeInto': () => mulaw.decodeInto(codes, decoded),
      'trunkline decode': () => mulaw.decode(codes),
      alawmulaw: () => alawmulaw.mulaw.decode(codes),
      'table by hand': () => decodeByTable(codes),
    }),
    encode: measure({
      'trunkline encodeInto': () => mulaw.encodeInto(pcm, encoded),
      'trunkline encode': () => mulaw.encode(pcm),
      alawmulaw: () => alawmulaw.mulaw.encode(pcm),
      'table by hand': () => encodeByTable(pcm),
    }),
  }
}

async function resampling(fromHz, toHz) {
  const pcm = voice(fromHz / 50, fromHz)
  const bytes = Buffer.from(pcm.buffer)
  const floats = Float32Array.from(pcm, (sample) => sample / 32_768)
  const out = new Int16Array(toHz / 50)
  const [voiced, sharp] = ['voice', 'sharp'].map((profile) => new Resampler(fromHz, toHz, profile))
  const [q3, q7] = [3, 7].map((quality) => new Speex(1, fromHz, toHz, quality))
  const rates = [1, fromHz, toHz]
  const fastest = await create(...rates, { converterType: ConverterType.SRC_SINC_FASTEST })
  const medium = await create(...rates, { converterType: ConverterType.SRC_SINC_MEDIUM_QUALITY })
  return measure({
    'trunkline processInto': () => voiced.processInto(pcm, out),
    'trunkline process': () => voiced.process(pcm),
    'trunkline sharp': () => sharp.processInto(pcm, out),
    'speex-resampler q3': () => q3.processChunk(bytes),
    'speex-resampler q7': () => q7.processChunk(bytes),
    'libsamplerate-js fastest': () => fastest.full(floats),
    'libsamplerate-js medium': () => medium.full(floats),
    'wave-resampler': () => waveResampler.resample(pcm, fromHz, toHz),
  })
}

/** A second of each way's frames and deltas a run. */
function wholePath() {
  let sent = 0
  const send = (text) => (sent += text.length)
  const frames = voice(FRAME * FRAMES, 8_000)
  const deltas = voice(3 * FRAME * FRAMES, 24_000)
  const codes = Array.from({ length: FRAMES }, (_, at) =>
    mulaw.encode(frames.subarray(at * FRAME, (at + 1) * FRAME)),
  )
  const spoken = Array.from({ length: FRAMES }, (_, at) =>
    deltaMessage(deltas.subarray(3 * at * FRAME, 3 * (at + 1) * FRAME)),
  )
  const bridge = new ByBridge(send)
  // Media time goes on, so that messages are made anew for each second.
  const second = (round) =>
    codes.map((frame, at) => mediaMessage(FRAMES * round + at, frame))
  const ways = {
    'trunkline Bridge': bridge,
    'by hand, speex-resampler q3': bySpeex(send),
    'by hand, unfiltered': byLines(send),
  }
  const least = Object.fromEntries(Object.keys(ways).map((name) => [name, Infinity]))
  for (let round = 0; round < 3_000; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      const media = second(round)
      const from = process.hrtime.bigint()
      for (let frame = 0; frame < FRAMES; frame += 1) {
        way.twilio(media[frame])
        way.openAi(spoken[frame])
      }
      const ns = Number(process.hrtime.bigint() - from) / FRAMES
      least[name] = Math.min(least[name], ns)
    }
  }
  const { appendedSamples, sentSamples, marksHeard } = bridge.bridge.stats()
  if (sent === 0 || !(appendedSamples > 0 && sentSamples > 0.9 * appendedSamples && marksHeard > 0)) {
    throw new Error('the bridge has not carried all of it')
  }
  return least
}

/** Each in a process of its own, by turns; the better of two runs. */
function loops(seconds) {
  const script = fileURLToPath(new URL('loop.mjs', import.meta.url))
  const least = { together: {}, spread: {} }
  for (let round = 0; round < 2; round += 1) {
    for (const [arrival, results] of Object.entries(least)) {
      for (const way of ['bridge', 'speex', 'lines', 'nothing']) {
        const result = JSON.parse(execFileSync(process.execPath, [script, way, `${seconds}`, arrival]))
        if (!results[way] || result.p99 < results[way].p99) results[way] = result
      }
    }
  }
  return least
}

const results = {
  frame: g711(FRAME),
  mib: g711(MIB),
  up: await resampling(8_000, 24_000),
  down: await resampling(24_000, 8_000),
  path: wholePath(),
  loop: loops(Number(process.env.LOOP_SECONDS ?? 10)),
}
const machine = {
  cpu: os.cpus()[0].model,
  cores: os.cpus().length,
  instructionSet: instructionSet(),
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
}
const folder = new URL('../report/', import.meta.url)
const text = page(results, machine)
writeFileSync(new URL('node.md', folder), text)
writeFileSync(new URL('node.svg', folder), picture(results))
console.log(text)
