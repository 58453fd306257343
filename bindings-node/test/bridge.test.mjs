import assert from 'node:assert/strict'
import test from 'node:test'

import { Bridge, mulaw } from '../main.mjs'
import { Call, STREAM } from './call.mjs'

test('a call starts with its parameters, and its session with the format', () => {
  const call = new Call()
  assert.deepEqual(call.events, [
    {
      type: 'CallStarted',
      streamSid: STREAM,
      callSid: 'CA1',
      customParameters: { caller: 'Ada "A"' },
    },
    { type: 'SessionReady' },
  ])
  assert.equal(call.toOpenAi[0].type, 'session.update')
  assert.equal(call.toOpenAi[0].session.audio.output.voice, 'marin')
})

test('what the caller says reaches the model, as text and as bytes', () => {
  const [text, bytes] = [new Call(), new Call()]
  const audio = mulaw.encode(Int16Array.from({ length: 160 }, (_, i) => 9_000 * Math.sin(i / 5)))
  for (let number = 0; number < 5; number += 1) {
    text.media(number, audio)
    const handle = bytes.bridge.handleTwilio.bind(bytes.bridge)
    bytes.bridge.handleTwilio = (message, now) => handle(Buffer.from(message), now)
    bytes.media(number, audio)
  }
  const appends = text.toOpenAi.slice(1)
  assert.equal(appends.length, 5)
  for (const append of appends) {
    assert.equal(append.type, 'input_audio_buffer.append')
    assert.equal(Buffer.from(append.audio, 'base64').length, 960)
  }
  assert.deepEqual(bytes.toOpenAi, text.toOpenAi)
})

test('what the model says reaches the caller, paced, with marks', () => {
  const call = new Call()
  call.say(1_000)
  const sent = () => call.toTwilio.filter(({ event }) => event === 'media').length
  assert.ok(sent() * 20 <= 240, 'no more than the lead at once')
  call.wait(2_000)
  const media = call.toTwilio.filter(({ event }) => event === 'media')
  const bytes = media.reduce(
    (sum, { media }) => sum + Buffer.from(media.payload, 'base64').length,
    0,
  )
  assert.ok(Math.abs(bytes - 8_000) <= 40, `${bytes} samples`)
  assert.ok(call.toTwilio.filter(({ event }) => event === 'mark').length >= 9)
  assert.ok(call.toTwilio.every(({ streamSid }) => streamSid === STREAM))
})

test('a barge-in clears, truncates at what was heard, and is told last', () => {
  const call = new Call()
  call.say(2_000)
  call.wait(300)
  const mark = call.toTwilio.findLast(({ event }) => event === 'mark')
  call.now += 200
  call.twilio({ ...mark, sequenceNumber: '9' })
  const [before, sent] = [call.toTwilio.length, call.toOpenAi.length]
  call.openAi({ type: 'input_audio_buffer.speech_started', audio_start_ms: 500, item_id: 'item_2' })
  assert.equal(call.toTwilio[before].event, 'clear')
  const truncate = call.toOpenAi.slice(sent).find(({ type }) => type.endsWith('truncate'))
  assert.equal(truncate.item_id, 'item_1')
  assert.ok(truncate.audio_end_ms > 0 && truncate.audio_end_ms <= 500)
  const event = call.events.at(-1)
  assert.equal(event.type, 'BargeIn')
  assert.ok(event.audioEndMs <= 500 && event.audioReceivedMs === 2_000)
  assert.equal(call.bridge.stats().bargeIns, 1)
})

test('an input before the outputs are drained is refused, and they are kept', () => {
  const call = new Call()
  const media = JSON.stringify({
    event: 'media',
    streamSid: STREAM,
    media: { track: 'inbound', timestamp: '0', payload: Buffer.alloc(160).toString('base64') },
  })
  call.bridge.handleTwilio(media, 0)
  assert.throws(() => call.bridge.handleTwilio(media, 0), { code: 'ERR_OUTPUT_PENDING' })
  assert.throws(() => call.bridge.handleOpenAi('{}', 0), { code: 'ERR_OUTPUT_PENDING' })
  const outputs = [...call.bridge.drain()]
  assert.deepEqual(
    outputs.map(({ type }) => type),
    ['ToOpenAi'],
  )
  assert.deepEqual([...call.bridge.drain()], [])
})

test('a loop that is left early goes on with the next drain, in order', () => {
  const [whole, left] = [new Call(), new Call()]
  whole.say(400)
  left.drain = () => {}
  const outputs = []
  const take = (limit) => {
    for (const output of left.bridge.drain()) {
      outputs.push(output)
      if (outputs.length % limit === 0) break
    }
  }
  left.drain = () => {
    for (let turn = 0; turn < 100; turn += 1) take(3)
  }
  left.say(400)
  const texts = outputs.filter(({ type }) => type === 'ToTwilio').map(({ text }) => JSON.parse(text))
  assert.deepEqual(texts, whole.toTwilio)
})

