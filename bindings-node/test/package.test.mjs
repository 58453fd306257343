import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import test from 'node:test'

import * as module from '../main.mjs'

const require = createRequire(import.meta.url)
const folder = fileURLToPath(new URL('..', import.meta.url))

test('ESM and CommonJS export the same', () => {
  const common = require('../main.cjs')
  assert.deepEqual(Object.keys(module).sort(), Object.keys(common).sort())
  for (const [name, value] of Object.entries(module)) assert.equal(common[name], value)
  assert.equal(require('trunkline'), common)
})

test('the instruction set is the one this machine is known to have, or a lesser', () => {
  assert.match(module.instructionSet(), /^(AVX-512|AVX2|SSE4\.2|SSE2|NEON|portable)$/)
})

test('a machine without a build is told so, and which there are', () => {
  const script = `
    Object.defineProperty(process, 'platform', { value: 'sunos' })
    try { require('trunkline') } catch (error) { console.log(JSON.stringify({ ...error, text: error.message })) }
  `
  const { stdout } = spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' })
  const { code, text } = JSON.parse(stdout)
  assert.equal(code, 'ERR_UNSUPPORTED_PLATFORM')
  assert.match(text, /^trunkline has no build for this machine \(sunos-x64, Node /)
  assert.match(text, /linux-arm64/)
})
