// Both sockets are objects of this file, so that what each does, and when, is up to the test.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'

import { Bridge, attach } from '../main.mjs'
import { STREAM } from './call.mjs'

class Socket extends EventEmitter {
  readyState = 1
  bufferedAmount = 0
  sent = []

  send(text) {
    assert.equal(this.readyState, 1, 'nothing is sent on a closed socket')
    this.sent.push(JSON.parse(text))
  }

  close(code) {
    if (this.readyState > 1) return
    this.readyState = 3
    this.code = code
    this.emit('close', code)
  }

  terminate() {
    this.close(1006)
  }

  hear(message) {
    this.emit('message', Buffer.from(JSON.stringify(message)), false)
  }

  of(kind) {
    return this.sent.filter(({ event, type }) => (event ?? type) === kind)
  }
}

const FORMAT = { type: 'audio/pcm', rate: 24_000 }
const UPDATED = {
  type: 'session.updated',
  session: { type: 'realtime', audio: { input: { format: FORMAT }, output: { format: FORMAT } } },
}

function start(options = {}) {
  const [twilio, openai] = [new Socket(), new Socket()]
  const [events, errors] = [[], []]
  const call = { twilio, openai, events, errors, bridge: new Bridge() }
  call.attachment = attach({
    ...call,
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
    ...options,
  })
  const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 }
  const begin = { streamSid: STREAM, callSid: 'CA1', tracks: ['inbound'], mediaFormat }
  twilio.hear({ event: 'start', streamSid: STREAM, start: begin })
  openai.hear(UPDATED)
  return call
}

function speak({ openai }, ms) {
  openai.hear({ type: 'response.created', response: { id: 'resp_1', conversation_id: 'conv_1' } })
  openai.hear({
    type: 'response.output_audio.delta',
    response_id: 'resp_1',
    item_id: 'item_1',
    content_index: 0,
    delta: Buffer.alloc(48 * ms).toString('base64'),
  })
}

test('the session is set up when the socket opens, be it open or not', async () => {
  const opened = start({ session: { voice: 'cedar' } })
  assert.equal(opened.openai.of('session.update')[0].session.audio.output.voice, 'cedar')
  const late = new Socket()
  late.readyState = 0
  attach({ bridge: new Bridge(), twilio: new Socket(), openai: late })
  assert.deepEqual(late.sent, [])
  late.readyState = 1
  late.emit('open')
  assert.equal(late.sent[0].type, 'session.update')
})

test('timers pace what the model says, without a message to drive them', async () => {
  const call = start()
  speak(call, 600)
  const atOnce = call.twilio.of('media').length
  assert.ok(atOnce <= 12)
  await sleep(700)
  assert.equal(call.twilio.of('media').length, 30)
  assert.ok(call.twilio.of('mark').length >= 5)
  call.attachment.detach()
})

test('commands of a listener are sent', () => {
  const bridge = new Bridge()
  const call = start({
    bridge,
    onEvent: (event) => {
      if (event.type === 'SessionReady') bridge.createResponse()
    },
  })
  assert.equal(call.openai.of('response.create').length, 1)
  call.attachment.detach()
})

test('a refused message is told, and the call goes on', () => {
  const call = start()
  call.twilio.emit('message', Buffer.from('{"event"'), false)
  assert.equal(call.errors[0].code, 'ERR_INVALID_JSON')
  call.twilio.emit('message', Buffer.from([1, 2]), true)
  assert.equal(call.errors.length, 1, 'what is binary is nothing to us')
  const media = { track: 'inbound', timestamp: '0', payload: Buffer.alloc(160).toString('base64') }
  const text = JSON.stringify({ event: 'media', streamSid: STREAM, media })
  const halves = [Buffer.from(text.slice(0, 50)), Buffer.from(text.slice(50))]
  call.twilio.emit('message', halves, false)
  assert.equal(call.openai.of('input_audio_buffer.append').length, 1)
  call.attachment.detach()
})

test('a listener that throws does not stop the call', () => {
  const call = start({
    onEvent: () => {
      throw new Error('mine')
    },
  })
  assert.equal(call.errors[0].message, 'mine')
  speak(call, 100)
  assert.ok(call.twilio.of('media').length > 0)
  call.attachment.detach()
})

test('when Twilio is gone, the model is let go of, and all listeners with it', async () => {
  const call = start()
  call.twilio.close()
  await call.attachment.closed
  assert.equal(call.openai.code, 1000)
  assert.equal(call.events.at(-1).type, 'CallEnded')
  assert.equal(call.twilio.listenerCount('message') + call.openai.listenerCount('close'), 0)
})

test('when the model is gone, the caller hears the rest, and the call ends', async () => {
  const call = start()
  speak(call, 500)
  call.openai.close()
  assert.equal(call.twilio.readyState, 1)
  const from = performance.now()
  await once(call.twilio, 'close')
  assert.ok(performance.now() - from > 350)
  assert.equal(call.twilio.code, 1000)
  const heard = call.twilio.of('media').map(({ media }) => Buffer.from(media.payload, 'base64').length)
  const samples = heard.reduce((sum, length) => sum + length, 0)
  assert.ok(samples >= 4_000 && samples <= 4_040, `${samples} samples, and what the filter held`)
  await call.attachment.closed
})

test('a new socket of the model takes the place of one that is gone', () => {
  const next = new Socket()
  const call = start({ onModelClosed: (attachment) => attachment.connect(next) })
  call.openai.close()
  assert.equal(next.sent[0].type, 'session.update')
  next.hear(UPDATED)
  assert.equal(call.events.filter(({ type }) => type === 'SessionReady').length, 2)
  assert.equal(call.twilio.readyState, 1)
  call.attachment.detach()
})

test('a peer that does not read is let go of, and the memory stays bounded', async () => {
  for (const [peer, limit] of [
    ['twilio', 128 * 1024],
    ['openai', 384 * 1024],
  ]) {
    const call = start()
    call[peer].bufferedAmount = limit + 1
    if (peer === 'twilio') speak(call, 100)
    else call.twilio.hear({
      event: 'media',
      streamSid: STREAM,
      media: { track: 'inbound', timestamp: '0', payload: Buffer.alloc(160).toString('base64') },
    })
    assert.equal(call.errors[0].code, 'ERR_PEER_STALLED')
    assert.equal(call[peer].code, 1006)
    await call.attachment.closed
  }
})

test('detach leaves both sockets as they are', async () => {
  const call = start()
  speak(call, 1_000)
  call.attachment.detach()
  const sent = call.twilio.sent.length
  await sleep(100)
  assert.equal(call.twilio.sent.length, sent)
  assert.equal(call.twilio.readyState + call.openai.readyState, 2)
  await call.attachment.closed
})

test('only a Bridge is attached', () => {
  const sockets = { twilio: new Socket(), openai: new Socket() }
  assert.throws(() => attach({ bridge: {}, ...sockets }), { code: 'ERR_INVALID_ARG_TYPE' })
})
