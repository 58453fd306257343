// The server in `server.mjs` as it is written by hand, without trunkline, to compare the two.
//
// It works, on a good day. What it gets wrong is marked, with what `server.mjs` does about it.

import Fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'

const {
  PUBLIC_URL,
  OPENAI_API_KEY,
  OPENAI_REALTIME_URL = 'wss://api.openai.com/v1/realtime',
  MODEL = 'gpt-realtime',
  PORT = '8080',
} = process.env

const app = Fastify()
app.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => done(null))
app.post('/twilio/incoming-call', (_request, reply) => {
  reply.type('text/xml')
  const url = `${PUBLIC_URL.replace(/^http/, 'ws')}/streams`
  return `<Response><Connect><Stream url="${url}"/></Connect></Response>`
})

// [1] Whoever finds the URL may talk to the model at your expense: signatures.
const streams = new WebSocketServer({ server: app.server, path: '/streams' })
streams.on('connection', (twilio) => {
  const openai = new WebSocket(`${OPENAI_REALTIME_URL}?model=${MODEL}`, {
    headers: { Authorization: `Bearer ${OPENAI_API_KEY}` },
  })
  let streamSid = ''
  let timestamp = 0
  let answerBegan
  let itemId

  openai.on('open', () => {
    const format = { type: 'audio/pcm', rate: 24_000 }
    const audio = { input: { format }, output: { format } }
    openai.send(JSON.stringify({ type: 'session.update', session: { type: 'realtime', audio } }))
    openai.send(JSON.stringify({ type: 'response.create' }))
  })

  twilio.on('message', (data) => {
    const message = JSON.parse(data)
    if (message.event === 'start') streamSid = message.start.streamSid
    if (message.event !== 'media') return
    // [2] Gaps in the time stamps, doubled frames: the model hears a click, or the past. Concealment.
    timestamp = Number(message.media.timestamp)
    const pcm = upsample(decode(Buffer.from(message.media.payload, 'base64')))
    const event = { type: 'input_audio_buffer.append', audio: toBase64(pcm) }
    // [3] What is said before the socket is open is lost: it is kept, up to a bound.
    if (openai.readyState === WebSocket.OPEN) openai.send(JSON.stringify(event))
  })
  twilio.on('close', () => openai.close())

  openai.on('message', (data) => {
    const event = JSON.parse(data)
    // [4] Nothing checks that the session took the format: if not, the caller hears noise.
    if (event.type === 'response.output_audio.delta') {
      if (itemId !== event.item_id) {
        itemId = event.item_id
        answerBegan = timestamp
      }
      // [5] A delta may end in the middle of a sample: the rest is noise. The odd byte is carried over.
      const bytes = Buffer.from(event.delta, 'base64')
      const pcm = new Int16Array(bytes.length >> 1)
      for (let i = 0; i < pcm.length; i += 1) pcm[i] = bytes.readInt16LE(2 * i)
      const payload = Buffer.from(encode(downsample(pcm))).toString('base64')
      // [6] Sent as fast as the model speaks: minutes wait at Twilio, none of it ours. Pacing.
      toTwilio({ event: 'media', media: { payload } })
    } else if (event.type === 'input_audio_buffer.speech_started' && answerBegan !== undefined) {
      // [7] Time since the first delta, not what was heard: the model believes that more was said than
      // was; or it is told of more than there is, and refuses. Marks prove what was played.
      const audio_end_ms = timestamp - answerBegan
      const truncate = { type: 'conversation.item.truncate', item_id: itemId, content_index: 0 }
      openai.send(JSON.stringify({ ...truncate, audio_end_ms }))
      // [8] Deltas of the dead answer that are still on their way are played after this.
      toTwilio({ event: 'clear' })
      answerBegan = undefined
    }
  })
  openai.on('close', () => twilio.close(1000))

  function toTwilio(message) {
    // [9] A caller who does not read fills the memory: unsent bytes are bounded.
    twilio.send(JSON.stringify({ ...message, streamSid }))
  }
})

const DECODED = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
  return code & 0x80 ? -magnitude : magnitude
})

function decode(bytes) {
  return Int16Array.from(bytes, (byte) => DECODED[byte])
}

function encode(pcm) {
  return Uint8Array.from(pcm, (sample) => {
    const biased = Math.min(Math.abs(sample), 32_635) + 0x84
    const segment = 24 - Math.clz32(biased)
    return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 0x0f))
  })
}

// [10] A line between two samples, anew for each frame: no filter, mirror images, and a click at every seam.
function upsample(pcm) {
  const out = new Int16Array(3 * pcm.length)
  pcm.forEach((sample, i) => {
    const next = pcm[i + 1] ?? sample
    for (let j = 0; j < 3; j += 1) out[3 * i + j] = sample + ((next - sample) * j) / 3
  })
  return out
}

// [11] Two samples of three thrown away: everything above 4 kHz comes back as noise.
function downsample(pcm) {
  return Int16Array.from({ length: Math.floor(pcm.length / 3) }, (_, i) => pcm[3 * i])
}

function toBase64(pcm) {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString('base64')
}

const address = await app.listen({ host: '127.0.0.1', port: Number(PORT) })
console.log(JSON.stringify({ type: 'Listening', address }))
