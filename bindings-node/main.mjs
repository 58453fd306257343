import trunkline from './main.cjs'

export const {
  mulaw,
  alaw,
  Resampler,
  resample,
  JitterBuffer,
  PlaybackLedger,
  heardText,
  twilio,
  openai,
  Bridge,
  attach,
  instructionSet,
} = trunkline
