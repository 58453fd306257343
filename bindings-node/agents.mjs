// A transport for the package `@openai/agents`: what its Twilio transport does, on our ledger.

import { OpenAIRealtimeWebSocket } from '@openai/agents/realtime'

import { PlaybackLedger, openai, twilio } from './main.mjs'

/** μ-law bytes of a millisecond. */
const BYTES_PER_MS = 8
const SILENCE = 0xff
/** Audio between two marks, and so the resolution of what was heard. */
const MARK_INTERVAL_MS = 100
/** Silence put in for a gap at most. */
const MAX_GAP_MS = 10_000
/** Silence that ends a turn when audio has stopped in it. */
const STALL_SILENCE_MS = 1_000
const DEFAULT_STALL_TIMEOUT_MS = 750
const MAX_TIMEOUT_MS = 2_147_483_647

export class TwilioTransport extends OpenAIRealtimeWebSocket {
  #twilio
  #streamSid = null
  #ledger = new PlaybackLedger(8_000)
  /** The response that each item of the ledger is of. */
  #responses = new Map()
  #activeResponse = null
  #discarded = new Set()
  #contentIndex = 0
  #stallTimeoutMs
  #stallTimer = undefined
  #isCallerSpeaking = false
  /** The time stamp that would continue the caller's audio. */
  #nextTimestampMs = null

  constructor({
    twilioWebSocket,
    inputAudioInactivityTimeoutMs = DEFAULT_STALL_TIMEOUT_MS,
    ...options
  }) {
    super(options)
    const ms = inputAudioInactivityTimeoutMs
    if (ms !== null && !(ms > 0 && ms <= MAX_TIMEOUT_MS)) {
      throw new RangeError(`inputAudioInactivityTimeoutMs must be above 0, at most ${MAX_TIMEOUT_MS}, or null`)
    }
    this.#stallTimeoutMs = ms
    this.#twilio = twilioWebSocket
    this.#listenToTwilio()
    this.#listenToModel()
  }

  /** G.711 both ways: it is all that Twilio takes, and a session's own default is another. */
  _setInputAndOutputAudioFormat(config = {}) {
    if (!config.audio) {
      return { ...config, inputAudioFormat: 'g711_ulaw', outputAudioFormat: 'g711_ulaw' }
    }
    const { input, output, ...audio } = config.audio
    const format = { type: 'audio/pcmu' }
    return { ...config, audio: { ...audio, input: { ...input, format }, output: { ...output, format } } }
  }

  async connect(options) {
    const initialSessionConfig = this._setInputAndOutputAudioFormat(options.initialSessionConfig)
    await super.connect({ ...options, initialSessionConfig })
  }

  updateSessionConfig(config) {
    super.updateSessionConfig(this._setInputAndOutputAudioFormat(config))
  }

  sendAudio(audio, options = {}) {
    if (options.commit || this.status !== 'connected') super.sendAudio(audio, options)
    else if (audio.byteLength > 0) {
      this.connectionState.websocket.send(openai.appendG711(new Uint8Array(audio)))
    }
  }

