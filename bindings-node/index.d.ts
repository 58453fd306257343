/* What Rust gives and takes, checked at run time; `main.d.ts` says what is in it. */

/** An object of Rust's. */
type Handle = { readonly brand: unique symbol }
/** What there is to do: nothing, one text of the usual kind, or kinds and values by turns. */
type Outputs = undefined | string | Array<number | string | object>
type BridgeStats = import('./main').BridgeStats
type HeardPart = import('./main').HeardPart
type UnheardPart = import('./main').UnheardPart
type TwilioMessage = object
type OpenAiMessage = object

/** What `src/hot.rs` exports. */
export declare function mulawDecodeInto(src: Uint8Array, dst: Int16Array | Uint8Array): void
export declare function mulawEncodeInto(src: Int16Array | Uint8Array, dst: Uint8Array, variant: number): void
export declare function alawDecodeInto(src: Uint8Array, dst: Int16Array | Uint8Array): void
export declare function alawEncodeInto(src: Int16Array | Uint8Array, dst: Uint8Array, variant: number): void
export declare function resamplerProcessInto(
  handle: Handle,
  src: Int16Array | Uint8Array,
  dst: Int16Array | Uint8Array,
): number
export declare function bridgeHandleTwilio(handle: Handle, message: string | Uint8Array, now: number): Outputs
export declare function bridgeHandleOpenAi(handle: Handle, message: string | Uint8Array, now: number): Outputs
export declare function bridgeHandleTimeout(handle: Handle, now: number): Outputs
/** When `bridgeHandleTimeout` is to be called next, on the clock of `now`; -1 for never. */
export declare function bridgePollTimeout(handle: Handle): number
/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

export interface AfterSpeech {
  afterSpeechMs: number
}

export interface BridgeOptions {
  modelAudio?: 'pcm24k' | 'mulaw'
  leadMs?: number
  markIntervalMs?: number
  downlinkCapacityMs?: number
  uplinkCapacityMs?: number
  textCapacityBytes?: number
  maxGapMs?: number
  stallTimeoutMs?: number
  maxTwilioBytes?: number
  maxOpenaiBytes?: number
  bargeIn?: 'never' | 'onSpeech' | 'onTranscript' | { afterSpeechMs: number }
  voiceDetection?: boolean
}

/**
 * The share of `text` that was heard when `heardMs` of `totalMs` of its speech were, cut back to a
 * whole word: an estimate.
 */
export declare function heardText(text: string, heardMs: number, totalMs: number): string

/** The instruction set that the kernels run on, chosen at run time: `AVX-512`, `AVX2`, `SSE4.2`, `NEON`, … */
export declare function instructionSet(): string

/** `lib/json.cjs` makes it of what users write: JSON is text here already. */
export interface SessionOptions {
  instructions?: string
  voice?: string
  speed?: number
  transcriptionModel?: string
  transcriptionLanguage?: string
  transcriptionPrompt?: string
  noiseReduction?: 'nearField' | 'farField'
  turnDetection?: TurnDetectionOptions
  tools?: string
  toolChoice?: string
  extra?: string
}

/** How the model finds the caller's turns. */
export interface TurnDetectionOptions {
  type: 'serverVad' | 'semanticVad' | 'off'
  threshold?: number
  prefixPaddingMs?: number
  silenceDurationMs?: number
  idleTimeoutMs?: number
  eagerness?: 'low' | 'medium' | 'high' | 'auto'
  createResponse?: boolean
  interruptResponse?: boolean
}

export declare namespace bridge {
  export function create(options?: BridgeOptions): Handle
  export function createResponse(handle: Handle, response?: string): void
  /** What commands have given rise to. */
  export function drain(handle: Handle): Outputs
  export function handleOpenAiClosed(handle: Handle, now: number): Outputs
  export function handleTwilioClosed(handle: Handle, now: number): Outputs
  export function interrupt(handle: Handle, now: number): void
  export function isClosed(handle: Handle): boolean
  export function mark(handle: Handle, name: string): void
  export function queuedAtCarrier(handle: Handle, now: number): number
  /** Throws what an input before the last one's outputs are drained throws. */
  export function refuseInput(): never
  export function sendOpenAi(handle: Handle, event: string): void
  export function sendToolOutput(handle: Handle, callId: string, output: string): void
  export function stats(handle: Handle): BridgeStats
  export function updateSession(handle: Handle, session: SessionOptions): void
}

export declare namespace jitter {
  /** An empty buffer. */
  export function create(): Handle
  /** How much longer the next sample is held than the network makes unavoidable, in milliseconds. */
  export function delayMs(handle: Handle): number
  /** Samples that are held, holes among them included. */
  export function depthSamples(handle: Handle): number
  /**
   * A packet has come, said at `timestamp`, in samples, wrapping around at 2³². For Twilio's
   * milliseconds, pass `(ms * 8) >>> 0`. Says what became of it.
   */
  export function insert(handle: Handle, timestamp: number, samples: Int16Array | Uint8Array): 'Accepted' | 'Duplicate' | 'Late' | 'Overflow' | 'Stray' | 'Resynchronised'
  /** Fills `frame`, an array of 160 samples, with the next 20 ms to play, and says what they are. */
  export function pull(handle: Handle, frame: Int16Array | Uint8Array): 'Received' | 'Concealed' | 'Silence'
  /** Forgets everything, as if new. */
  export function reset(handle: Handle): void
  /** Counters since it was made. */
  export function stats(handle: Handle): Record<string, number>
  /** What `delayMs` is to become. */
  export function targetDelayMs(handle: Handle): number
}

