// Has only to compile: the transport where the official one would stand.

import { RealtimeAgent, RealtimeSession, type RealtimeTransportLayer } from '@openai/agents/realtime'
import { TwilioRealtimeTransportLayer } from '@openai/agents-extensions'
import { TwilioTransport } from 'trunkline/agents'
import type { WebSocket } from 'ws'

export function session(twilioWebSocket: WebSocket): RealtimeSession {
  const transport: RealtimeTransportLayer = new TwilioTransport({
    twilioWebSocket,
    inputAudioInactivityTimeoutMs: null,
  })
  const official: ConstructorParameters<typeof TwilioRealtimeTransportLayer>[0] = { twilioWebSocket }
  new TwilioTransport(official)
  return new RealtimeSession(new RealtimeAgent({ name: 'a' }), { transport })
}
