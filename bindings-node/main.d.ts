/**
 * Phone audio and AI voice, joined without glitches.
 *
 * Everything is synchronous. Times are milliseconds, `now` on the clock of `performance.now()` unless it
 * is given; samples are 16-bit, mono. Bad input throws an {@link TrunklineError} and changes nothing.
 */

/** Samples: an `Int16Array`, or a `Buffer` or `Uint8Array` of their little-endian bytes. */
export type Samples = Int16Array | Uint8Array

/** One whole text message: a string, or its UTF-8 as a `Buffer` or `Uint8Array`. */
export type Message = string | Uint8Array

/** What JSON can say. */
export type Json = string | number | boolean | null | Json[] | { [member: string]: Json | undefined }

/** What `code` of an error says. */
export type ErrorCode =
  /** A typed array of another kind, or an odd number of bytes where samples are expected. */
  | 'ERR_UNSUPPORTED_BUFFER'
  /** The array's memory was transferred to somewhere else. */
  | 'ERR_DETACHED_BUFFER'
  /** Source and destination share memory. */
  | 'ERR_OVERLAPPING_BUFFERS'
  /** Another type of value. */
  | 'ERR_INVALID_ARG_TYPE'
  /** A number that is no 16-bit sample. */
  | 'ERR_OUT_OF_RANGE'
  /** Two arrays that must have related lengths do not: `expected`, `actual` in elements. */
  | 'ERR_LENGTH_MISMATCH'
  /** The destination is too short: `needed`, `actual` in elements. */
  | 'ERR_BUFFER_TOO_SHORT'
  /** A message is longer than the configured cap: `limit`, `actual` in bytes. */
  | 'ERR_MESSAGE_TOO_LONG'
  /** Not a JSON text: `offset` in bytes. */
  | 'ERR_INVALID_JSON'
  /** Not base64: `offset` in bytes. */
  | 'ERR_INVALID_BASE64'
  /** A message without a member that it must have: `field`. */
  | 'ERR_MISSING_FIELD'
  /** A member or an argument of the wrong type, form or range: `field`. */
  | 'ERR_INVALID_FIELD'
  /** No conversion between these rates: `fromHz`, `toHz`. */
  | 'ERR_UNSUPPORTED_RATE'
  /** A bounded queue has no room: `needed`, `free` in bytes. */
  | 'ERR_QUEUE_FULL'
  /** Outputs of an earlier input have not been drained; the new input was not looked at. */
  | 'ERR_OUTPUT_PENDING'
  /** The call has ended; the input was not looked at. */
  | 'ERR_CLOSED'
  /** A peer does not read; its socket was closed. */
  | 'ERR_PEER_STALLED'
  /** Anything else. */
  | 'ERR_TRUNKLINE'
  /** There is no build for this machine. */
  | 'ERR_UNSUPPORTED_PLATFORM'

/** What the functions here throw. */
export interface TrunklineError extends Error {
  code: ErrorCode
  expected?: number | string
  actual?: number | string
  needed?: number
  free?: number
  limit?: number
  offset?: number
  field?: string
  fromHz?: number
  toHz?: number
}

/** G.711, one byte a sample. `Variant` are the encoder's. */
export interface G711<Variant extends string> {
  /** Decodes bytes to as many samples. */
  decode(samples: Uint8Array): Int16Array
  /** Encodes samples to as many bytes. */
  encode(samples: Samples, variant?: Variant): Uint8Array
  /** Decodes one byte, 0 to 255, to a sample. */
  decodeSample(sample: number): number
  /** Encodes one sample, -32,768 to 32,767, to a byte. */
  encodeSample(sample: number, variant?: Variant): number
  /** Decodes `samples` into `decoded`, which is as long and shares no memory with it. */
  decodeInto(samples: Uint8Array, decoded: Samples): void
  /** Encodes `samples` into `encoded`, which is as long and shares no memory with it. */
  encodeInto(samples: Samples, encoded: Uint8Array, variant?: Variant): void
}

/**
 * G.711 μ-law, with the functions of the package `alawmulaw`. Its encoder is the common one with a bias
 * of 0x84, `sun`, which is the default here, too; it differs from ITU-T's for 127 negative samples. Its
 * `encodeSample` gives negative numbers, whose lowest 8 bits are what this gives.
 */
export const mulaw: G711<'itu' | 'sun' | 'audioop'>

/**
 * G.711 A-law, with the functions of the package `alawmulaw`. Its encoder, the default here, too, differs
 * from ITU-T's for 127 negative samples.
 */