export declare namespace ledger {
  /** A content part exists, though none of its audio has come yet. It counts as unheard. */
  export function announce(handle: Handle, itemId: string, contentIndex: number): void
  /**
   * Playback has been stopped and the carrier's queue emptied: nothing on the line will be heard any
   * more, and marks sent before this count for nothing.
   */
  export function clear(handle: Handle): void
  /**
   * An empty ledger for a model that speaks at `modelRateHz`: 24,000 (the default) for PCM16, 8,000
   * for G.711.
   */
  export function create(modelRateHz?: number): Handle
  /**
   * No more audio will come for this content part; without `contentIndex`, for any of the item;
   * without `itemId`, for any at all.
   */
  export function finish(handle: Handle, itemId?: string, contentIndex?: number): void
  /**
   * The carrier has echoed a mark: playback reached it, or it was on its way when playback was
   * cleared, or the ledger did not name it.
   */
  export function handleMark(handle: Handle, now: number, name: string): 'Heard' | 'Flushed' | 'Foreign'
  /** Samples that the caller has heard, as far as marks prove it. */
  export function heardSamples(handle: Handle): number
  /** No content part is waiting for more audio from the model. */
  export function isFinished(handle: Handle): boolean
  /** The name of a mark to send behind everything sent so far. */
  export function mark(handle: Handle): string
  /** The oldest content part, once it is finished and wholly heard; each is told once. */
  export function popHeard(handle: Handle): HeardPart | undefined
  /** Audio that the carrier was sent and, by the clock, has not played, in milliseconds. */
  export function queuedMs(handle: Handle, now: number): number
  /**
   * Audio of a content part has arrived: `modelSamples` at the model's rate, which became
   * `lineSamples` at 8 kHz at the end of the line.
   */
  export function receive(handle: Handle, itemId: string, contentIndex: number, modelSamples: number, lineSamples: number): void
  /** Samples received. */
  export function receivedSamples(handle: Handle): number
  /** The next `samples` of the line have gone to the carrier. */
  export function send(handle: Handle, now: number, samples: number): void
  /** Samples sent. */
  export function sentSamples(handle: Handle): number
  /**
   * The content parts not wholly heard, oldest first, and what to tell the model of each if
   * playback stops now.
   */
  export function unheard(handle: Handle): UnheardPart[]
  /** Samples sent since the last mark. */
  export function unmarkedSamples(handle: Handle): number
}

export declare namespace openai {
  /** Writes `input_audio_buffer.append` of G.711 bytes. */
  export function appendG711(audio: Uint8Array): string
  /** Writes `input_audio_buffer.append` of 16-bit samples at 24 kHz. */
  export function appendPcm(samples: Int16Array | Uint8Array): string
  /** Writes `response.cancel`, of this response or of the active one. */
  export function cancelResponse(responseId?: string, eventId?: string): string
  /** Writes `input_audio_buffer.clear`. */
  export function clearAudio(eventId?: string): string
  /** Writes `input_audio_buffer.commit`. */
  export function commitAudio(eventId?: string): string
  /** Writes `conversation.item.create` of a message. */
  export function createMessage(role: 'user' | 'system' | 'assistant', text: string, itemId?: string, eventId?: string): string
  /** Writes `response.create`; `response` is the JSON of its object. */
  export function createResponse(response?: string, eventId?: string): string
  /** Writes `conversation.item.delete`. */
  export function deleteItem(itemId: string, eventId?: string): string
  /** Reads one server event. */
  export function read(message: string | Uint8Array): OpenAiMessage
  /** Writes `session.update`, with `audio` both ways. */
  export function sessionUpdate(session: SessionOptions, audio: 'pcm24k' | 'mulaw' | 'alaw', eventId?: string): string
  /** Writes `conversation.item.create` of a function call's output. */
  export function toolOutput(callId: string, output: string): string
  /** Writes `conversation.item.truncate`. */
  export function truncateItem(itemId: string, contentIndex: number, audioEndMs: number, eventId?: string): string
}

export declare namespace resampler {
  /**
   * A resampler from `fromHz` to `toHz`. The profile `voice` is the default, with the lower delay;
   * `sharp`, between 8,000 and 24,000 Hz only, lets nothing through from half the lower rate on,
   * for 4 ms of delay.
   */
  export function create(fromHz: number, toHz: number, profile?: 'voice' | 'sharp'): Handle
  /** Delay of the filter in milliseconds, the same for all frequencies. */
  export function delayMs(handle: Handle): number
  /** Delay of the filter in samples of the output. */
  export function delaySamples(handle: Handle): number
  /** Returns the samples still in the filter, as if silence followed, and is as new. */
  export function flush(handle: Handle): Int16Array
  /** Rate of the input in Hz. */
  export function fromHz(handle: Handle): number
  /** Samples that `process` returns for `samples` more. */
  export function outputLen(handle: Handle, samples: number): number
  /** Forgets all input. */
  export function reset(handle: Handle): void
  /** Rate of the output in Hz. */
  export function toHz(handle: Handle): number
}

export declare namespace twilio {
  /** Writes a `clear` message. */
  export function clear(streamSid: string): string
  /** Writes a `mark` message. */
  export function mark(streamSid: string, name: string): string
  /** Writes a `media` message. */
  export function media(streamSid: string, audio: Uint8Array): string
  /** Reads one message. */
  export function read(message: string | Uint8Array): TwilioMessage
}
