'use strict'

const { jitter: native } = require('./native.cjs')

class JitterBuffer {
  static FRAME_SAMPLES = 160

  #handle = native.create()

  insert(timestamp, samples) {
    return native.insert(this.#handle, timestamp, samples)
  }

  pull(frame) {
    return native.pull(this.#handle, frame)
  }

  reset() {
    native.reset(this.#handle)
  }

  get delayMs() {
    return native.delayMs(this.#handle)
  }

  get targetDelayMs() {
    return native.targetDelayMs(this.#handle)
  }

  get depthSamples() {
    return native.depthSamples(this.#handle)
  }

  stats() {
    return native.stats(this.#handle)
  }
}

module.exports = { JitterBuffer }
