import assert from 'node:assert/strict'
import test from 'node:test'

import { JitterBuffer, PlaybackLedger, heardText, openai, twilio } from '../main.mjs'
import { STREAM } from './call.mjs'

test('Twilio messages are written as JSON.stringify would, and read back', () => {
  const audio = Uint8Array.from({ length: 160 }, (_, index) => index)
  const media = JSON.parse(twilio.media(STREAM, audio))
  const payload = Buffer.from(audio).toString('base64')
  assert.deepEqual(media, { event: 'media', streamSid: STREAM, media: { payload } })
  assert.deepEqual(JSON.parse(twilio.mark(STREAM, 'a "b"')).mark, { name: 'a "b"' })
  assert.deepEqual(JSON.parse(twilio.clear(STREAM)), { event: 'clear', streamSid: STREAM })
  const message = { ...media, sequenceNumber: '7', media: { payload, track: 'inbound', timestamp: '40' } }
  assert.deepEqual(twilio.read(JSON.stringify(message)), {
    type: 'Media',
    track: 'inbound',
    timestampMs: 40,
    audio,
    streamSid: STREAM,
    sequenceNumber: 7,
  })
  assert.equal(twilio.read('{"event":"connected","protocol":"Call"}').type, 'Connected')
  assert.equal(twilio.read('{"event":"stop","streamSid":"MZ"}').type, 'Stopped')
  assert.equal(twilio.read('{"event":"mark","mark":{"name":"\\u00e9"}}').name, 'é')
  assert.equal(twilio.read('{"event":"later"}').kind, 'later')
  assert.throws(() => twilio.media(STREAM, new Uint8Array(0)), { field: 'media.payload' })
  assert.throws(() => twilio.clear('a"b'), { field: 'streamSid' })
  message.media.payload = 'AA*='
  assert.throws(() => twilio.read(JSON.stringify(message)), { code: 'ERR_INVALID_BASE64', offset: 2 })
})

test('OpenAI events are read with all that they carry', () => {
  const read = (event) => openai.read(JSON.stringify(event))
  const delta = {
    type: 'response.output_audio.delta',
    response_id: 'resp_1',
    item_id: 'item_1',
    content_index: 0,
    delta: Buffer.from([1, 2, 3]).toString('base64'),
  }
  assert.deepEqual(read(delta), {
    type: 'AudioDelta',
    responseId: 'resp_1',
    itemId: 'item_1',
    contentIndex: 0,
    audio: Uint8Array.of(1, 2, 3),
  })
  const format = { type: 'audio/pcm', rate: 24_000 }
  const audio = { input: { format, turn_detection: null }, output: { format } }
  assert.deepEqual(read({ type: 'session.created', session: { audio, expires_at: 9 } }), {
    type: 'SessionCreated',
    input: 'pcm24k',
    output: 'pcm24k',
    createsResponse: false,
    interruptsResponse: false,
    silenceDurationMs: null,
    expiresAt: 9,
  })
  assert.equal(read({ type: 'later.event' }).kind, 'later.event')
  assert.throws(() => openai.read('[]'), { code: 'ERR_MISSING_FIELD', field: 'type' })
})

test('a jitter buffer puts packets in order and conceals what is missing', () => {
  const jitter = new JitterBuffer()
  const frame = new Int16Array(JitterBuffer.FRAME_SAMPLES)
  const packet = (value) => new Int16Array(160).fill(value)
  assert.equal(jitter.pull(frame), 'Silence')
  assert.equal(jitter.insert(0, packet(1)), 'Accepted')
  assert.equal(jitter.insert(320, packet(3)), 'Accepted')
  assert.equal(jitter.insert(160, packet(2)), 'Accepted')
  assert.equal(jitter.insert(160, packet(2)), 'Duplicate')
  for (const value of [1, 2, 3]) {
    assert.equal(jitter.pull(frame), 'Received')
    assert.deepEqual(frame, packet(value))
  }
  assert.equal(jitter.pull(frame), 'Concealed')
  const stats = jitter.stats()
  assert.equal(stats.outSamples, 5 * 160)
  assert.equal(
    stats.decodedSamples +
      stats.concealedSamples +
      stats.stretchedSamples -
      stats.cutSamples +
      stats.silenceSamples,
    stats.outSamples,
  )
  assert.throws(() => jitter.pull(new Int16Array(159)), { code: 'ERR_LENGTH_MISMATCH', expected: 160 })
  assert.throws(() => jitter.insert(0.5, packet(1)), { field: 'timestamp' })
  jitter.reset()
  assert.equal(jitter.depthSamples, 0)
})

test('a ledger truncates at what marks prove, and deletes what nobody heard', () => {
  const ledger = new PlaybackLedger()
  ledger.receive('item_1', 0, 24_000, 8_000)
  ledger.receive('item_2', 0, 24_000, 8_000)
  ledger.send(4_000, 0)
  const name = ledger.mark()
  assert.equal(ledger.unmarkedSamples, 0)
  assert.equal(ledger.queuedMs(100), 400)
  assert.equal(ledger.handleMark('other', 600), 'Foreign')
  assert.equal(ledger.handleMark(name, 600), 'Heard')
  assert.equal(ledger.heardSamples, 4_000)
  assert.deepEqual(ledger.unheard(), [
    {
      itemId: 'item_1',
      contentIndex: 0,
      heardMs: 500,
      receivedMs: 1_000,
      cut: { type: 'TruncateAt', audioEndMs: 500 },
    },
    { itemId: 'item_2', contentIndex: 0, heardMs: 0, receivedMs: 1_000, cut: { type: 'Delete' } },
  ])
  ledger.clear()
  assert.equal(ledger.handleMark(name, 700), 'Flushed')
  assert.deepEqual(ledger.unheard(), [])
  ledger.receive('item_3', 0, 240, 80)
  ledger.send(80, 700)
  const end = ledger.mark()
  ledger.finish('item_3', 0)
  assert.equal(ledger.popHeard(), undefined)
  ledger.handleMark(end, 800)
  assert.deepEqual(ledger.popHeard(), { itemId: 'item_3', contentIndex: 0, audioMs: 10 })
  assert.equal(ledger.isFinished, true)
  assert.throws(() => ledger.receive('', 0, 1, 1), { field: 'item_id' })
  assert.throws(() => new PlaybackLedger(0), { field: 'modelRateHz' })
})

test('heard text ends with a whole word', () => {
  assert.equal(heardText('Good morning to you', 500, 1_000), 'Good')
  assert.equal(heardText('Good morning', 0, 1_000), '')
  assert.equal(heardText('Grüße ☎', 1_000, 1_000), 'Grüße ☎')
})