export const alaw: G711<'itu' | 'alawmulaw'>

/**
 * A streaming resampler: any number of samples per call, and the same samples out however the input was
 * cut.
 *
 * Between 8,000, 16,000 and 24,000 Hz its filters are integer and delay by 1.3 to 2.2 ms; between any
 * other rates of 4,000 to 192,000 Hz they are floating-point, delay by 10 ms and more and take tens of
 * times as long.
 */
export class Resampler {
  /**
   * @param fromHz Rate of the input.
   * @param toHz Rate of the output.
   * @param profile `voice`, the default, is -6 dB at half the lower rate; `sharp`, between 8,000 and 24,000
   * Hz only, lets nothing through from there on, for 4 ms of delay.
   */
  constructor(fromHz: number, toHz: number, profile?: 'voice' | 'sharp')
  /** Takes all of `samples`; returns as many as are due. */
  process(samples: Samples): Int16Array
  /**
   * Takes all of `samples` and writes as many as are due to the start of `out`, which shares no memory with
   * them; returns how many.
   */
  processInto(samples: Samples, out: Samples): number
  /** Samples that the next `process` of `samples` samples returns. */
  outputLength(samples: number): number
  /** Returns the samples still in the filter, as if silence followed, and is as new. */
  flush(): Int16Array
  /** Forgets all input. */
  reset(): void
  /** Delay, the same for all frequencies, in milliseconds. */
  readonly delayMs: number
  /** The same in samples of the output. */
  readonly delaySamples: number
  readonly fromHz: number
  readonly toHz: number
}

/**
 * Resamples a whole recording, in the shape of the package `wave-resampler`: `samples` are left as they
 * are, sound stays where it was in time, and the result is `floor(length * toHz / fromHz)` samples long.
 * For audio that comes in pieces take a {@link Resampler}: pieces resampled one by one click at the seams.
 */
export function resample(samples: Samples | readonly number[], fromHz: number, toHz: number): Int16Array

/**
 * Packets in as they come, one frame of 20 ms out at every `pull`, at 8 kHz.
 *
 * It has no clock: its clock is the pull. What is out of order is put in order, what does not come in time
 * is concealed, and the delay follows what the network needs. It holds 2 s.
 */
export class JitterBuffer {
  /** Samples of a frame. */
  static readonly FRAME_SAMPLES: 160
  /**
   * A packet has come, said at `timestamp`, in samples, wrapping around at 2³²; for Twilio's milliseconds
   * `(ms * 8) >>> 0`. Says what became of it.
   */
  insert(
    timestamp: number,
    samples: Samples,
  ): 'Accepted' | 'Duplicate' | 'Late' | 'Overflow' | 'Stray' | 'Resynchronised'
  /** Fills `frame`, of 160 samples, with the next 20 ms to play; says what they are. */
  pull(frame: Samples): 'Received' | 'Concealed' | 'Silence'
  /** Forgets everything, as if new. */
  reset(): void
  /** How much longer the next sample is held than the network makes unavoidable. */
  readonly delayMs: number
  /** What `delayMs` is to become. */
  readonly targetDelayMs: number
  /** Samples that are held, holes among them included. */
  readonly depthSamples: number
  /** Counters since it was made. */
  stats(): JitterStats
}

/** Counters of a {@link JitterBuffer}, in samples, but for `resyncs`. */
export interface JitterStats {
  receivedSamples: number
  lateSamples: number
  lostSamples: number
  duplicateSamples: number
  droppedSamples: number
  straySamples: number
  decodedSamples: number
  concealedSamples: number
  stretchedSamples: number
  cutSamples: number
  silenceSamples: number
  outSamples: number
  /** Jumps of the time line that were followed. */
  resyncs: number
}

/**
 * What the caller has heard of the model's speech, for a server that keeps its own loop: tell it what was
 * received, sent and echoed; ask it, when the caller interrupts, what to truncate.
 */
