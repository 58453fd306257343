// The transport within the official package's session, between two sockets of this process.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'

import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime'
import { WebSocket, WebSocketServer } from 'ws'

import { TwilioTransport } from '../agents.mjs'
import { STREAM } from './call.mjs'

const servers = []
after(() => {
  for (const server of servers) {
    for (const client of server.clients) client.terminate()
    server.close()
  }
})

/** A socket pair: what each end was sent is in its `received`. */
async function pair() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  servers.push(server)
  await once(server, 'listening')
  const near = new WebSocket(`ws://127.0.0.1:${server.address().port}`)
  const [far] = await once(server, 'connection')
  if (near.readyState !== WebSocket.OPEN) await once(near, 'open')
  far.received = []
  far.on('message', (data) => far.received.push(JSON.parse(data)))
  return [near, far]
}

async function until(condition) {
  for (let turn = 0; turn < 500; turn += 1) {
    const found = condition()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`never: ${condition}`)
}

async function start(options = {}) {
  const [twilioWebSocket, caller] = await pair()
  const [modelSocket, model] = await pair()
  const transport = new TwilioTransport({
    twilioWebSocket,
    createWebSocket: async () => modelSocket,
    skipOpenEventListeners: true,
    ...options,
  })
  const session = new RealtimeSession(new RealtimeAgent({ name: 'agent', instructions: 'Hi' }), {
    transport,
  })
  const seen = []
  session.on('transport_event', (event) => seen.push(event))
  let interruptions = 0
  session.on('audio_interrupted', () => (interruptions += 1))
  await session.connect({ apiKey: 'ek_test' })
  const say = (message) => caller.send(JSON.stringify(message))
  say({
    event: 'start',
    streamSid: STREAM,
    start: {
      streamSid: STREAM,
      callSid: 'CA1',
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 },
    },
  })
  await until(() => seen.some(({ type }) => type === 'twilio_message'))
  return {
    session,
    seen,
    caller,
    model,
    say,
    interruptions: () => interruptions,
    media: (timestamp, audio) =>
      say({
        event: 'media',
        streamSid: STREAM,
        media: { track: 'inbound', timestamp: `${timestamp}`, payload: audio.toString('base64') },
      }),
    tell: (event) => model.send(JSON.stringify({ event_id: 'event_1', ...event })),
  }
}

function speak(call, ms, item = 'item_1', response = 'resp_1') {
  call.tell({ type: 'response.created', response: { id: response, object: 'realtime.response' } })
  call.tell({
    type: 'response.output_audio.delta',
    response_id: response,
    item_id: item,
    output_index: 0,
    content_index: 0,
    delta: Buffer.alloc(ms * 8, 0x7f).toString('base64'),
  })
}

const sent = (socket, kind) =>
  socket.received.filter((message) => (message.event ?? message.type) === kind)

test('the session is set to G.711, and the caller is passed on, gaps filled', async () => {
  const call = await start()
  const update = await until(() => sent(call.model, 'session.update')[0])
  assert.equal(update.session.audio.input.format.type, 'audio/pcmu')
  assert.equal(update.session.audio.output.format.type, 'audio/pcmu')
  call.media(0, Buffer.alloc(160, 1))
  call.media(60, Buffer.alloc(160, 2))
  const appends = await until(() => {
    const appends = sent(call.model, 'input_audio_buffer.append')
    return appends.length === 3 && appends
  })
  assert.deepEqual(
    Buffer.concat(appends.map(({ audio }) => Buffer.from(audio, 'base64'))),
    Buffer.concat([Buffer.alloc(160, 1), Buffer.alloc(320, 0xff), Buffer.alloc(160, 2)]),
  )
  const message = call.seen.find((event) => event.message?.event === 'media')
  assert.equal(message.message.media.timestamp, '0')
})

test('a mark follows every 100 ms of what the model says', async () => {
  const call = await start()
  speak(call, 1_050)
  await until(() => sent(call.caller, 'mark').length === 11)
  const media = sent(call.caller, 'media').map(({ media }) => Buffer.from(media.payload, 'base64'))
  assert.deepEqual(Buffer.concat(media), Buffer.alloc(8_400, 0x7f))
  assert.ok(media.every(({ length }) => length <= 800))
  assert.deepEqual(
    call.caller.received.slice(0, 4).map(({ event }) => event),
    ['media', 'mark', 'media', 'mark'],
  )
})

