'use strict'

const native = require('./native.cjs')
const { toJson, toNativeSession, toParameters } = require('./json.cjs')

const twilio = Object.freeze({
  read(message) {
    const read = native.twilio.read(message)
    if (read.type === 'Started') read.customParameters = toParameters(read.customParameters)
    return read
  },
  media: native.twilio.media,
  mark: native.twilio.mark,
  clear: native.twilio.clear,
})

const openai = Object.freeze({
  read: native.openai.read,
  sessionUpdate: (session, { audio = 'pcm24k', eventId } = {}) =>
    native.openai.sessionUpdate(toNativeSession(session), audio, eventId),
  appendPcm: native.openai.appendPcm,
  appendG711: native.openai.appendG711,
  commitAudio: ({ eventId } = {}) => native.openai.commitAudio(eventId),
  clearAudio: ({ eventId } = {}) => native.openai.clearAudio(eventId),
  createResponse: ({ response, eventId } = {}) =>
    native.openai.createResponse(toJson(response), eventId),
  cancelResponse: ({ responseId, eventId } = {}) =>
    native.openai.cancelResponse(responseId, eventId),
  truncateItem: ({ itemId, contentIndex = 0, audioEndMs, eventId }) =>
    native.openai.truncateItem(itemId, contentIndex, audioEndMs, eventId),
  deleteItem: ({ itemId, eventId }) => native.openai.deleteItem(itemId, eventId),
  createMessage: ({ role, text, itemId, eventId }) =>
    native.openai.createMessage(role, text, itemId, eventId),
  toolOutput: ({ callId, output }) => native.openai.toolOutput(callId, output),
})

module.exports = { twilio, openai }