export class PlaybackLedger {
  /** @param modelRateHz 24,000, the default, for PCM16; 8,000 for G.711. */
  constructor(modelRateHz?: number)
  /** A content part exists, though none of its audio has come yet. It counts as unheard. */
  announce(itemId: string, contentIndex: number): void
  /**
   * Audio of a content part has arrived: `modelSamples` at the model's rate, which became `lineSamples` at
   * 8 kHz at the end of the line.
   */
  receive(itemId: string, contentIndex: number, modelSamples: number, lineSamples: number): void
  /** No more audio will come for this part; or for any of the item; or for any at all. */
  finish(itemId?: string, contentIndex?: number): void
  /** The next `samples` of the line have gone to the carrier. */
  send(samples: number, now?: number): void
  /** The name of a mark to send behind everything sent so far. */
  mark(): string
  /**
   * The carrier has echoed a mark: playback reached it (`Heard`), or it was on its way when playback was
   * cleared (`Flushed`), or the ledger did not name it (`Foreign`).
   */
  handleMark(name: string, now?: number): 'Heard' | 'Flushed' | 'Foreign'
  /** The oldest content part, once it is finished and wholly heard; each is told once. */
  popHeard(): HeardPart | undefined
  /** The parts not wholly heard, oldest first, and what to tell the model if playback stops now. */
  unheard(): UnheardPart[]
  /** Playback was stopped and the carrier's queue emptied: nothing on the line will be heard any more. */
  clear(): void
  /** Audio that the carrier was sent and, by the clock, has not played. */
  queuedMs(now?: number): number
  /** Samples that the caller has heard, as far as marks prove it. */
  readonly heardSamples: number
  readonly sentSamples: number
  readonly receivedSamples: number
  /** Samples sent since the last mark. */
  readonly unmarkedSamples: number
  /** No content part is waiting for more audio from the model. */
  readonly isFinished: boolean
}

/** A content part that the caller has heard to its end. */
export interface HeardPart {
  itemId: string
  contentIndex: number
  /** Its whole length. */
  audioMs: number
}

/** A content part that the caller has not heard to its end. */
export interface UnheardPart {
  itemId: string
  contentIndex: number
  /** Audio heard, in whole milliseconds; never more than `receivedMs`. */
  heardMs: number
  receivedMs: number
  /** What to tell the model; `None` where deleting the item covers it. */
  cut: { type: 'TruncateAt'; audioEndMs: number } | { type: 'Delete' } | { type: 'None' }
}

/**
 * The share of `text` that was heard when `heardMs` of `totalMs` of its speech were, cut back to a whole
 * word: an estimate.
 */
export function heardText(text: string, heardMs: number, totalMs: number): string

/** A message of Twilio's. */
export type TwilioMessage = { streamSid: string | null; sequenceNumber: number | null } & (
  | { type: 'Connected' }
  | { type: 'Started'; callSid: string; customParameters: Record<string, string> }
  /** `audio` is μ-law, `timestampMs` when it was said, since the stream began. */
  | { type: 'Media'; track: 'inbound' | 'outbound'; timestampMs: number; audio: Uint8Array }
  | { type: 'Dtmf'; digit: string }
  | { type: 'Mark'; name: string }
  | { type: 'Stopped' }
  | { type: 'Other'; kind: string }
)

/** Twilio Media Streams: reads what Twilio sends and writes what it takes. */
export const twilio: {
  read(message: Message): TwilioMessage
  /** `audio` is μ-law, and not empty. */
  media(streamSid: string, audio: Uint8Array): string
  mark(streamSid: string, name: string): string
  clear(streamSid: string): string
}

/** Audio on the model's side: 16-bit PCM at 24 kHz, or G.711 at 8 kHz. */
export type AudioFormat = 'pcm24k' | 'mulaw' | 'alaw'

/** What the model's session is set to; `null` where unsaid. */
export interface SessionState {
  input: AudioFormat | 'unknown' | null
  output: AudioFormat | 'unknown' | null
  createsResponse: boolean | null
  interruptsResponse: boolean | null
  silenceDurationMs: number | null
  /** Seconds since 1970. */
  expiresAt: number | null
}

/** How a response ended. */
export type ResponseStatus = 'completed' | 'cancelled' | 'incomplete' | 'failed' | 'unknown'

/** Tokens used by one response. */
export interface Usage {
  totalTokens: number
  inputTokens: number
  outputTokens: number
  inputTextTokens: number
  inputAudioTokens: number
  cachedTokens: number
  cachedTextTokens: number
  cachedAudioTokens: number
  outputTextTokens: number
  outputAudioTokens: number
}

