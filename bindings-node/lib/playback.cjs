'use strict'

const { ledger: native, heardText } = require('./native.cjs')

class PlaybackLedger {
  #handle

  constructor(modelRateHz) {
    this.#handle = native.create(modelRateHz)
  }

  announce(itemId, contentIndex) {
    native.announce(this.#handle, itemId, contentIndex)
  }

  receive(itemId, contentIndex, modelSamples, lineSamples) {
    native.receive(this.#handle, itemId, contentIndex, modelSamples, lineSamples)
  }

  finish(itemId, contentIndex) {
    native.finish(this.#handle, itemId, contentIndex)
  }

  send(samples, now = performance.now()) {
    native.send(this.#handle, now, samples)
  }

  mark() {
    return native.mark(this.#handle)
  }

  handleMark(name, now = performance.now()) {
    return native.handleMark(this.#handle, now, name)
  }

  popHeard() {
    return native.popHeard(this.#handle) ?? undefined
  }

  unheard() {
    return native.unheard(this.#handle)
  }

  clear() {
    native.clear(this.#handle)
  }

  queuedMs(now = performance.now()) {
    return native.queuedMs(this.#handle, now)
  }

  get heardSamples() {
    return native.heardSamples(this.#handle)
  }

  get sentSamples() {
    return native.sentSamples(this.#handle)
  }

  get receivedSamples() {
    return native.receivedSamples(this.#handle)
  }

  get unmarkedSamples() {
    return native.unmarkedSamples(this.#handle)
  }

  get isFinished() {
    return native.isFinished(this.#handle)
  }
}

module.exports = { PlaybackLedger, heardText }
