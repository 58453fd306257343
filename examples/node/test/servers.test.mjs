// Both servers, each as a process of its own, in calls between the simulators.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'

import { SPEECH, call } from './simulators.mjs'

/** A greeting, a question, an answer that is spoken over. */
const STEPS = [
  'wait-start',
  'wait-silent:700',
  `say:${SPEECH}/caller-1.wav`,
  'wait-start',
  'wait-heard:1500',
  `say:${SPEECH}/caller-2.wav`,
]

/** How much of the item that was spoken over the caller truly heard, in milliseconds. */
function heardMs({ call }) {
  const answer = call.runs.at(-1)
  return (call.clears.at(-1).played_samples - answer.first_sample) / 8
}

test('the server bridges a call, cuts a barge-in at what was heard, and hangs up', async () => {
  const { code, errors, call: record, sessions, log } = await call('server.mjs', STEPS)
  assert.equal(code, 0, errors)
  assert.deepEqual(record.violations, [])
  assert.equal(record.ending, 'server_hung_up')
  assert.equal(sessions.length, 1)
  const [{ errors: refused, truncates }] = sessions
  assert.deepEqual(refused, [])
  assert.equal(truncates.length, 1)
  const early = heardMs({ call: record }) - truncates[0].audio_end_ms
  assert.ok(early >= 0 && early <= 300, `${early} ms early`)
  const types = log.map(({ type }) => type)
  for (const type of ['CallStarted', 'SessionReady', 'ItemHeard', 'BargeIn', 'ToolCall', 'Closed']) {
    assert.ok(types.includes(type), type)
  }
  const { stats } = log.at(-1)
  assert.equal(stats.mediaSamples, stats.appendedSamples)
  assert.equal(stats.bargeIns, 1)
})

test('the server keeps to the rules while the network and both peers misbehave', async () => {
  const faults = (...names) => names.flatMap((name) => ['--fault', name])
  const { code, errors, call: record, sessions } = await call('server.mjs', STEPS, {
    twilio: faults('jitter:max=30ms', 'loss:percent=1', 'mark-delay:percent=20,by=300ms', 'garbage:every=2s'),
    openai: [...faults('late-delta:count=5', 'jitter:max=40ms'), '--odd-splits'],
  })
  assert.equal(code, 0, errors)
  assert.deepEqual(record.violations, [])
  const [{ truncates }] = sessions
  const last = truncates.at(-1)
  assert.equal(last.accepted, true)
  assert.ok(last.audio_end_ms <= heardMs({ call: record }))
})

test('the server refuses what Twilio did not sign', async () => {
  const wrong = { twilio: ['--auth-token', 'another'] }
  const { code, call: record, sessions } = await call('server.mjs', ['pause:100', 'hang-up'], wrong)
  assert.equal(code, 1)
  assert.deepEqual(record.stream_sids, [])
  assert.deepEqual(sessions, [])
})

test('the hand-written server works, and is refused a truncation beyond what there is', async () => {
  const steps = [...STEPS, 'wait-silent:1500', 'hang-up']
  const { code, errors, call: record, sessions } = await call('before.mjs', steps)
  assert.equal(code, 0, errors)
  assert.equal(record.runs.length, 2)
  const [{ truncates, errors: refused }] = sessions
  assert.equal(truncates.some(({ accepted }) => !accepted), true)
  assert.equal(refused.length > 0, true)
})

test('the server has no more than 120 lines', () => {
  const lines = readFileSync(new URL('../server.mjs', import.meta.url), 'utf8').split('\n').length - 1
  assert.ok(lines <= 120, `${lines} lines`)
})
