// A Twilio voice server on trunkline's Bridge: joins phone calls to OpenAI Realtime.
//
// PUBLIC_URL=https://voice.example.com TWILIO_AUTH_TOKEN=… OPENAI_API_KEY=… node server.mjs

import { createHmac, timingSafeEqual } from 'node:crypto'

import Fastify from 'fastify'
import { Bridge, attach } from 'trunkline'
import { WebSocket, WebSocketServer } from 'ws'

const {
  PUBLIC_URL,
  TWILIO_AUTH_TOKEN,
  OPENAI_API_KEY,
  OPENAI_REALTIME_URL = 'wss://api.openai.com/v1/realtime',
  MODEL = 'gpt-realtime',
  PORT = '8080',
} = process.env
if (!PUBLIC_URL || !TWILIO_AUTH_TOKEN || !OPENAI_API_KEY) {
  throw new Error('PUBLIC_URL, TWILIO_AUTH_TOKEN and OPENAI_API_KEY must be set')
}
const STREAM_URL = `${PUBLIC_URL.replace(/^http/, 'ws')}/streams`

const session = {
  instructions: 'You answer the phone of a dental practice. Greet the caller. Be brief.',
  voice: 'marin',
  transcriptionModel: 'gpt-4o-transcribe',
  tools: [
    {
      type: 'function',
      name: 'hang_up',
      description: 'Ends the call, once your last words were heard. Say goodbye first.',
      parameters: { type: 'object', properties: {} },
    },
  ],
}

const app = Fastify()
const form = { parseAs: 'string' }
app.addContentTypeParser('application/x-www-form-urlencoded', form, (_request, body, done) =>
  done(null, Object.fromEntries(new URLSearchParams(body))),
)

app.post('/twilio/incoming-call', (request, reply) => {
  if (!isTwilios(request.headers, PUBLIC_URL + request.url, request.body)) {
    return reply.code(403).send()
  }
  reply.type('text/xml')
  return `<Response><Connect><Stream url="${STREAM_URL}"/></Connect></Response>`
})

const streams = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 })
app.server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/streams' || !isTwilios(request.headers, STREAM_URL)) {
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  } else {
    streams.handleUpgrade(request, socket, head, takeCall)
  }
})

function takeCall(twilio) {
  const openai = new WebSocket(`${OPENAI_REALTIME_URL}?model=${MODEL}`, {
    headers: { Authorization: `Bearer ${OPENAI_API_KEY}` },
  })
  const bridge = new Bridge({ downlinkCapacityMs: 16_000 })
  attach({
    bridge,
    twilio,
    openai,
    session,
    onEvent: (event) => onEvent(event, bridge, twilio),
    onError: (error) => log({ type: 'Error', code: error.code, message: error.message }),
  }).closed.then(() => log({ type: 'Closed', stats: bridge.stats() }))
}

function onEvent(event, bridge, twilio) {
  log(event)
  switch (event.type) {
    case 'SessionReady':
      bridge.createResponse()
      break
    case 'ToolCall':
      bridge.mark('goodbye')
      break
    case 'Mark':
      twilio.close(1000)
      break
  }
}

/** Whether Twilio signed it: an HMAC over the public URL and the sorted fields. */
function isTwilios(headers, url, fields = {}) {
  const sorted = Object.keys(fields).sort()
  const text = url + sorted.map((name) => name + fields[name]).join('')
  const expected = createHmac('sha1', TWILIO_AUTH_TOKEN).update(text).digest()
  const actual = Buffer.from(headers['x-twilio-signature'] ?? '', 'base64')
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function log(event) {
  console.log(JSON.stringify(event))
}

log({ type: 'Listening', address: await app.listen({ host: '127.0.0.1', port: Number(PORT) }) })
