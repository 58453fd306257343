// Every error of the core has a code here. What cannot be brought about from JavaScript, or not in this
// version, is listed as such.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'

import { Bridge, PlaybackLedger, Resampler, mulaw, openai, twilio } from '../main.mjs'
import { Call } from './call.mjs'

const cases = {
  LengthMismatch: [
    () => mulaw.decodeInto(new Uint8Array(2), new Int16Array(3)),
    { code: 'ERR_LENGTH_MISMATCH', expected: 2, actual: 3 },
  ],
  BufferTooShort: [
    () => new Resampler(8_000, 24_000).processInto(new Int16Array(2), new Int16Array(5)),
    { code: 'ERR_BUFFER_TOO_SHORT', needed: 6, actual: 5 },
  ],
  MessageTooLong: [
    () => new Bridge({ maxTwilioBytes: 10 }).handleTwilio('x'.repeat(11)),
    { code: 'ERR_MESSAGE_TOO_LONG', limit: 10, actual: 11 },
  ],
  InvalidJson: [() => twilio.read('{"event":tru}'), { code: 'ERR_INVALID_JSON', offset: 12 }],
  InvalidBase64: [
    () =>
      twilio.read('{"event":"media","media":{"track":"inbound","timestamp":"0","payload":"A*=="}}'),
    { code: 'ERR_INVALID_BASE64', offset: 1 },
  ],
  MissingField: [() => openai.read('{}'), { code: 'ERR_MISSING_FIELD', field: 'type' }],
  InvalidField: [() => twilio.clear(''), { code: 'ERR_INVALID_FIELD', field: 'streamSid' }],
  UnsupportedRate: [
    () => new Resampler(1, 24_000),
    { code: 'ERR_UNSUPPORTED_RATE', fromHz: 1, toHz: 24_000 },
  ],
  QueueFull: [
    () => {
      const ledger = new PlaybackLedger()
      for (let part = 0; part < 17; part += 1) ledger.receive('item_1', part, 240, 80)
    },
    { code: 'ERR_QUEUE_FULL', needed: 1, free: 0 },
  ],
  OutputPending: [
    () => {
      const { bridge } = new Call()
      bridge.updateSession()
      bridge.handleTwilio('{"event":"connected"}')
    },
    { code: 'ERR_OUTPUT_PENDING' },
  ],
  Closed: [
    () => {
      const bridge = new Bridge()
      bridge.handleTwilioClosed()
      bridge.mark('x')
    },
    { code: 'ERR_CLOSED' },
  ],
}

/** Of flight recordings, which are not bound here. */
const UNREACHABLE = ['InvalidRecording', 'TruncatedRecording', 'UnsupportedVersion']

test('every variant of the core has a case here', () => {
  const source = readFileSync(new URL('../../core/src/error.rs', import.meta.url), 'utf8')
  const body = /pub enum Error \{([^]*?)\n\}/.exec(source)[1]
  const variants = [...body.matchAll(/^ {4}([A-Z]\w+)/gm)].map(([, name]) => name)
  assert.deepEqual([...Object.keys(cases), ...UNREACHABLE].sort(), variants.sort())
})

for (const [name, [run, expected]] of Object.entries(cases)) {
  test(`${name} is an Error with ${expected.code} and its numbers`, () => {
    assert.throws(run, (error) => {
      assert.equal(error.constructor, Error)
      assert.deepEqual({ ...error }, expected)
      assert.ok(error.message.length > 0)
      return true
    })
  })
}

test('every code is one that the types list', () => {
  const types = readFileSync(new URL('../main.d.ts', import.meta.url), 'utf8')
  const sources = ['../src/error.rs', '../lib/attach.cjs', '../lib/native.cjs', '../lib/resample.cjs']
  const used = sources.flatMap((file) => [
    ...readFileSync(new URL(file, import.meta.url), 'utf8').matchAll(/ERR_[A-Z0-9_]+/g),
  ])
  for (const [code] of used) assert.ok(types.includes(`'${code}'`), code)
})