/** A server event of OpenAI Realtime's. */
export type OpenAiMessage =
  | ({ type: 'SessionCreated' } & SessionState)
  | ({ type: 'SessionUpdated' } & SessionState)
  | { type: 'SpeechStarted'; itemId: string | null; audioStartMs: number }
  | { type: 'SpeechStopped'; itemId: string | null; audioEndMs: number }
  | { type: 'ResponseCreated'; responseId: string; outOfBand: boolean }
  | { type: 'ItemAdded'; responseId: string; itemId: string; isMessage: boolean }
  /** `audio` is in the session's output format. */
  | { type: 'AudioDelta'; responseId: string; itemId: string; contentIndex: number; audio: Uint8Array }
  | { type: 'AudioDone'; responseId: string; itemId: string; contentIndex: number }
  | {
      type: 'Transcript'
      speaker: 'caller' | 'model'
      itemId: string
      responseId: string | null
      text: string
      isFinal: boolean
    }
  | {
      type: 'ToolCall'
      responseId: string
      itemId: string
      callId: string
      name: string
      arguments: string
    }
  | { type: 'TranscriptionFailed'; itemId: string }
  | {
      type: 'ResponseDone'
      responseId: string
      status: ResponseStatus
      reason: string | null
      message: string | null
      usage: Usage | null
    }
  | { type: 'Error'; code: string | null; message: string; eventId: string | null }
  | { type: 'Other'; kind: string }

/** Comes back in the error if the model refuses the event. */
interface EventId {
  eventId?: string
}

/** OpenAI Realtime: reads what the model sends and writes what it takes. */
export const openai: {
  read(message: Message): OpenAiMessage
  sessionUpdate(session: SessionOptions, options?: EventId & { audio?: AudioFormat }): string
  /** Samples at 24 kHz. */
  appendPcm(samples: Samples): string
  appendG711(audio: Uint8Array): string
  commitAudio(options?: EventId): string
  clearAudio(options?: EventId): string
  createResponse(options?: EventId & { response?: Json }): string
  cancelResponse(options?: EventId & { responseId?: string }): string
  /** `audioEndMs` is a whole number. */
  truncateItem(options: EventId & { itemId: string; contentIndex?: number; audioEndMs: number }): string
  deleteItem(options: EventId & { itemId: string }): string
  createMessage(
    options: EventId & { role: 'user' | 'system' | 'assistant'; text: string; itemId?: string },
  ): string
  toolOutput(options: { callId: string; output: string }): string
}

/** What the model's session is told at its start; what is left out is left as the server has it. */
export interface SessionOptions {
  /** System prompt. */
  instructions?: string
  voice?: string
  /** Speaking rate, 0.25 to 1.5. */
  speed?: number
  /** Model that transcribes the caller; without it, there is no transcription. */
  transcriptionModel?: string
  /** ISO 639-1. */
  transcriptionLanguage?: string
  transcriptionPrompt?: string
  noiseReduction?: 'nearField' | 'farField'
  /** Default: `serverVad`. */
  turnDetection?: TurnDetection
  /** Function tools, as the API takes them. */
  tools?: Json[]
  toolChoice?: Json
  /** Further members of the session. */
  extra?: { [member: string]: Json }
}

/** How the model finds the caller's turns. `createResponse` and `interruptResponse` are true by default. */
export type TurnDetection =
  | {
      type: 'serverVad'
      /** 0 to 1; default 0.5. */
      threshold?: number
      /** Default 300. */
      prefixPaddingMs?: number
      /** Default 500. */
      silenceDurationMs?: number
      /** 5,000 to 30,000; default never. */
      idleTimeoutMs?: number
      createResponse?: boolean
      interruptResponse?: boolean
    }
  | {
      type: 'semanticVad'
      eagerness?: 'low' | 'medium' | 'high' | 'auto'
      createResponse?: boolean
      interruptResponse?: boolean
    }
  | { type: 'off' }

/** Settings of a {@link Bridge}. */
export interface BridgeOptions {
  /** Audio on the model's side, both ways. Default: `pcm24k`. */
  modelAudio?: 'pcm24k' | 'mulaw'
  /** Audio sent to the carrier ahead of its playback; at least 40. Default: 200. */
  leadMs?: number
  /** Audio between two marks, and so the resolution of what was heard; at least 20. Default: 100. */
  markIntervalMs?: number
  /**
   * Model audio held beyond the lead; at least 1,000, at most 600,000. Half full, it is sent ahead to the
   * carrier; full, the newest is dropped. Default: 3,500.
   */
  downlinkCapacityMs?: number
  /** Caller audio held while the model cannot take it, the oldest dropped beyond. Default: 1,000. */
  uplinkCapacityMs?: number
  /**
   * Bytes for the texts of one input and for commands that wait; raise it for long instructions and tools.
   * Default: 12,288; at most 64 MiB.
   */
  textCapacityBytes?: number
  /** Longest gap in the caller's audio that is concealed. Default: 10,000. */
  maxGapMs?: number
  /** Without audio for so long in the caller's turn, the model is fed silence. Default: 750. */
  stallTimeoutMs?: number
  /** Longest message of Twilio's. Default: 65,536. */
  maxTwilioBytes?: number
  /** Longest message of the model's. Default: 16 MiB. */
  maxOpenaiBytes?: number
  /**
   * When the caller's voice stops the model's. The last two hold playback until it is known, and go on with
   * the very next sample if it was a cough; `onTranscript` needs `transcriptionModel`. Default: `onSpeech`.
   */
  bargeIn?: 'never' | 'onSpeech' | 'onTranscript' | { afterSpeechMs: number }
  /** Listen to the caller here, too, and hold playback before the model has noticed. Default: no. */
  voiceDetection?: boolean
}

