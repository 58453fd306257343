// The two simulators around a server: see examples/simulators.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const SIM = process.env.TRUNKLINE_SIM ?? here('../../../target/debug/trunkline-sim')
export const SPEECH = here('../../demo/speech')
const TOKEN = 'twilio-token'
const PUBLIC = 'voice.example.com'

/** A running program whose lines of JSON are in `lines`. */
class Program {
  lines = []

  constructor(command, args, env = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env } })
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
    this.errors = ''
    this.child.stderr.on('data', (data) => (this.errors += data))
    createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)))
  }

  async line(isWanted) {
    for (let turn = 0; turn < 600; turn += 1) {
      const found = this.lines.find(isWanted)
      if (found) return found
      if (this.child.exitCode !== null) break
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`no such line: ${isWanted}\n${this.errors}`)
  }
}

/** Has a call of `steps` with the server in `file`; returns the records of both peers. */
export async function call(file, steps, { twilio = [], openai = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-node-'))
  const running = []
  const start = (...args) => {
    running.push(new Program(...args))
    return running.at(-1)
  }
  try {
    const script = join(SPEECH, '../../node/test/script.json')
    const args = ['--listen', '127.0.0.1:0', '--script', script, '--record', folder, '--no-media']
    const model = start(SIM, ['openai', ...args, ...openai])
    const { url } = await model.line(({ kind }) => kind === 'listening')
    const server = start(process.execPath, [here(`../${file}`)], {
      PUBLIC_URL: `https://${PUBLIC}`,
      TWILIO_AUTH_TOKEN: TOKEN,
      OPENAI_API_KEY: 'sk-test',
      OPENAI_REALTIME_URL: url.replace(/\?.*/, ''),
      PORT: '0',
    })
    const { address } = await server.line(({ type }) => type === 'Listening')
    const record = join(folder, 'call.json')
    const caller = start(SIM, [
      'twilio',
      '--webhook',
      `https://${PUBLIC}/twilio/incoming-call`,
      '--connect-to',
      address.replace('http://', ''),
      ...(twilio.includes('--auth-token') ? [] : ['--auth-token', TOKEN]),
      '--record',
      record,
      '--no-media',
      ...twilio,
      ...steps,
    ])
    const code = await caller.exited
    // A server that lets go of the model does so at once.
    await new Promise((resolve) => setTimeout(resolve, 300))
    model.child.kill('SIGINT')
    await model.exited
    const sessions = readdirSync(folder).filter((name) => /^session-\d+\.json$/.test(name))
    return {
      code,
      errors: caller.errors,
      call: JSON.parse(readFileSync(record, 'utf8')),
      sessions: sessions.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))),
      log: server.lines,
      serverErrors: server.errors,
    }
  } finally {
    for (const { child } of running) child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}