test('outputs that wait are kept behind a timeout, before what it brings', () => {
  const call = new Call()
  const bridge = call.bridge
  call.say(1_000)
  const at = bridge.pollTimeout()
  bridge.handleTimeout(at)
  bridge.handleTimeout(at + 100)
  bridge.mark('end')
  bridge.interrupt(at + 100)
  const kinds = [...bridge.drain()].map((output) =>
    output.type === 'ToTwilio' ? JSON.parse(output.text).event : output.type,
  )
  assert.ok(kinds.indexOf('media') >= 0 && kinds.indexOf('media') < kinds.indexOf('clear'))
  assert.equal(kinds.lastIndexOf('media') < kinds.indexOf('clear'), true)
})

test('a tool call is answered, and the model asked to go on', () => {
  const call = new Call()
  call.openAi({ type: 'response.created', response: { id: 'resp_1', conversation_id: 'c' } })
  call.openAi({
    type: 'response.output_item.done',
    response_id: 'resp_1',
    item: {
      id: 'item_1',
      type: 'function_call',
      status: 'completed',
      call_id: 'call_1',
      name: 'find_slot',
      arguments: '{"day":"Fri\\u00e9"}',
    },
  })
  call.openAi({
    type: 'response.done',
    response: {
      id: 'resp_1',
      status: 'completed',
      usage: { total_tokens: 7, input_tokens: 4, output_tokens: 3 },
    },
  })
  const tool = call.event('ToolCall')
  assert.deepEqual(JSON.parse(tool.arguments), { day: 'Frié' })
  assert.equal(call.event('ResponseDone').usage.totalTokens, 7)
  call.bridge.sendToolOutput(tool.callId, '{"slot":"10:00 ☎"}')
  call.drain()
  const [output, create] = call.toOpenAi.slice(-2)
  assert.equal(output.item.output, '{"slot":"10:00 ☎"}')
  assert.equal(create.type, 'response.create')
  assert.throws(() => call.bridge.sendToolOutput('call_1', '{}'), { field: 'call_id' })
})

test('marks, keys, words, errors and unknown messages are events', () => {
  const call = new Call()
  call.twilio({ event: 'dtmf', streamSid: STREAM, dtmf: { track: 'inbound_track', digit: '5' } })
  call.openAi({
    type: 'conversation.item.input_audio_transcription.completed',
    item_id: 'item_9',
    content_index: 0,
    transcript: 'Grüße ☎',
  })
  call.openAi({ type: 'error', error: { code: 'odd', message: 'no', event_id: null } })
  call.openAi({ type: 'rate_limits.updated' })
  call.bridge.mark('end')
  call.drain()
  assert.equal(call.event('Dtmf').digit, '5')
  assert.deepEqual(call.event('Transcript'), {
    type: 'Transcript',
    speaker: 'caller',
    itemId: 'item_9',
    text: 'Grüße ☎',
    isFinal: true,
  })
  assert.deepEqual(call.event('ModelError'), {
    type: 'ModelError',
    code: 'odd',
    message: 'no',
    isFatal: false,
  })
  assert.deepEqual(call.event('Other'), {
    type: 'Other',
    source: 'openAi',
    kind: 'rate_limits.updated',
  })
})

test('a closed call is closed once drained, and takes nothing more', () => {
  const call = new Call()
  call.bridge.handleTwilioClosed(10)
  assert.equal(call.bridge.isClosed, false)
  call.drain()
  assert.equal(call.bridge.isClosed, true)
  assert.deepEqual(call.events.at(-1), { type: 'CallEnded' })
  assert.throws(() => call.media(0), { code: 'ERR_CLOSED' })
  assert.throws(() => call.bridge.interrupt(), { code: 'ERR_CLOSED' })
  assert.equal(call.bridge.pollTimeout(), undefined)
})

