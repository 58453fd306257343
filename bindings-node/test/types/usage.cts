// Has only to compile: the same in CommonJS.

import trunkline = require('trunkline')

const bridge: trunkline.Bridge = new trunkline.Bridge()
bridge.handleTwilio('{}')
for (const output of bridge.drain()) {
  if (output.type === 'ToTwilio') output.text.length
  else if (output.type === 'Event' && output.event.type === 'Dtmf') output.event.digit.length
}
const samples: Int16Array = trunkline.mulaw.decode(new Uint8Array(160))
export = samples
