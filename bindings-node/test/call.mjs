// One scripted call on a bridge: virtual time, and what each peer was sent.

import { Bridge } from '../main.mjs'

export const STREAM = 'MZ18ad3ab5a668481ce02b83e7395059f0'

export class Call {
  now = 0
  toTwilio = []
  toOpenAi = []
  events = []

  constructor(options, session = { voice: 'marin' }) {
    this.bridge = new Bridge(options)
    this.format =
      options?.modelAudio === 'mulaw' ? { type: 'audio/pcmu' } : { type: 'audio/pcm', rate: 24_000 }
    this.twilio({
      event: 'start',
      sequenceNumber: '1',
      streamSid: STREAM,
      start: {
        streamSid: STREAM,
        callSid: 'CA1',
        tracks: ['inbound'],
        customParameters: { caller: 'Ada "A"' },
        mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 },
      },
    })
    this.bridge.updateSession(session)
    this.drain()
    const audio = { input: { format: this.format }, output: { format: this.format } }
    this.openAi({ type: 'session.updated', session: { type: 'realtime', audio } })
  }

  twilio(message) {
    this.bridge.handleTwilio(JSON.stringify(message), this.now)
    this.drain()
  }

  openAi(event) {
    this.bridge.handleOpenAi(JSON.stringify(event), this.now)
    this.drain()
  }

  media(number, audio = new Uint8Array(160).fill(0xff)) {
    this.twilio({
      event: 'media',
      sequenceNumber: `${number + 2}`,
      streamSid: STREAM,
      media: {
        track: 'inbound',
        chunk: `${number + 1}`,
        timestamp: `${number * 20}`,
        payload: Buffer.from(audio).toString('base64'),
      },
    })
  }

  /** The model says `ms` of silence in one delta. */
  say(ms, item = 'item_1', response = 'resp_1') {
    this.openAi({ type: 'response.created', response: { id: response, conversation_id: 'conv_1' } })
    this.openAi({
      type: 'response.output_item.added',
      response_id: response,
      item: { id: item, type: 'message' },
    })
    this.openAi({
      type: 'response.output_audio.delta',
      response_id: response,
      item_id: item,
      content_index: 0,
      delta: Buffer.alloc(ms * 48).toString('base64'),
    })
  }

  /** Lets time pass, with its timers, and Twilio's echoes of marks as playback gets to them. */
  wait(ms) {
    const until = this.now + ms
    for (;;) {
      const at = this.bridge.pollTimeout()
      if (at === undefined || at > until) break
      this.now = Math.max(this.now, at)
      this.bridge.handleTimeout(this.now)
      this.drain()
    }
    this.now = until
  }

  drain() {
    for (const output of this.bridge.drain()) {
      if (output.type === 'ToTwilio') this.toTwilio.push(JSON.parse(output.text))
      else if (output.type === 'ToOpenAi') this.toOpenAi.push(JSON.parse(output.text))
      else this.events.push(output.event)
    }
  }

  event(type) {
    return this.events.find((event) => event.type === type)
  }
}
