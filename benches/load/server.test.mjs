import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'

const PUBLIC_URL = 'https://voice.example.com'
const TOKEN = '12345'

const sign = (text) => createHmac('sha1', TOKEN).update(text).digest('base64')
const next = async (socket) => JSON.parse((await once(socket, 'message'))[0])

for (const [audio, samples] of [['mulaw', 160], ['pcm24k', 960]]) {
  test(`the server written by hand bridges a signed call: ${audio}`, async (t) => {
    const model = new WebSocketServer({ port: 0 })
    await once(model, 'listening')
    const server = spawn(process.execPath, [fileURLToPath(new URL('server.mjs', import.meta.url))], {
      env: {
        LISTEN: '127.0.0.1:0',
        PUBLIC_URL,
        TWILIO_AUTH_TOKEN: TOKEN,
        OPENAI_API_KEY: 'sk-1',
        OPENAI_REALTIME_URL: `ws://127.0.0.1:${model.address().port}/v1/realtime`,
        MODEL_AUDIO: audio,
      },
    })
    t.after(() => {
      server.kill()
      model.close()
    })
    const [line] = await once(server.stderr, 'data')
    const address = `${line}`.match(/[\d.]+:\d+/)[0]

    const url = `http://${address}/twilio/incoming-call`
    const body = new URLSearchParams({ CallSid: 'CA1' })
    const refused = await fetch(url, { method: 'POST', body })
    assert.equal(refused.status, 403)
    const headers = { 'X-Twilio-Signature': sign(`${PUBLIC_URL}/twilio/incoming-callCallSidCA1`) }
    const twiml = await (await fetch(url, { method: 'POST', body, headers })).text()
    const token = twiml.match(/name="token" value="(\w+)"/)[1]

    const upgrade = { headers: { 'X-Twilio-Signature': sign('wss://voice.example.com/streams') } }
    const twilio = new WebSocket(`ws://${address}/streams`, upgrade)
    await once(twilio, 'open')
    const start = { streamSid: 'MZ1', callSid: 'CA1', customParameters: { token } }
    twilio.send(JSON.stringify({ event: 'start', streamSid: 'MZ1', start }))
    const [session] = await once(model, 'connection')
    const update = await next(session)
    assert.equal(update.session.audio.input.format.type, audio === 'mulaw' ? 'audio/pcmu' : 'audio/pcm')

    const payload = Buffer.alloc(160, 0xff).toString('base64')
    twilio.send(JSON.stringify({ event: 'media', streamSid: 'MZ1', media: { payload } }))
    const append = await next(session)
    assert.equal(append.type, 'input_audio_buffer.append')
    assert.ok(Math.abs(Buffer.from(append.audio, 'base64').length - samples) <= 4)

    const delta = Buffer.alloc(samples, audio === 'mulaw' ? 0xff : 0).toString('base64')
    session.send(JSON.stringify({ type: 'response.output_audio.delta', delta }))
    const media = await next(twilio)
    assert.deepEqual([media.event, media.streamSid], ['media', 'MZ1'])
    assert.ok(Math.abs(Buffer.from(media.media.payload, 'base64').length - 160) <= 2)
    twilio.close()
    await once(session, 'close')
  })
}