test('messages that are long, broken or of half a character change nothing', () => {
  const [call, calm] = [new Call({ maxTwilioBytes: 1_000 }), new Call({ maxTwilioBytes: 1_000 })]
  const { bridge } = call
  for (const [message, error] of [
    ['x'.repeat(1_001), { code: 'ERR_MESSAGE_TOO_LONG', limit: 1_000, actual: 1_001 }],
    ['é'.repeat(501), { code: 'ERR_MESSAGE_TOO_LONG', limit: 1_000, actual: 1_002 }],
    ['x'.repeat(9_000), { code: 'ERR_MESSAGE_TOO_LONG', limit: 1_000, actual: 9_000 }],
    [Buffer.alloc(1_001), { code: 'ERR_MESSAGE_TOO_LONG', limit: 1_000, actual: 1_001 }],
    ['{"event"', { code: 'ERR_INVALID_JSON', offset: 8 }],
    [Buffer.from([0x7b, 0xff]), { code: 'ERR_INVALID_JSON', offset: 1 }],
    ['{}', { code: 'ERR_MISSING_FIELD', field: 'event' }],
    ['{"event":"\ud83d"}', undefined],
    [5, { code: 'ERR_INVALID_ARG_TYPE' }],
    [undefined, { code: 'ERR_INVALID_ARG_TYPE' }],
    [new Int16Array(4), { code: 'ERR_UNSUPPORTED_BUFFER' }],
    [{}, { code: 'ERR_UNSUPPORTED_BUFFER' }],
  ]) {
    if (error) assert.throws(() => bridge.handleTwilio(message, call.now), error)
    else bridge.handleTwilio(message, call.now)
    call.drain()
  }
  for (const one of [call, calm]) one.media(0)
  assert.deepEqual(call.toOpenAi, calm.toOpenAi)
  assert.throws(() => bridge.handleTwilio('{}', NaN), { code: 'ERR_INVALID_FIELD', field: 'now' })
  assert.throws(() => bridge.handleTwilio('{}', -1), { code: 'ERR_INVALID_FIELD', field: 'now' })
})

test('a string of every length near the room for it is read whole', () => {
  for (let length = 4_080; length < 4_110; length += 1) {
    for (const character of ['x', 'é', '☎', '😀']) {
      const call = new Call()
      const padding = 'y'.repeat(length) + character
      call.bridge.handleTwilio(`{"event":"unknown","p":"${padding}","z":"\\u0000"}`, 0)
      call.drain()
      assert.equal(call.events.at(-1).kind, 'unknown')
    }
  }
})

test('every setting is taken, and wrong ones are refused by name', () => {
  const settings = {
    modelAudio: 'mulaw',
    leadMs: 100,
    markIntervalMs: 50,
    downlinkCapacityMs: 30_000,
    uplinkCapacityMs: 2_000,
    textCapacityBytes: 20_000,
    maxGapMs: 5_000,
    stallTimeoutMs: 500,
    maxTwilioBytes: 10_000,
    maxOpenaiBytes: 1_000_000,
    bargeIn: { afterSpeechMs: 300 },
    voiceDetection: true,
  }
  const call = new Call(settings)
  call.media(0)
  assert.equal(Buffer.from(call.toOpenAi.at(-1).audio, 'base64').length, 160)
  for (const name of ['leadMs', 'maxGapMs', 'textCapacityBytes', 'maxTwilioBytes']) {
    assert.throws(() => new Bridge({ [name]: -1 }), { code: 'ERR_INVALID_FIELD', field: name })
  }
  assert.throws(() => new Bridge({ modelAudio: 'opus' }), { field: 'modelAudio' })
  assert.throws(() => new Bridge({ bargeIn: 'soon' }), { field: 'bargeIn' })
  assert.throws(() => new Bridge({ bargeIn: { afterSpeechMs: NaN } }), { field: 'bargeIn' })
})

test('session options reach the model as the API has them', () => {
  const tool = { type: 'function', name: 'hang_up', parameters: { type: 'object' } }
  const call = new Call(undefined, {
    instructions: 'Be "brief" ☎',
    voice: 'cedar',
    speed: 1.25,
    transcriptionModel: 'gpt-4o-transcribe',
    transcriptionLanguage: 'de',
    transcriptionPrompt: 'Namen',
    noiseReduction: 'nearField',
    turnDetection: { type: 'semanticVad', eagerness: 'high' },
    tools: [tool],
    toolChoice: 'auto',
    extra: { include: ['item.input_audio_transcription.logprobs'] },
  })
  const { session } = call.toOpenAi[0]
  assert.equal(session.instructions, 'Be "brief" ☎')
  assert.deepEqual(session.tools, [tool])
  assert.equal(session.tool_choice, 'auto')
  assert.deepEqual(session.audio.input.noise_reduction, { type: 'near_field' })
  assert.equal(session.audio.input.turn_detection.eagerness, 'high')
  assert.equal(session.audio.input.transcription.language, 'de')
  assert.deepEqual(session.include, ['item.input_audio_transcription.logprobs'])
  const { bridge } = call
  assert.throws(() => bridge.updateSession({ speed: 9 }), { field: /speed/ })
  assert.throws(() => bridge.updateSession({ noiseReduction: 'x' }), { field: 'noiseReduction' })
  assert.throws(() => bridge.updateSession({ turnDetection: { type: 'x' } }), {
    field: 'turnDetection.type',
  })
  assert.throws(() => bridge.updateSession({ tools: '[' }), { code: 'ERR_INVALID_JSON' })
  assert.throws(() => bridge.updateSession({ instructions: 'x'.repeat(20_000) }), {
    code: 'ERR_QUEUE_FULL',
  })
})
