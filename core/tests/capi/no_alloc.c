/* Nothing is allocated or freed but by `_new` and `_free`, through a call's worth of everything. */
#include "trunkline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern unsigned long allocations;

static void must(int32_t rc)
{
    if (rc != TRUNKLINE_OK) {
        fprintf(stderr, "%s\n", trunkline_strerror(rc));
        abort();
    }
}

static int16_t pcm[160], wide[480];
static uint8_t voice[160], other[160];
static char buf[65536], message[2048];
static size_t len;

static void drain(trunkline_bridge *bridge)
{
    trunkline_output out;
    do
        must(trunkline_bridge_poll_output(bridge, buf, sizeof buf, &out, sizeof out, &len));
    while (out.kind != TRUNKLINE_OUTPUT_NONE);
}

static void twilio(trunkline_bridge *bridge, uint64_t now_us, const char *text)
{
    must(trunkline_bridge_handle_twilio(bridge, now_us, text, strlen(text)));
    drain(bridge);
}

static void openai(trunkline_bridge *bridge, uint64_t now_us, const char *text)
{
    must(trunkline_bridge_handle_openai(bridge, now_us, text, strlen(text)));
    drain(bridge);
}

static void codecs(void)
{
    trunkline_twilio_message in;
    trunkline_openai_event event;
    const char *delta = "{\"type\":\"response.output_audio.delta\",\"response_id\":\"r1\","
                        "\"item_id\":\"i1\",\"content_index\":0,\"delta\":\"\\/\\/\\/\\/\"}";
    must(trunkline_mulaw_decode(voice, 160, pcm, 160));
    must(trunkline_mulaw_encode(pcm, 160, other, 160));
    must(trunkline_mulaw_encode_with(TRUNKLINE_MULAW_SUN, pcm, 160, other, 160));
    must(trunkline_mulaw_to_alaw(voice, 160, other, 160));
    must(trunkline_alaw_decode(voice, 160, pcm, 160));
    must(trunkline_alaw_encode(pcm, 160, other, 160));
    must(trunkline_alaw_to_mulaw(voice, 160, other, 160));
    must(trunkline_twilio_write_media("MZ1", 3, voice, 160, message, sizeof message, &len));
    must(trunkline_twilio_write_mark("MZ1", 3, "m", 1, buf, sizeof buf, &len));
    must(trunkline_twilio_write_clear("MZ1", 3, buf, sizeof buf, &len));
    must(trunkline_openai_write_append_pcm16(wide, 480, buf, sizeof buf, &len));
    must(trunkline_openai_write_append_g711(voice, 160, buf, sizeof buf, &len));
    must(trunkline_openai_write_truncate_item("", 0, "i1", 2, 0, 40, buf, sizeof buf, &len));
    must(trunkline_openai_read(delta, strlen(delta), buf, sizeof buf, &event, sizeof event));
    must(trunkline_base64_decode(event.text.ptr, event.text.len, other, sizeof other, &len));
    must(trunkline_base64_encode(voice, 160, buf, sizeof buf, &len));
    snprintf(message, sizeof message,
             "{\"event\":\"media\",\"media\":{\"track\":\"inbound\",\"timestamp\":\"20\","
             "\"payload\":\"%.*s\"}}",
             (int)len, buf);
    must(trunkline_twilio_read(message, strlen(message), NULL, 0, &in, sizeof in));
    must(trunkline_base64_decode(in.text.ptr, in.text.len, other, sizeof other, &len));
}