/** One thing to do: send a whole text message, or look at an event. */
export type Output =
  | { type: 'ToTwilio'; text: string }
  | { type: 'ToOpenAi'; text: string }
  | { type: 'Event'; event: BridgeEvent }

/** Something the application may want to know. */
export type BridgeEvent =
  | {
      type: 'CallStarted'
      streamSid: string
      callSid: string
      customParameters: Record<string, string>
    }
  /** Nothing follows. */
  | { type: 'CallEnded' }
  /** The model's session is set as asked; audio flows. */
  | { type: 'SessionReady' }
  /** The session is not set to the format asked for; audio is held back. */
  | {
      type: 'FormatMismatch'
      expected: AudioFormat
      input: AudioFormat | 'unknown' | null
      output: AudioFormat | 'unknown' | null
    }
  /** Where, in the audio that this session was given. */
  | { type: 'SpeechStarted'; positionMs: number }
  | { type: 'SpeechStopped'; positionMs: number }
  /** Playback stands still until it is known whether the caller barges in. */
  | { type: 'PlaybackHeld' }
  /** It was no barge-in. */
  | { type: 'PlaybackResumed'; heldMs: number }
  /** The caller spoke over this item and heard so much of it. */
  | { type: 'BargeIn'; itemId: string; audioEndMs: number; audioReceivedMs: number }
  /** The item was queued behind the one spoken over; nothing of it was heard. */
  | { type: 'ItemDropped'; itemId: string }
  /** A content part of the item was heard to its end. */
  | { type: 'ItemHeard'; itemId: string; audioEndMs: number }
  /** There was no room for so much of a delta. */
  | { type: 'AudioDropped'; itemId: string; durationMs: number }
  /** The next words, or all of the content part when final. */
  | {
      type: 'Transcript'
      speaker: 'caller' | 'model'
      itemId: string
      text: string
      isFinal: boolean
    }
  /** Answer with `sendToolOutput`. `arguments` is text that should be a JSON object. */
  | { type: 'ToolCall'; callId: string; name: string; arguments: string }
  | { type: 'Dtmf'; digit: string }
  /** A mark of `mark` was reached: heard, or flushed by a barge-in. */
  | { type: 'Mark'; name: string; heard: boolean }
  /** `reason` and `message` are empty where the model gave none. */
  | {
      type: 'ResponseDone'
      responseId: string
      status: ResponseStatus
      reason: string
      message: string
      usage: Usage | null
    }
  | { type: 'ModelError'; code: string; message: string; isFatal: boolean }
  /** A message that the bridge has no use for, or of a kind it does not know. */
  | { type: 'Other'; source: 'twilio' | 'openAi'; kind: string }

/** Counters of a call, in samples at 8 kHz unless said otherwise. */
export interface BridgeStats {
  mediaMessages: number
  mediaSamples: number
  appendedSamples: number
  concealedSamples: number
  stallSamples: number
  cutSamples: number
  lostSamples: number
  lateSamples: number
  duplicateSamples: number
  uplinkDroppedSamples: number
  uplinkDepthSamples: number
  maxUplinkDepthSamples: number
  receivedSamples: number
  sentSamples: number
  spilledSamples: number
  downlinkDroppedSamples: number
  discardedBytes: number
  depthSamples: number
  maxDepthSamples: number
  marksSent: number
  marksHeard: number
  marksIgnored: number
  bargeIns: number
  holds: number
  falseBargeIns: number
  truncatedItems: number
  deletedItems: number
  refusedCuts: number
  responses: number
  repeatedResponses: number
  otherMessages: number
  /** From the end of the caller's speech to the first sample of the answer heard, last time. */
  responseLatencyMs: number | null
  maxResponseLatencyMs: number | null
}

