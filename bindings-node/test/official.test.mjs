// What is sent to the model, against the types of the official package: its events as literals, which
// the compiler takes only if every member is known and of its type.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'node:test'

import { openai } from '../main.mjs'
import { Call } from './call.mjs'

const folder = fileURLToPath(new URL('types/out/', import.meta.url))
const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url))

/** Events of calls in which everything happens that a Bridge says something about. */
function bridgeEvents() {
  const sessions = [
    { voice: 'marin' },
    {
      instructions: 'Be brief.',
      speed: 1.25,
      transcriptionModel: 'gpt-4o-transcribe',
      transcriptionLanguage: 'de',
      transcriptionPrompt: 'Namen',
      noiseReduction: 'farField',
      turnDetection: { type: 'semanticVad', eagerness: 'auto', interruptResponse: false },
      tools: [{ type: 'function', name: 'find_slot', parameters: { type: 'object' } }],
      toolChoice: 'required',
    },
    { turnDetection: { type: 'serverVad', idleTimeoutMs: 6_000, interruptResponse: false } },
    { turnDetection: { type: 'off' } },
  ]
  const settings = [{}, { modelAudio: 'mulaw' }, { bargeIn: { afterSpeechMs: 100 } }]
  return settings.flatMap((options) =>
    sessions.flatMap((session) => {
      const call = new Call(options, session)
      for (let number = 0; number < 5; number += 1) {
        call.media(number)
        call.wait(20)
      }
      call.bridge.createResponse({ instructions: 'Greet.' })
      call.drain()
      call.say(2_000, 'item_1')
      call.say(1_000, 'item_2')
      call.wait(400)
      const mark = call.toTwilio.findLast(({ event }) => event === 'mark')
      if (mark) call.twilio(mark)
      call.bridge.interrupt(call.now)
      call.drain()
      call.openAi({
        type: 'response.output_item.done',
        response_id: 'resp_1',
        item: {
          id: 'item_3',
          type: 'function_call',
          status: 'completed',
          call_id: 'call_1',
          name: 'find_slot',
          arguments: '{}',
        },
      })
      call.openAi({ type: 'response.done', response: { id: 'resp_1', status: 'completed' } })
      call.bridge.sendToolOutput('call_1', '{"slot":"10:00"}')
      call.drain()
      call.wait(5_000)
      return call.toOpenAi
    }),
  )
}

/** Events that can be written without a Bridge. */
function writtenEvents() {
  const eventId = 'event_1'
  return [
    openai.sessionUpdate({ voice: 'marin' }, { audio: 'alaw', eventId }),
    openai.appendPcm(new Int16Array(480)),
    openai.appendG711(new Uint8Array(160)),
    openai.commitAudio({ eventId }),
    openai.clearAudio(),
    openai.createResponse({ response: { output_modalities: ['audio'] }, eventId }),
    openai.cancelResponse({ responseId: 'resp_1' }),
    openai.truncateItem({ itemId: 'item_1', audioEndMs: 20, eventId }),
    openai.deleteItem({ itemId: 'item_1' }),
    openai.createMessage({ role: 'user', text: 'Hello ☎', itemId: 'item_1', eventId }),
    openai.createMessage({ role: 'system', text: 'Hello' }),
    openai.createMessage({ role: 'assistant', text: 'Hello' }),
    openai.toolOutput({ callId: 'call_1', output: '{}' }),
  ].map((text) => JSON.parse(text))
}

function compile(name, events) {
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify(
    events,
    (key, value) => {
      // A string like any other, and long.
      if (key === 'audio' && typeof value === 'string') return 'AAAA'
      // The types do not have what their own words allow; see the test below.
      return key === 'transcription' && value === null ? undefined : value
    },
    1,
  )
  const source =
    "import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime'\n" +
    `export const events = ${text} satisfies RealtimeClientEvent[]\n`
  writeFileSync(`${folder}${name}.mts`, source)
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target']
  const args = [...options, 'es2022', '--types', 'node', '--ignoreConfig', `${folder}${name}.mts`]
  return spawnSync(tsc, args, { cwd: folder, encoding: 'utf8' })
}

test('every client event of the Bridge is one of the official package', () => {
  const events = bridgeEvents()
  assert.deepEqual([...new Set(events.map(({ type }) => type))].sort(), [
    'conversation.item.create',
    'conversation.item.delete',
    'conversation.item.truncate',
    'input_audio_buffer.append',
    'response.cancel',
    'response.create',
    'session.update',
  ])
  const { status, stdout } = compile('bridge', events)
  assert.equal(status, 0, stdout)
})

test('every client event that openai writes is one of the official package', () => {
  const { status, stdout } = compile('written', writtenEvents())
  assert.equal(status, 0, stdout)
})

test('transcription may be null by the words of the official types', () => {
  const file = '../node_modules/openai/resources/realtime/realtime.d.ts'
  const types = readFileSync(new URL(file, import.meta.url), 'utf8').replace(/\s*\n\s*\*\s*/g, ' ')
  const said = types.indexOf('input audio transcription, defaults to off and can be set to `null`')
  const member = types.indexOf('transcription?:', said)
  assert.ok(said > 0 && member > said && types.slice(said, member).indexOf('?:') < 0)
})

test('an event with a member too many, or one of another type, is none', () => {
  for (const [name, wrong] of [
    ['unknown', { type: 'response.cancel', reason: 'x' }],
    ['type', { type: 'conversation.item.truncate', item_id: 'i', content_index: 0, audio_end_ms: '5' }],
  ]) {
    const { status, stdout } = compile(name, [wrong])
    assert.notEqual(status, 0)
    assert.match(stdout, /error TS2(322|353)/)
  }
})
