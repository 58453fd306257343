'use strict'

const { instructionSet } = require('./lib/native.cjs')
const { mulaw, alaw } = require('./lib/g711.cjs')

module.exports = {
  mulaw,
  alaw,
  ...require('./lib/resample.cjs'),
  ...require('./lib/jitter.cjs'),
  ...require('./lib/playback.cjs'),
  ...require('./lib/codecs.cjs'),
  ...require('./lib/bridge.cjs'),
  ...require('./lib/attach.cjs'),
  instructionSet,
}
