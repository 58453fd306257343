// The whole way of 20 ms, text to text, in both directions: the Bridge, and what is written by hand.

import { Bridge } from 'trunkline'
import SpeexResampler from 'speex-resampler'

const Speex = SpeexResampler.default ?? SpeexResampler
await Speex.initPromise

export const STREAM = 'MZ18ad3ab5a668481ce02b83e7395059f0'

/** μ-law of a voice-like sound: a hum with its harmonics, swelling. */
export function voice(samples, rate) {
  return Int16Array.from({ length: samples }, (_, index) => {
    const t = index / rate
    const swell = 0.5 + 0.5 * Math.sin(2 * Math.PI * 3 * t)
    const sum = [1, 2, 3, 5, 8].reduce((sum, k) => sum + Math.sin(2 * Math.PI * 140 * k * t) / k, 0)
    return Math.round(6_000 * swell * sum)
  })
}

/** What Twilio sends, as `ws` gives it. */
export function mediaMessage(number, audio) {
  const media = {
    track: 'inbound',
    chunk: `${number + 1}`,
    timestamp: `${20 * number}`,
    payload: Buffer.from(audio).toString('base64'),
  }
  return Buffer.from(
    JSON.stringify({ event: 'media', sequenceNumber: `${number + 2}`, media, streamSid: STREAM }),
  )
}

/** What the model sends. */
export function deltaMessage(samples) {
  const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  return Buffer.from(
    JSON.stringify({
      type: 'response.output_audio.delta',
      event_id: 'event_BGhVdMZ8QyCAUJPUOzUOA',
      response_id: 'resp_BGhVbfzEKyb5yVSmVWbcX',
      item_id: 'item_BGhVbFfWGzVGVUIRRLAvY',
      output_index: 0,
      content_index: 0,
      delta: audio.toString('base64'),
    }),
  )
}

const DECODED = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
  return code & 0x80 ? -magnitude : magnitude
})

const ENCODED = Uint8Array.from({ length: 65_536 }, (_, index) => {
  const sample = (index << 16) >> 16
  const biased = Math.min(Math.abs(sample), 32_635) + 0x84
  const segment = 24 - Math.clz32(biased)
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 0x0f))
})

export function decodeByTable(bytes) {
  const out = new Int16Array(bytes.length)
  for (let i = 0; i < bytes.length; i += 1) out[i] = DECODED[bytes[i]]
  return out
}

export function encodeByTable(samples) {
  const out = Buffer.allocUnsafe(samples.length)
  for (let i = 0; i < samples.length; i += 1) out[i] = ENCODED[samples[i] & 0xffff]
  return out
}

/** JSON, base64, tables, and a resampler for each direction. */
class ByHand {
  constructor(up, down, send) {
    this.up = up
    this.down = down
    this.send = send
  }

  twilio(data) {
    const { media } = JSON.parse(data)
    const pcm = this.up(decodeByTable(Buffer.from(media.payload, 'base64')))
    const audio = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString('base64')
    this.send(JSON.stringify({ type: 'input_audio_buffer.append', audio }))
  }

  openAi(data) {
    const event = JSON.parse(data)
    const bytes = Buffer.from(event.delta, 'base64')
    const pcm = this.down(toSamples(bytes))
    const payload = encodeByTable(pcm).toString('base64')
    this.send(JSON.stringify({ event: 'media', streamSid: STREAM, media: { payload } }))
  }
}

/** Pooled buffers lie at any address. */
function toSamples(bytes) {
  if (bytes.byteOffset % 2 === 0) return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
  return new Int16Array(Uint8Array.from(bytes).buffer)
}

function speex(quality, from, to) {
  const resampler = new Speex(1, from, to, quality)
  return (pcm) =>
    toSamples(resampler.processChunk(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength)))
}

export function bySpeex(send) {
  return new ByHand(speex(3, 8_000, 24_000), speex(3, 24_000, 8_000), send)
}

/** A line between two samples, anew for each chunk; and two of three thrown away. */
export function byLines(send) {
  const up = (pcm) => {
    const out = new Int16Array(3 * pcm.length)
    for (let i = 0; i < pcm.length; i += 1) {
      const sample = pcm[i]
      const step = ((i + 1 < pcm.length ? pcm[i + 1] : sample) - sample) / 3
      out[3 * i] = sample
      out[3 * i + 1] = sample + step
      out[3 * i + 2] = sample + 2 * step
    }
    return out
  }
  const down = (pcm) => {
    const out = new Int16Array(Math.floor(pcm.length / 3))
    for (let i = 0; i < out.length; i += 1) out[i] = pcm[3 * i]
    return out
  }
  return new ByHand(up, down, send)
}

/** The Bridge, with all that it keeps books of; marks come back as Twilio sends them. */
export class ByBridge {
  now = 0

  constructor(send) {
    this.send = send
    this.bridge = new Bridge()
    const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 }
    const start = { streamSid: STREAM, callSid: 'CA1', tracks: ['inbound'], mediaFormat }
    this.bridge.handleTwilio(JSON.stringify({ event: 'start', streamSid: STREAM, start }), this.now)
    this.bridge.updateSession()
    this.drain()
    const format = { type: 'audio/pcm', rate: 24_000 }
    const audio = { input: { format }, output: { format } }
    const updated = { type: 'session.updated', session: { type: 'realtime', audio } }
    this.bridge.handleOpenAi(JSON.stringify(updated), this.now)
    this.drain()
  }

  twilio(data) {
    this.now += 20
    this.bridge.handleTwilio(data, this.now)
    this.drain()
  }

  openAi(data) {
    this.bridge.handleOpenAi(data, this.now)
    this.drain()
  }

  drain() {
    let mark
    for (const output of this.bridge.drain()) {
      if (output.type === 'Event') continue
      this.send(output.text)
      if (output.text.startsWith('{"event":"mark"')) mark = output.text
    }
    if (mark !== undefined) {
      this.bridge.handleTwilio(mark, this.now)
      this.drain()
    }
  }
}
