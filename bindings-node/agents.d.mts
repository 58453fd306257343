import type { WebSocket as NodeWebSocket } from 'ws'
import {
  OpenAIRealtimeWebSocket,
  type OpenAIRealtimeWebSocketOptions,
  type RealtimeSessionConfig,
  type RealtimeTransportLayerConnectOptions,
  type TransportLayerAudio,
} from '@openai/agents/realtime'

export type TwilioTransportOptions = OpenAIRealtimeWebSocketOptions & {
  /** Twilio's media stream. */
  twilioWebSocket: WebSocket | NodeWebSocket
  /**
   * Without audio for so long, in milliseconds, while the caller speaks, the model is given silence, so that
   * the turn can end. `null` for never. Default: 750.
   */
  inputAudioInactivityTimeoutMs?: number | null
}

/**
 * A transport for a `RealtimeSession` of the package `@openai/agents`, in the place of its
 * `TwilioRealtimeTransportLayer`, with the same options and events.
 *
 * What the caller heard is known to 100 ms however long the model's deltas are, since a mark follows every
 * 100 ms of audio; it is never more than marks prove. What nobody heard is deleted from the conversation,
 * not truncated at 0. Audio is G.711 μ-law, passed straight through: the session is set to it whatever its
 * configuration says, since Twilio takes nothing else.
 *
 * ```js
 * const transport = new TwilioTransport({ twilioWebSocket })
 * const session = new RealtimeSession(agent, { transport })
 * await session.connect({ apiKey })
 * ```
 */
export declare class TwilioTransport extends OpenAIRealtimeWebSocket {
  #private
  constructor(options: TwilioTransportOptions)
  _setInputAndOutputAudioFormat(
    partialConfig?: Partial<RealtimeSessionConfig>,
  ): Partial<RealtimeSessionConfig>
  connect(options: RealtimeTransportLayerConnectOptions): Promise<void>
  updateSessionConfig(config: Partial<RealtimeSessionConfig>): void
  interrupt(cancelOngoingResponse?: boolean): void
  _interrupt(elapsedTime: number, cancelOngoingResponse?: boolean): void
  protected _onAudio(audioEvent: TransportLayerAudio): void
  protected _onClose(): void
}
