// The transport in a whole call: the official package's session between the project's simulators.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'node:test'

import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime'
import { WebSocketServer } from 'ws'

import { TwilioTransport } from '../agents.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const SIM = process.env.TRUNKLINE_SIM ?? here('../../target/debug/trunkline-sim')
const SPEECH = here('../../examples/demo/speech')

/** A server whose calls are sessions of `@openai/agents` with the model at `url`. */
async function serve(url) {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/xml')
    response.end('<Response><Connect><Stream url="wss://voice.example.com/streams"/></Connect></Response>')
  })
  const errors = []
  const streams = new WebSocketServer({ server, path: '/streams' })
  streams.on('connection', (twilioWebSocket) => {
    const transport = new TwilioTransport({ twilioWebSocket })
    const agent = new RealtimeAgent({ name: 'agent', instructions: 'Greet the caller.' })
    const turnDetection = { type: 'server_vad', interruptResponse: true, createResponse: true }
    const config = { audio: { input: { turnDetection } } }
    const session = new RealtimeSession(agent, { transport, config, model: 'gpt-realtime' })
    session.on('error', (error) => errors.push(error))
    session.connect({ apiKey: 'sk-test', url }).then(
      () => transport.sendEvent({ type: 'response.create' }),
      (error) => errors.push(error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: `127.0.0.1:${server.address().port}`, errors, close: () => server.close() }
}

test('a barge-in is cut at what the caller truly heard, or a little before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-agents-'))
  const answers = [1, 2, 3].map((number) => join(SPEECH, `agent-${number}.wav`))
  const options = ['--listen', '127.0.0.1:0', '--record', folder, '--no-media']
  const speech = answers.flatMap((wav) => ['--speech', wav])
  const model = spawn(SIM, ['openai', ...options, ...speech], { stdio: ['ignore', 'pipe', 'inherit'] })
  let server
  try {
    const [line] = await once(createInterface({ input: model.stdout }), 'line')
    server = await serve(`${JSON.parse(line).url.replace(/\?.*/, '')}?model=gpt-realtime`)
    const record = join(folder, 'call.json')
    const steps = [
      'twilio',
      ...['--webhook', 'https://voice.example.com/incoming', '--connect-to', server.address],
      ...['--auth-token', 'token', '--record', record, '--no-media'],
      ...['wait-start', 'wait-silent:700', `say:${SPEECH}/caller-1.wav`, 'wait-start', 'wait-heard:1500'],
      ...[`say:${SPEECH}/caller-2.wav`, 'wait-start', 'wait-silent:700', 'hang-up'],
    ]
    const caller = spawn(SIM, steps, { stdio: ['ignore', 'ignore', 'inherit'] })
    const [code] = await once(caller, 'exit')
    await new Promise((resolve) => setTimeout(resolve, 300))
    model.kill('SIGINT')
    await once(model, 'exit')
    const call = JSON.parse(readFileSync(record, 'utf8'))
    const name = readdirSync(folder).find((name) => /^session-\d+\.json$/.test(name))
    const session = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    assert.deepEqual([code, call.violations, session.errors, server.errors], [0, [], [], []])
    assert.equal(call.runs.length, 3)
    const heardMs = (call.clears.at(-1).played_samples - call.runs[1].first_sample) / 8
    const [truncate] = session.truncates
    const early = heardMs - truncate.audio_end_ms
    assert.ok(truncate.accepted && early >= 0 && early <= 300, `${early} ms early`)
  } finally {
    model.kill('SIGKILL')
    server?.close()
    rmSync(folder, { recursive: true })
  }
})
