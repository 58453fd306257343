// A bridge as it is written by hand in Node, to be measured beside trunkline's: `ws`, JSON, Buffer, tables.
// It does the least that a call needs: no pacing, no marks, no gaps concealed, nothing recorded.
//
// MODEL_AUDIO=mulaw passes G.711 through; MODEL_AUDIO=pcm24k converts, by speex's resampler in WebAssembly at
// its quality for telephony, which is what people take who want no aliasing; RESAMPLER=lines by a line between
// two samples and by leaving two of three out, which is what the others do.

import { createHmac, timingSafeEqual, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import SpeexResampler from 'speex-resampler'
import { WebSocket, WebSocketServer } from 'ws'

const {
  LISTEN = '127.0.0.1:8080',
  PUBLIC_URL,
  TWILIO_AUTH_TOKEN,
  OPENAI_API_KEY,
  OPENAI_REALTIME_URL,
  MODEL = 'gpt-realtime',
  MODEL_AUDIO = 'pcm24k',
  RESAMPLER = 'speex',
} = process.env

const streamUrl = `${PUBLIC_URL.replace(/^http/, 'ws')}/streams`
const format = MODEL_AUDIO === 'mulaw' ? { type: 'audio/pcmu' } : { type: 'audio/pcm', rate: 24_000 }
const tokens = new Map()

function isSigned(request, url, fields = []) {
  const sorted = fields.map(([name, value]) => name + value).sort()
  const expected = createHmac('sha1', TWILIO_AUTH_TOKEN).update(url + sorted.join('')).digest()
  const given = Buffer.from(request.headers['x-twilio-signature'] ?? '', 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const fields = [...new URLSearchParams(body)]
  if (request.url !== '/twilio/incoming-call') return response.writeHead(404).end()
  if (!isSigned(request, PUBLIC_URL + request.url, fields)) return response.writeHead(403).end()
  const token = randomBytes(16).toString('hex')
  tokens.set(token, new Map(fields).get('CallSid'))
  response.setHeader('Content-Type', 'text/xml')
  response.end(
    `<Response><Connect><Stream url="${streamUrl}"><Parameter name="token" value="${token}"/></Stream></Connect></Response>`,
  )
})

const streams = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/streams' || !isSigned(request, streamUrl)) return socket.destroy()
  streams.handleUpgrade(request, socket, head, bridge)
})

function bridge(twilio) {
  let streamSid
  let openai
  const codec = MODEL_AUDIO === 'mulaw' ? passThrough : transcoder()

  twilio.on('message', (data) => {
    const message = JSON.parse(data)
    if (message.event === 'media') {
      if (openai?.readyState !== WebSocket.OPEN) return
      const audio = codec.up(message.media.payload)
      openai.send(JSON.stringify({ type: 'input_audio_buffer.append', audio }))
    } else if (message.event === 'start') {
      const { callSid, customParameters } = message.start
      if (tokens.get(customParameters.token) !== callSid) return twilio.close(1008)
      tokens.delete(customParameters.token)
      streamSid = message.streamSid
      openai = connect()
    } else if (message.event === 'stop') {
      twilio.close()
    }
  })
  twilio.on('close', () => openai?.close())
  twilio.on('error', () => twilio.terminate())

  function connect() {
    const headers = { Authorization: `Bearer ${OPENAI_API_KEY}` }
    const socket = new WebSocket(`${OPENAI_REALTIME_URL}?model=${MODEL}`, { headers, perMessageDeflate: false })
    socket.on('open', () => {
      const audio = { input: { format, turn_detection: { type: 'server_vad' } }, output: { format, voice: 'marin' } }
      socket.send(JSON.stringify({ type: 'session.update', session: { type: 'realtime', audio } }))
    })
    socket.on('message', (data) => {
      const event = JSON.parse(data)
      if (event.type === 'response.output_audio.delta') {
        const media = { payload: codec.down(event.delta) }
        twilio.send(JSON.stringify({ event: 'media', streamSid, media }))
      } else if (event.type === 'input_audio_buffer.speech_started') {
        twilio.send(JSON.stringify({ event: 'clear', streamSid }))
      }
    })
    socket.on('close', () => twilio.close())
    socket.on('error', () => socket.terminate())
    return socket
  }
}

const passThrough = { up: (payload) => payload, down: (delta) => delta }

const Speex = SpeexResampler.default ?? SpeexResampler
await Speex.initPromise

function transcoder() {
  const up = RESAMPLER === 'lines' ? interpolate : speex(8_000, 24_000)
  const down = RESAMPLER === 'lines' ? decimate : speex(24_000, 8_000)
  return {
    up: (payload) => toBytes(up(decode(Buffer.from(payload, 'base64')))).toString('base64'),
    down: (delta) => encode(down(toSamples(Buffer.from(delta, 'base64')))).toString('base64'),
  }
}

/** Quality 3 of 10 is SPEEX_RESAMPLER_QUALITY_VOIP. Source: speex_resampler.h. */
function speex(from, to) {
  const resampler = new Speex(1, from, to, 3)
  return (samples) => toSamples(resampler.processChunk(toBytes(samples)))
}

function interpolate(samples) {
  const out = new Int16Array(3 * samples.length)
  for (let i = 0; i < samples.length; i += 1) {
    const sample = samples[i]
    const step = ((i + 1 < samples.length ? samples[i + 1] : sample) - sample) / 3
    out[3 * i] = sample
    out[3 * i + 1] = sample + step
    out[3 * i + 2] = sample + 2 * step
  }
  return out
}

function decimate(samples) {
  const out = new Int16Array(Math.floor(samples.length / 3))
  for (let i = 0; i < out.length; i += 1) out[i] = samples[3 * i]
  return out
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

function decode(bytes) {
  const out = new Int16Array(bytes.length)
  for (let i = 0; i < bytes.length; i += 1) out[i] = DECODED[bytes[i]]
  return out
}

function encode(samples) {
  const out = Buffer.allocUnsafe(samples.length)
  for (let i = 0; i < samples.length; i += 1) out[i] = ENCODED[samples[i] & 0xffff]
  return out
}

function toBytes(samples) {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
}

/** Pooled buffers lie at any address. */
function toSamples(bytes) {
  if (bytes.byteOffset % 2 === 0) return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
  return new Int16Array(Uint8Array.from(bytes).buffer)
}

const [host, port] = LISTEN.split(':')
server.listen(Number(port), host, () => {
  console.error(`listening on ${server.address().address}:${server.address().port}`)
})