test('an interruption truncates at what marks prove, and deletes what was not heard', async () => {
  const call = await start()
  speak(call, 400, 'item_1', 'resp_1')
  speak(call, 400, 'item_2', 'resp_2')
  const marks = await until(() => {
    const marks = sent(call.caller, 'mark')
    return marks.length === 8 && marks
  })
  await new Promise((resolve) => setTimeout(resolve, 250))
  call.say(marks[0])
  call.say(marks[1])
  call.tell({ type: 'input_audio_buffer.speech_started', audio_start_ms: 1, item_id: 'item_3' })
  const truncate = await until(() => sent(call.model, 'conversation.item.truncate')[0])
  assert.deepEqual(
    { ...truncate, event_id: undefined },
    {
      type: 'conversation.item.truncate',
      item_id: 'item_1',
      content_index: 0,
      audio_end_ms: 200,
      event_id: undefined,
    },
  )
  const removed = await until(() => sent(call.model, 'conversation.item.delete')[0])
  assert.equal(removed.item_id, 'item_2')
  assert.equal(sent(call.caller, 'clear').length, 1)
  assert.equal(call.interruptions(), 1)
  // Marks that the clear flushed and deltas of the old response count for nothing.
  for (const mark of marks.slice(2)) call.say(mark)
  const before = sent(call.caller, 'media').length
  call.tell({
    type: 'response.output_audio.delta',
    response_id: 'resp_2',
    item_id: 'item_2',
    output_index: 0,
    content_index: 0,
    delta: Buffer.alloc(800).toString('base64'),
  })
  speak(call, 100, 'item_4', 'resp_4')
  await until(() => sent(call.caller, 'media').length === before + 1)
  call.tell({ type: 'input_audio_buffer.speech_started', audio_start_ms: 2, item_id: 'item_5' })
  const last = await until(() => sent(call.model, 'conversation.item.delete')[1])
  assert.equal(last.item_id, 'item_4')
  assert.equal(sent(call.model, 'conversation.item.truncate').length, 1)
})

test('what was heard to its end is not truncated', async () => {
  const call = await start()
  speak(call, 100)
  const [mark] = await until(() => {
    const marks = sent(call.caller, 'mark')
    return marks.length === 1 && marks
  })
  call.tell({
    type: 'response.output_audio.done',
    response_id: 'resp_1',
    item_id: 'item_1',
    output_index: 0,
    content_index: 0,
  })
  call.tell({
    type: 'response.done',
    response: { id: 'resp_1', object: 'realtime.response', status: 'completed', output: [] },
  })
  await new Promise((resolve) => setTimeout(resolve, 120))
  call.say(mark)
  await until(() => call.seen.some((event) => event.message?.event === 'mark'))
  call.tell({ type: 'input_audio_buffer.speech_started', audio_start_ms: 1, item_id: 'item_2' })
  await until(() => call.seen.some(({ type }) => type === 'input_audio_buffer.speech_started'))
  assert.equal(sent(call.model, 'conversation.item.truncate').length, 0)
  assert.equal(call.interruptions(), 0)
})

test('silence ends a turn in which audio has stopped', async () => {
  const call = await start({ inputAudioInactivityTimeoutMs: 30 })
  call.media(0, Buffer.alloc(160, 1))
  call.tell({ type: 'input_audio_buffer.speech_started', audio_start_ms: 1, item_id: 'item_1' })
  const appends = await until(() => {
    const appends = sent(call.model, 'input_audio_buffer.append')
    return appends.length === 2 && appends
  })
  assert.deepEqual(Buffer.from(appends[1].audio, 'base64'), Buffer.alloc(8_000, 0xff))
})

test('broken messages are errors of the session, and the call goes on', async () => {
  const call = await start()
  const errors = []
  call.session.on('error', (error) => errors.push(error))
  call.caller.send('{"event"')
  await until(() => errors.length === 1)
  call.media(0, Buffer.alloc(160, 1))
  await until(() => sent(call.model, 'input_audio_buffer.append').length === 1)
})

test('the model is let go of when the caller hangs up', async () => {
  const call = await start()
  const closed = once(call.model, 'close')
  call.caller.close()
  await closed
})

test('a timeout that is none is refused', async () => {
  const [twilioWebSocket] = await pair()
  for (const inputAudioInactivityTimeoutMs of [0, -1, NaN, Infinity, 2 ** 31]) {
    assert.throws(() => new TwilioTransport({ twilioWebSocket, inputAudioInactivityTimeoutMs }), RangeError)
  }
})