/**
 * The bridge between a phone call and a realtime model. It opens no socket and sets no timer: text goes in,
 * text and events come out.
 *
 * The rule of the loop: one input, then {@link drain} to its end; then wait for the next message, or until
 * {@link pollTimeout}. Commands may be given at any time and need a drain, too.
 *
 * ```js
 * bridge.handleTwilio(text)
 * for (const output of bridge.drain()) {
 *   if (output.type === 'ToTwilio') twilio.send(output.text)
 *   else if (output.type === 'ToOpenAi') openai.send(output.text)
 *   else console.log(output.event)
 * }
 * ```
 */
export class Bridge {
  constructor(options?: BridgeOptions)
  /** A message from Twilio has arrived. If it is refused, it had no effect, and the call can go on. */
  handleTwilio(message: Message, now?: number): void
  /** A message from the model has arrived. What the model refuses is an event, not an error. */
  handleOpenAi(message: Message, now?: number): void
  /** The time that {@link pollTimeout} named has come. Harmless at any time. */
  handleTimeout(now?: number): void
  /** Twilio's socket is closed: the call is over. */
  handleTwilioClosed(now?: number): void
  /** The model's socket is closed. What it said is played out; `updateSession` begins a new session. */
  handleOpenAiClosed(now?: number): void
  /** What there is to do. If the loop is left early, the rest waits for the next one. */
  drain(): IterableIterator<Output>
  /** Sets the session up: the first thing on a new socket. */
  updateSession(session?: SessionOptions): void
  /**
   * Asks the model to speak as soon as it may. `response` is the object of `response.create`, of up to 2 KiB
   * as JSON.
   */
  createResponse(response?: Json): void
  /** Answers a tool call; `output` is any text, JSON by custom. */
  sendToolOutput(callId: string, output: string): void
  /** Sends any other client event as it is: an object with a `type`, or its JSON. */
  sendOpenAi(event: Json): void
  /** Stops the model's speech now, as if the caller had spoken over it. */
  interrupt(now?: number): void
  /** Asks for a `Mark` event when the caller has heard everything so far; 1 to 128 ASCII characters. */
  mark(name: string): void
  /** When {@link handleTimeout} is to be called next, on the clock of `now`; meaningful once drained. */
  pollTimeout(): number | undefined
  /** Audio that the carrier was sent and, by the clock, has not played. */
  queuedAtCarrierMs(now?: number): number
  stats(): BridgeStats
  /** The call has ended and every output was drained. */
  readonly isClosed: boolean
}

/** What {@link attach} needs of a socket; the package `ws` has it. */
export interface Socket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(text: string): void
  close(code?: number): void
  terminate(): void
  on(name: string, listener: (...args: any[]) => void): unknown
  off(name: string, listener: (...args: any[]) => void): unknown
}

/** What {@link attach} wires. */
export interface AttachOptions {
  bridge: Bridge
  /** Twilio's media stream, open. */
  twilio: Socket
  /** The model's socket, open or opening. */
  openai: Socket
  /** What the session is told once the model's socket is open. */
  session?: SessionOptions
  /** Commands may be given in it; they are drained after it. */
  onEvent?: (event: BridgeEvent, attachment: Attachment) => void
  /** Refused messages, errors of sockets, and peers that do not read. None of them throws. */
  onError?: (error: Error) => void
  /** The model's socket is closed. Unless `connect` is given a new one, the call ends once played out. */
  onModelClosed?: (attachment: Attachment) => void
}

/** A call on two sockets. */
export interface Attachment {
  /** Sends what commands have given rise to; needed after those that are given outside of `onEvent`. */
  pump(): void
  /** Goes on with a new socket of the model's. */
  connect(openai: Socket): void
  /** Lets go of both sockets and of the timer, and leaves the sockets open. */
  detach(): void
  /** Resolves once the call has ended, with both sockets closed, or after `detach`. */
  readonly closed: Promise<void>
}

/**
 * Wires a bridge to two sockets: messages, timers, closing. Twilio is always read; a peer that does not read
 * has 128 KiB (Twilio) or 384 KiB (the model) kept for it, and is then gone.
 */
export function attach(options: AttachOptions): Attachment

/** The instruction set that the kernels run on, chosen at run time: `AVX-512`, `AVX2`, `SSE4.2`, `NEON`, … */
export function instructionSet(): string