  interrupt(cancelOngoingResponse = true) {
    if (this.status !== 'connected') return
    const unheard = this.#ledger.unheard()
    if (this.#activeResponse === null && unheard.length === 0) return
    if (this.#activeResponse !== null) this.#discarded.add(this.#activeResponse)
    for (const { itemId } of unheard) this.#discarded.add(this.#responses.get(itemId))
    this.#activeResponse = null
    this.#clearPlayback()
    try {
      if (this.#streamSid !== null) this.#twilio.send(twilio.clear(this.#streamSid))
      if (cancelOngoingResponse) this._cancelResponse()
      if (unheard.length > 0) this.emit('audio_interrupted')
      for (const part of unheard) this.#cut(part)
    } finally {
      this._afterAudioDoneEvent()
    }
  }

  _interrupt(_elapsedTime, cancelOngoingResponse = true) {
    this.interrupt(cancelOngoingResponse)
  }

  _onAudio(audioEvent) {
    const { data, responseId } = audioEvent
    if (this.#discarded.has(responseId)) return
    const itemId = this.currentItemId
    if (itemId !== undefined && this.#streamSid !== null) {
      this.#responses.set(itemId, responseId)
      this.#play(itemId, new Uint8Array(data))
    }
    this.emit('audio', audioEvent)
  }

  _onClose() {
    this.#clearPlayback()
    this.#activeResponse = null
    this.#discarded.clear()
    this.#resetInput()
    super._onClose()
  }

  #listenToTwilio() {
    this.#twilio.addEventListener('message', ({ data }) => {
      try {
        this.#handleTwilio(typeof data === 'string' ? data : data.toString())
      } catch (error) {
        this.emit('error', { type: 'error', error })
      }
    })
    this.#twilio.addEventListener('close', () => {
      this.#resetInput()
      if (this.status !== 'disconnected') this.close()
    })
    this.#twilio.addEventListener('error', (error) => {
      this.#resetInput()
      this.emit('error', { type: 'error', error })
      this.close()
    })
  }

  #listenToModel() {
    this.on('response.created', ({ response }) => {
      this.#activeResponse = response.id ?? null
    })
    this.on('response.done', ({ response }) => {
      this.#discarded.delete(response.id)
      if (this.#activeResponse === response.id) this.#activeResponse = null
    })
    this.on('response.output_audio.delta', (event) => {
      this.#contentIndex = event.content_index
    })
    this.on('response.output_audio.done', (event) => {
      this.#ledger.finish(event.item_id, event.content_index)
      this.#forgetHeard()
    })
    this.on('input_audio_buffer.speech_started', () => {
      this.#isCallerSpeaking = true
      this.#awaitStall()
    })
    this.on('input_audio_buffer.speech_stopped', () => {
      this.#isCallerSpeaking = false
      clearTimeout(this.#stallTimer)
    })
  }

  #handleTwilio(text) {
    const message = twilio.read(text)
    // Parsed only for those who look at it.
    this.emit('*', {
      type: 'twilio_message',
      get message() {
        return JSON.parse(text)
      },
    })
    switch (message.type) {
      case 'Started':
        this.#streamSid = message.streamSid
        this.#resetInput()
        this.#clearPlayback()
        break
      case 'Media':
        if (message.track === 'inbound' && this.status === 'connected') this.#hear(message)
        break
      case 'Mark':
        this.#ledger.handleMark(message.name)
        this.#forgetHeard()
        break
    }
  }

  /** What the caller says, with silence for what is missing before it. */
  #hear({ audio, timestampMs }) {
    const gapMs = this.#nextTimestampMs === null ? 0 : timestampMs - this.#nextTimestampMs
    if (gapMs > 0) this.#sendSilence(Math.min(gapMs, MAX_GAP_MS))
    this.#nextTimestampMs = timestampMs + audio.length / BYTES_PER_MS
    this.sendAudio(audio)
    this.#awaitStall()
  }

  #awaitStall() {
    clearTimeout(this.#stallTimer)
    if (this.#stallTimeoutMs === null || !this.#isCallerSpeaking) return
    this.#stallTimer = setTimeout(() => {
      if (this.status !== 'connected') return
      this.#sendSilence(STALL_SILENCE_MS)
      // What comes late is not a gap as well.
      this.#nextTimestampMs = null
    }, this.#stallTimeoutMs)
    this.#stallTimer.unref?.()
  }

  #sendSilence(ms) {
    this.sendAudio(new Uint8Array(Math.floor(ms * BYTES_PER_MS)).fill(SILENCE))
  }

  /** A mark behind every piece proves what was heard, however long the deltas are. */
  #play(itemId, audio) {
    const piece = MARK_INTERVAL_MS * BYTES_PER_MS
    this.#ledger.receive(itemId, this.#contentIndex, audio.length, audio.length)
    for (let from = 0; from < audio.length; from += piece) {
      const part = audio.subarray(from, from + piece)
      this.#twilio.send(twilio.media(this.#streamSid, part))
      this.#ledger.send(part.length)
      this.#twilio.send(twilio.mark(this.#streamSid, this.#ledger.mark()))
    }
  }

  #cut({ itemId, contentIndex, cut }) {
    if (cut.type === 'TruncateAt') {
      this.sendEvent({
        type: 'conversation.item.truncate',
        item_id: itemId,
        content_index: contentIndex,
        audio_end_ms: cut.audioEndMs,
      })
    } else if (cut.type === 'Delete') {
      this.sendEvent({ type: 'conversation.item.delete', item_id: itemId })
    }
  }

  #forgetHeard() {
    for (let heard; (heard = this.#ledger.popHeard()); ) this.#responses.delete(heard.itemId)
  }

  #clearPlayback() {
    this.#ledger.clear()
    this.#responses.clear()
  }

  #resetInput() {
    clearTimeout(this.#stallTimer)
    this.#isCallerSpeaking = false
    this.#nextTimestampMs = null
  }
}
