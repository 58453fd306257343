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
