'use strict'

const { resampler: native, resamplerProcessInto } = require('./native.cjs')
const { lengthOf } = require('./g711.cjs')

class Resampler {
  #handle
  #fromHz
  #toHz

  constructor(fromHz, toHz, profile) {
    this.#handle = native.create(fromHz, toHz, profile)
    this.#fromHz = fromHz
    this.#toHz = toHz
  }

  process(samples) {
    const out = new Int16Array(native.outputLen(this.#handle, lengthOf(samples, 2)))
    resamplerProcessInto(this.#handle, samples, out)
    return out
  }

  processInto(samples, out) {
    return resamplerProcessInto(this.#handle, samples, out)
  }

  outputLength(samples) {
    return native.outputLen(this.#handle, samples)
  }

  flush() {
    return native.flush(this.#handle)
  }

  reset() {
    native.reset(this.#handle)
  }

  get delayMs() {
    return native.delayMs(this.#handle)
  }

  get delaySamples() {
    return native.delaySamples(this.#handle)
  }

  get fromHz() {
    return this.#fromHz
  }

  get toHz() {
    return this.#toHz
  }
}

function resample(samples, fromHz, toHz) {
  const src = Array.isArray(samples) ? fromNumbers(samples) : samples
  const length = Math.floor((lengthOf(src, 2) * toHz) / fromHz)
  if (fromHz === toHz && src instanceof Int16Array) return src.slice()
  const resampler = new Resampler(fromHz, toHz)
  const streamed = resampler.process(src)
  const rest = resampler.flush()
  // What the filter delays is taken off again, so that sound stays where it was.
  const all = new Int16Array(streamed.length + rest.length)
  all.set(streamed)
  all.set(rest, streamed.length)
  const from = resampler.delaySamples
  return all.slice(from, from + length)
}

function fromNumbers(numbers) {
  const samples = Int16Array.from(numbers)
  const wrong = numbers.findIndex((number, index) => samples[index] !== number)
  if (wrong >= 0) {
    const error = new RangeError(
      `expected samples of 16 bits, got ${String(numbers[wrong])} at ${wrong}`,
    )
    error.code = 'ERR_OUT_OF_RANGE'
    throw error
  }
  return samples
}

module.exports = { Resampler, resample }
