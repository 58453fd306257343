// Has only to compile: what users write, in a module.

import type { BridgeEvent, ErrorCode, Json, Output, Socket, TrunklineError } from 'trunkline'
import {
  Bridge,
  JitterBuffer,
  PlaybackLedger,
  Resampler,
  alaw,
  attach,
  heardText,
  instructionSet,
  mulaw,
  openai,
  resample,
  twilio,
} from 'trunkline'
import { WebSocket } from 'ws'

const decoded: Int16Array = mulaw.decode(Buffer.alloc(160))
const encoded: Uint8Array = alaw.encode(decoded, 'itu')
mulaw.encodeInto(decoded, encoded, 'audioop')
// @ts-expect-error A-law has no such variant.
alaw.encode(decoded, 'sun')
// @ts-expect-error floats are no samples.
mulaw.encode(new Float32Array(160))

const up = new Resampler(8_000, 24_000, 'sharp')
const written: number = up.processInto(decoded, new Int16Array(480))
const whole: Int16Array = resample([1, 2, 3], 8_000, 16_000)

const jitter = new JitterBuffer()
if (jitter.pull(new Int16Array(JitterBuffer.FRAME_SAMPLES)) === 'Concealed') jitter.stats().lostSamples

const ledger = new PlaybackLedger(8_000)
for (const { cut } of ledger.unheard()) if (cut.type === 'TruncateAt') cut.audioEndMs.toFixed()

const message = twilio.read('{}')
if (message.type === 'Media') message.audio.length + message.timestampMs
const event = openai.read(Buffer.from('{}'))
if (event.type === 'ToolCall') event.arguments.length
openai.truncateItem({ itemId: 'item', audioEndMs: 5 })

const bridge = new Bridge({ bargeIn: { afterSpeechMs: 200 } })
bridge.updateSession({
  tools: [{ type: 'function', name: 'x' }],
  turnDetection: { type: 'semanticVad', eagerness: 'low' },
})

function heard(event: BridgeEvent): string | undefined {
  switch (event.type) {
    case 'BargeIn':
      return heardText('words', event.audioEndMs, event.audioReceivedMs)
    case 'CallStarted':
      return event.customParameters['caller']
    default:
      return undefined
  }
}

function send(output: Output, socket: WebSocket): void {
  if (output.type === 'Event') heard(output.event)
  else socket.send(output.text)
}

const socket = new WebSocket('ws://127.0.0.1')
for (const output of bridge.drain()) send(output, socket)
const asSocket: Socket = socket
attach({
  bridge,
  twilio: asSocket,
  openai: socket,
  session: { voice: 'marin' },
  onEvent: (event, attachment) => {
    if (event.type === 'ToolCall') bridge.sendToolOutput(event.callId, '{}')
    attachment.pump()
  },
  onError: (error: Error) => {
    const code: ErrorCode = (error as TrunklineError).code
    console.log(code, instructionSet(), written, whole)
  },
}).closed.then(() => undefined)
const at: number | undefined = bridge.pollTimeout()
const json: Json = { a: [1, 'b', null], at: at ?? null }
bridge.sendOpenAi(json)
