// 200 calls in one process: how late its event loop is. Each call's frame and delta come every 20 ms on a
// timer of its own, and what is to be sent is thrown away, so that the codecs' work is all there is.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { mulaw } from 'trunkline'

import { ByBridge, byLines, bySpeex, deltaMessage, mediaMessage, voice } from './paths.mjs'

const CALLS = 200
const RESOLUTION_MS = 1

const WAYS = {
  bridge: () => new ByBridge(() => {}),
  speex: () => bySpeex(() => {}),
  lines: () => byLines(() => {}),
}

export async function eventLoopDelay(way, seconds) {
  const delta = deltaMessage(voice(480, 24_000))
  const frame = mulaw.encode(voice(160, 8_000))
  const timers = []
  let frames = 0
  for (let number = 0; number < CALLS; number += 1) {
    const call = WAYS[way]()
    let at = 0
    const tick = () => {
      call.twilio(mediaMessage(at, frame))
      call.openAi(delta)
      at += 1
      frames += 1
    }
    await sleep(Math.random() * 2)
    timers.push(setInterval(tick, 20))
  }
  // The first second is the compiler's.
  await sleep(1_000)
  frames = 0
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const [before, cpu] = [performance.now(), process.cpuUsage()]
  delay.enable()
  await sleep(1_000 * seconds)
  delay.disable()
  const { user, system } = process.cpuUsage(cpu)
  const elapsedMs = performance.now() - before
  timers.forEach(clearInterval)
  const late = (percent) => Math.max(0, delay.percentile(percent) / 1e6 - RESOLUTION_MS)
  return {
    p50: late(50),
    p99: late(99),
    max: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
    cpu: (user + system) / 1e3 / elapsedMs,
    frames: (frames * 1_000) / elapsedMs / CALLS,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await eventLoopDelay(process.argv[2], Number(process.argv[3]))))
}
