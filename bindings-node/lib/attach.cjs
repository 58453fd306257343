'use strict'

const { Bridge } = require('./bridge.cjs')

/** Bytes that may wait for a peer that does not read: some 5 s of audio. */
const MAX_UNSENT_TWILIO = 128 * 1024
const MAX_UNSENT_OPENAI = 384 * 1024

/** A close frame without a code is a warning at Twilio (31921). */
const NORMAL = 1000

const CONNECTING = 0
const OPEN = 1

class Attachment {
  #bridge
  #twilio
  #openai
  #options
  #listeners = []
  #timer = undefined
  #timerAt = Infinity
  #playOutTimer = undefined
  #isPumping = false
  #isEnded = false
  #resolve
  closed = new Promise((resolve) => (this.#resolve = resolve))

  constructor({ bridge, twilio, openai, ...options }) {
    this.#bridge = bridge
    this.#twilio = twilio
    this.#options = options
    this.#listen(twilio, 'message', (data, isBinary) =>
      this.#input(isBinary, () => bridge.handleTwilio(toMessage(data))),
    )
    this.#listen(twilio, 'close', () => this.#twilioClosed())
    // What is wrong with a socket ends in its `close`.
    this.#listen(twilio, 'error', (error) => this.#fail(error))
    this.connect(openai)
  }

  connect(openai) {
    this.#openai = openai
    this.#listen(openai, 'message', (data, isBinary) =>
      this.#input(isBinary, () => this.#bridge.handleOpenAi(toMessage(data))),
    )
    this.#listen(openai, 'close', () => this.#openaiClosed(openai))
    this.#listen(openai, 'error', (error) => this.#fail(error))
    if (openai.readyState === CONNECTING) this.#listen(openai, 'open', () => this.#opened())
    else if (openai.readyState === OPEN) this.#opened()
    else this.#openaiClosed(openai)
  }

  pump() {
    // A listener that gives a command calls this as well; the loop it is called from goes on with it.
    if (this.#isPumping || this.#isEnded) return
    this.#isPumping = true
    try {
      for (const output of this.#bridge.drain()) {
        if (output.type === 'ToTwilio') this.#send(this.#twilio, output.text, MAX_UNSENT_TWILIO)
        else if (output.type === 'ToOpenAi') this.#send(this.#openai, output.text, MAX_UNSENT_OPENAI)
        else this.#tell(output.event)
      }
    } finally {
      this.#isPumping = false
    }
    if (this.#bridge.isClosed) this.#end()
    else this.#schedule()
  }

  detach() {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#timer)
    clearTimeout(this.#playOutTimer)
    for (const [socket, name, listener] of this.#listeners) socket.off(name, listener)
    this.#listeners = []
    this.#resolve()
  }

  #opened() {
    try {
      this.#bridge.updateSession(this.#options.session)
    } catch (error) {
      this.#fail(error)
    }
    this.pump()
  }

  #input(isBinary, handle) {
    if (this.#isEnded || isBinary) return
    try {
      handle()
    } catch (error) {
      // The message had no effect, and the call can go on.
      this.#fail(error)
    }
    this.pump()
  }

  #send(socket, text, limit) {
    if (socket.readyState !== OPEN) return
    socket.send(text)
    // A peer that does not read counts as gone.
    if (socket.bufferedAmount > limit) {
      const error = new Error(`a peer does not read: ${socket.bufferedAmount} bytes wait for it`)
      error.code = 'ERR_PEER_STALLED'
      this.#fail(error)
      socket.terminate()
    }
  }

  #tell(event) {
    try {
      this.#options.onEvent?.(event, this)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error) {
    this.#options.onError?.(error)
  }

  #twilioClosed() {
    if (this.#isEnded) return
    this.#bridge.handleTwilioClosed()
    this.pump()
  }

  #openaiClosed(openai) {
    if (this.#isEnded || openai !== this.#openai) return
    this.#bridge.handleOpenAiClosed()
    this.pump()
    this.#options.onModelClosed?.(this)
    if (openai === this.#openai) this.#playOut()
  }

  /** Ends the call once the caller has heard what the model said before it went. */
  #playOut() {
    if (this.#isEnded || this.#openai.readyState <= OPEN) return
    const waitsHere = this.#bridge.stats().depthSamples / 8
    const ms = waitsHere + this.#bridge.queuedAtCarrierMs()
    if (ms > 0) this.#playOutTimer = setTimeout(() => this.#playOut(), Math.ceil(ms))
    else this.#twilio.close(NORMAL)
  }

  #end() {
    const [twilio, openai] = [this.#twilio, this.#openai]
    this.detach()
    twilio.close(NORMAL)
    openai.close(NORMAL)
  }

  /** One timer, which is left alone while what is due is due no sooner. */
  #schedule() {
    const at = this.#bridge.pollTimeout()
    if (at === undefined || at >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity
        this.#bridge.handleTimeout()
        this.pump()
      },
      Math.max(0, at - performance.now()),
    )
  }

  #listen(socket, name, listener) {
    socket.on(name, listener)
    this.#listeners.push([socket, name, listener])
  }
}

function toMessage(data) {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

function attach(options) {
  if (!(options.bridge instanceof Bridge)) {
    const error = new TypeError('expected a Bridge')
    error.code = 'ERR_INVALID_ARG_TYPE'
    throw error
  }
  return new Attachment(options)
}

module.exports = { attach }