static void objects(trunkline_resampler *resampler, trunkline_jitter_buffer *jitter,
                    trunkline_playback_ledger *ledger, trunkline_bridge *bridge)
{
    trunkline_session session;
    trunkline_playback_part part;
    int32_t outcome;
    must(trunkline_session_default(&session, sizeof session));
    session.instructions.ptr = "Be brief.";
    session.instructions.len = 9;
    twilio(bridge, 0,
           "{\"event\":\"start\",\"streamSid\":\"MZ1\",\"start\":{\"callSid\":\"CA1\","
           "\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1}}}");
    must(trunkline_bridge_update_session(bridge, &session));
    drain(bridge);
    openai(bridge, 0,
           "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"format\":"
           "{\"type\":\"audio/pcm\",\"rate\":24000}},\"output\":{\"format\":"
           "{\"type\":\"audio/pcm\",\"rate\":24000}}}}}");
    openai(bridge, 0, "{\"type\":\"response.created\",\"response\":{\"id\":\"r1\"}}");
    for (uint32_t frame = 0; frame < 1000; frame++) {
        uint64_t now_us = 20000 * (uint64_t)frame;
        must(trunkline_resampler_process(resampler, pcm, 160, wide, 480, &len));
        must(trunkline_jitter_buffer_insert(jitter, 160 * frame, pcm, 160, &outcome));
        must(trunkline_jitter_buffer_pull(jitter, pcm, 160, &outcome));
        must(trunkline_playback_ledger_receive(ledger, "i1", 2, 0, 480, 160));
        must(trunkline_playback_ledger_send(ledger, now_us, 160));
        must(trunkline_playback_ledger_mark(ledger, buf, sizeof buf, &len));
        must(trunkline_playback_ledger_handle_mark(ledger, now_us, buf, len, &outcome));
        must(trunkline_playback_ledger_unheard(ledger, 0, &part, sizeof part));
        must(trunkline_bridge_handle_timeout(bridge, now_us));
        drain(bridge);
        twilio(bridge, now_us, message);
        openai(bridge, now_us,
               "{\"type\":\"response.output_audio.delta\",\"response_id\":\"r1\",\"item_id\":"
               "\"i1\",\"content_index\":0,\"delta\":\"AAAAAAAA\"}");
        if (frame % 100 == 99)
            openai(bridge, now_us,
                   "{\"type\":\"input_audio_buffer.speech_started\",\"audio_start_ms\":0,"
                   "\"item_id\":\"u1\"}");
    }
    must(trunkline_resampler_flush(resampler, wide, 480, &len));
}

static char memory_r[4096], memory_j[65536], memory_l[8192], memory_b[131072];

/* Static, and aligned as `_init` wants it. */
static void *aligned(char *memory)
{
    return memory + (TRUNKLINE_ALIGN - (uintptr_t)memory % TRUNKLINE_ALIGN) % TRUNKLINE_ALIGN;
}

int main(void)
{
    trunkline_resampler *resampler;
    trunkline_jitter_buffer *jitter;
    trunkline_playback_ledger *ledger;
    trunkline_bridge *bridge;
    trunkline_config config;
    size_t size;
    unsigned long in_codecs, in_objects, in_new;

    codecs();
    in_codecs = allocations;

    must(trunkline_config_default(&config, sizeof config));
    size = trunkline_bridge_size(&config);
    must(trunkline_bridge_init(aligned(memory_b), size, &config, &bridge));
    size = trunkline_resampler_size();
    must(trunkline_resampler_init(aligned(memory_r), size, 8000, 24000, 0, &resampler));
    size = trunkline_jitter_buffer_size();
    must(trunkline_jitter_buffer_init(aligned(memory_j), size, &jitter));
    size = trunkline_playback_ledger_size();
    must(trunkline_playback_ledger_init(aligned(memory_l), size, 24000, &ledger));
    objects(resampler, jitter, ledger, bridge);
    trunkline_bridge_free(bridge);
    in_objects = allocations - in_codecs;

    must(trunkline_bridge_new(&config, &bridge));
    must(trunkline_resampler_new(8000, 24000, 0, &resampler));
    must(trunkline_jitter_buffer_new(&jitter));
    must(trunkline_playback_ledger_new(24000, &ledger));
    objects(resampler, jitter, ledger, bridge);
    trunkline_bridge_free(bridge);
    trunkline_resampler_free(resampler);
    trunkline_jitter_buffer_free(jitter);
    trunkline_playback_ledger_free(ledger);
    in_new = allocations - in_codecs - in_objects;

    printf("allocations and frees: %lu in codecs, %lu with the caller's memory, %lu of the 8 of "
           "_new and _free\n",
           in_codecs, in_objects, in_new);
    return in_codecs != 0 || in_objects != 0 || in_new != 8;
}
