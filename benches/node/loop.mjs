// 200 calls in one process: how late its event loop is. Each call has a frame of the caller and a delta of
// the model every 20 ms, made ahead, and what is to be sent is thrown away, so that the codecs' work is all
// there is. Calls are spread over the 20 ms, each with a timer of its own, or come together, as after a
// stall of the network.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { mulaw } from 'trunkline'

import { ByBridge, byLines, bySpeex, deltaMessage, mediaMessage, voice } from './paths.mjs'

const CALLS = 200
const RESOLUTION_MS = 1

const WAYS = {
  nothing: () => ({ twilio() {}, openAi() {} }),
  bridge: () => new ByBridge(() => {}),
  speex: () => bySpeex(() => {}),
  lines: () => byLines(() => {}),
}

export async function eventLoopDelay(way, seconds, isSpread) {
  const delta = deltaMessage(voice(480, 24_000))
  const frame = mulaw.encode(voice(160, 8_000))
  // All calls share them; a Bridge needs media time to go on.
  const media = Array.from({ length: 50 * (seconds + 5) }, (_, at) => mediaMessage(at, frame))
  const timers = []
  let frames = 0
  const calls = Array.from({ length: CALLS }, () => {
    const call = WAYS[way]()
    let at = 0
    return () => {
      call.twilio(media[at % media.length])
      call.openAi(delta)
      at += 1
      frames += 1
    }
  })
  if (isSpread) {
    for (const tick of calls) {
      await sleep(Math.random() * 2)
      timers.push(setInterval(tick, 20))
    }
  } else {
    timers.push(setInterval(() => calls.forEach((tick) => tick()), 20))
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
  const [way, seconds, arrival] = process.argv.slice(2)
  console.log(JSON.stringify(await eventLoopDelay(way, Number(seconds), arrival === 'spread')))
}
