import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { Worker } from 'node:worker_threads'

/** Works on all kinds of objects, keeps them alive, and tells the result. */
const script = `
  const { parentPort } = require('node:worker_threads')
  const { Bridge, JitterBuffer, PlaybackLedger, Resampler, mulaw } = require('trunkline')
  const samples = Int16Array.from({ length: 800 }, (_, i) => 8_000 * Math.sin(i / 9))
  const work = () => {
    const objects = [new Bridge(), new JitterBuffer(), new PlaybackLedger(), new Resampler(8_000, 24_000)]
    objects[0].updateSession()
    objects[0].drain().next()
    objects[1].insert(0, samples)
    return [objects, [...mulaw.encode(objects[3].process(samples))]]
  }
  globalThis.kept = work()
  parentPort.postMessage(globalThis.kept[1])
  globalThis.busy = setInterval(() => { globalThis.kept = work() }, 0)
`

const cwd = new URL('..', import.meta.url)
const start = () => new Worker(`process.chdir = undefined;${script}`, { eval: true })

test('eight threads work at once, with the same result', async () => {
  process.chdir(cwd.pathname)
  const workers = Array.from({ length: 8 }, start)
  const results = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
  for (const result of results) assert.deepEqual(result, results[0])
  assert.equal(results[0].length, 2_400)
  const codes = await Promise.all(workers.map((worker) => worker.terminate()))
  assert.deepEqual(new Set(codes), new Set([1]))
})

test('a thread may end with live objects, 100 times', async () => {
  process.chdir(cwd.pathname)
  for (let round = 0; round < 25; round += 1) {
    const workers = Array.from({ length: 4 }, start)
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
})

test('an object of one thread is refused by another', async () => {
  const { Bridge } = await import('../main.mjs')
  assert.throws(() => structuredClone(new Bridge()).handleTimeout(0), /is not a function/)
  assert.throws(() => Bridge.prototype.handleTimeout.call({}, 0), TypeError)
})
