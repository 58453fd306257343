import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { Worker } from 'node:worker_threads'

import { Bridge } from '../main.mjs'

const start = () => new Worker(new URL('worker.cjs', import.meta.url))

test('eight threads work at once, with the same result', async () => {
  const workers = Array.from({ length: 8 }, start)
  const results = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
  for (const result of results) assert.deepEqual(result, results[0])
  assert.equal(results[0].length, 2_400)
  const codes = await Promise.all(workers.map((worker) => worker.terminate()))
  assert.deepEqual(new Set(codes), new Set([1]))
})

test('a thread may end with live objects, 100 times', async () => {
  for (let round = 0; round < 25; round += 1) {
    const workers = Array.from({ length: 4 }, start)
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
})

test('an object does not cross over to another thread, nor to another class', () => {
  assert.throws(() => structuredClone(new Bridge()).handleTimeout(0), TypeError)
  assert.throws(() => Bridge.prototype.handleTimeout.call({}, 0), TypeError)
})
