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
