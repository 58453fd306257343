'use strict'

const {
  bridge: native,
  bridgeHandleTwilio,
  bridgeHandleOpenAi,
  bridgeHandleTimeout,
  bridgePollTimeout,
} = require('./native.cjs')
const { toJson, toNativeSession, toParameters } = require('./json.cjs')

const TYPES = ['ToTwilio', 'ToOpenAi', 'Event']
const TO_TWILIO = 0
const TO_OPENAI = 1
const EVENT = 2

const NONE = Object.freeze([])
const DONE = { done: true, value: undefined }

class Bridge {
  #handle
  /** A single output, which is the most frequent case, and its kind. */
  #text = undefined
  #kind = TO_TWILIO
  /** Several: kinds and values by turns, from `#next` on. */
  #list = NONE
  #next = 0
  /** There may be more to ask for. */
  #isDue = false
  #drain = { next: () => this.#output(), [Symbol.iterator]: () => this.#drain }

  constructor(options) {
    this.#handle = native.create(options)
  }

  handleTwilio(message, now = performance.now()) {
    this.#checkDrained()
    this.#take(bridgeHandleTwilio(this.#handle, message, now), TO_OPENAI)
  }

  handleOpenAi(message, now = performance.now()) {
    this.#checkDrained()
    this.#take(bridgeHandleOpenAi(this.#handle, message, now), TO_TWILIO)
  }

  handleTimeout(now = performance.now()) {
    this.#take(bridgeHandleTimeout(this.#handle, now), TO_TWILIO)
  }

  handleTwilioClosed(now = performance.now()) {
    this.#take(native.handleTwilioClosed(this.#handle, now), TO_TWILIO)
  }

  handleOpenAiClosed(now = performance.now()) {
    this.#take(native.handleOpenAiClosed(this.#handle, now), TO_TWILIO)
  }

  drain() {
    return this.#drain
  }

  updateSession(session = {}) {
    native.updateSession(this.#handle, toNativeSession(session))
    this.#isDue = true
  }

  createResponse(response) {
    native.createResponse(this.#handle, toJson(response))
    this.#isDue = true
  }

  sendToolOutput(callId, output) {
    native.sendToolOutput(this.#handle, callId, output)
    this.#isDue = true
  }

  sendOpenAi(event) {
    native.sendOpenAi(this.#handle, toJson(event))
    this.#isDue = true
  }

  interrupt(now = performance.now()) {
    native.interrupt(this.#handle, now)
    this.#isDue = true
  }

  mark(name) {
    native.mark(this.#handle, name)
    this.#isDue = true
  }

  pollTimeout() {
    const at = bridgePollTimeout(this.#handle)
    return at < 0 ? undefined : at
  }

  queuedAtCarrierMs(now = performance.now()) {
    return native.queuedAtCarrier(this.#handle, now)
  }

  stats() {
    return native.stats(this.#handle)
  }

  get isClosed() {
    return native.isClosed(this.#handle) && this.#isDrained()
  }

  #isDrained() {
    return this.#text === undefined && this.#next === this.#list.length
  }

  #checkDrained() {
    if (!this.#isDrained()) native.refuseInput()
  }

  /** Outputs wait here, not in Rust: they came with the answer to the input that they follow from. */
  #take(outputs, usual) {
    if (outputs === undefined) return
    if (this.#isDrained()) {
      if (typeof outputs === 'string') {
        this.#text = outputs
        this.#kind = usual
      } else {
        this.#list = outputs
        this.#next = 0
      }
      return
    }
    const waiting = this.#text === undefined ? [] : [this.#kind, this.#text]
    const more = typeof outputs === 'string' ? [usual, outputs] : outputs
    this.#list = [...waiting, ...this.#list.slice(this.#next), ...more]
    this.#next = 0
    this.#text = undefined
  }

  #output() {
    if (this.#text !== undefined) {
      const text = this.#text
      this.#text = undefined
      return { done: false, value: { type: TYPES[this.#kind], text } }
    }
    if (this.#next < this.#list.length) {
      const kind = this.#list[this.#next]
      const value = this.#list[this.#next + 1]
      this.#next += 2
      if (this.#next === this.#list.length) {
        this.#list = NONE
        this.#next = 0
      }
      return { done: false, value: toOutput(kind, value) }
    }
    if (this.#isDue) {
      this.#isDue = false
      this.#take(native.drain(this.#handle), TO_TWILIO)
      return this.#output()
    }
    return DONE
  }
}

function toOutput(kind, value) {
  if (kind !== EVENT) return { type: TYPES[kind], text: value }
  if (value.type === 'CallStarted') value.customParameters = toParameters(value.customParameters)
  return { type: 'Event', event: value }
}

module.exports = { Bridge }
