'use strict'

// Works on objects of all kinds, keeps them alive, tells the result, and goes on until it is ended.

const { parentPort } = require('node:worker_threads')

const { Bridge, JitterBuffer, PlaybackLedger, Resampler, mulaw } = require('trunkline')

const samples = Int16Array.from({ length: 800 }, (_, index) => 8_000 * Math.sin(index / 9))
let kept

function work() {
  const [bridge, jitter] = [new Bridge(), new JitterBuffer()]
  const [ledger, resampler] = [new PlaybackLedger(), new Resampler(8_000, 24_000)]
  bridge.updateSession()
  bridge.drain().next()
  jitter.insert(0, samples)
  ledger.receive('item', 0, 240, 80)
  kept = [bridge, jitter, ledger, resampler]
  return [...mulaw.encode(resampler.process(samples))]
}

parentPort.postMessage(work())
setInterval(work, 0)
