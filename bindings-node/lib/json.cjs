'use strict'

/** The text of a value; of a text, itself. */
function toJson(value) {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
}

/** What Rust takes as session options. */
function toNativeSession({ tools, toolChoice, extra, ...rest }) {
  return {
    ...rest,
    tools: toJson(tools),
    // `auto`, `none` and `required` are strings of JSON, not JSON.
    toolChoice: toolChoice === undefined ? undefined : JSON.stringify(toolChoice),
    extra: toJson(extra),
  }
}

/** Twilio's custom parameters, which are strings, whatever a peer sends in their place. */
function toParameters(json) {
  const entries = Object.entries(JSON.parse(json))
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}

module.exports = { toJson, toNativeSession, toParameters }
