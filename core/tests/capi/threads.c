/* Eight threads, each with objects of its own, get what one thread gets. */
#include "trunkline.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define FRAMES 500

static void must(int32_t rc)
{
    if (rc != TRUNKLINE_OK) {
        fprintf(stderr, "%s\n", trunkline_strerror(rc));
        abort();
    }
}

static uint64_t hash(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    while (len-- > 0)
        sum = (sum ^ *bytes++) * UINT64_C(0x100000001B3);
    return sum;
}

static uint64_t drain(trunkline_bridge *bridge, uint64_t sum)
{
    char buf[32768];
    for (;;) {
        trunkline_output out;
        size_t len;
        must(trunkline_bridge_poll_output(bridge, buf, sizeof buf, &out, sizeof out, &len));
        if (out.kind == TRUNKLINE_OUTPUT_NONE)
            return sum;
        sum = hash(sum, buf, len);
    }
}

static uint64_t openai(trunkline_bridge *bridge, uint64_t sum, uint64_t now_us, const char *text)
{
    must(trunkline_bridge_handle_openai(bridge, now_us, text, strlen(text)));
    return drain(bridge, sum);
}

/* A call's worth of all that there is; `seed` makes it another call. */
static uint64_t run(uint32_t seed)
{
    uint64_t sum = UINT64_C(0xCBF29CE484222325);
    trunkline_resampler *resampler;
    trunkline_jitter_buffer *jitter;
    trunkline_bridge *bridge;
    trunkline_config config;
    trunkline_session session;
    const char *start = "{\"event\":\"start\",\"streamSid\":\"MZ1\",\"start\":{\"callSid\":\"CA1\","
                        "\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,"
                        "\"channels\":1}}}";

    must(trunkline_resampler_new(8000, 24000, TRUNKLINE_PROFILE_VOICE, &resampler));
    must(trunkline_jitter_buffer_new(&jitter));
    must(trunkline_config_default(&config, sizeof config));
    must(trunkline_bridge_new(&config, &bridge));
    must(trunkline_session_default(&session, sizeof session));
    must(trunkline_bridge_handle_twilio(bridge, 0, start, strlen(start)));
    sum = drain(bridge, sum);
    must(trunkline_bridge_update_session(bridge, &session));
    sum = drain(bridge, sum);
    sum = openai(bridge, sum, 0,
                 "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"format\":"
                 "{\"type\":\"audio/pcm\",\"rate\":24000}},\"output\":{\"format\":"
                 "{\"type\":\"audio/pcm\",\"rate\":24000}}}}}");
    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        uint8_t voice[160];
        int16_t pcm[160], wide[480];
        char payload[256], message[512];
        int32_t outcome;
        size_t len;
        for (size_t i = 0; i < sizeof voice; i++) {
            seed = seed * 1664525 + 1013904223;
            voice[i] = (uint8_t)(seed >> 24);
        }
        must(trunkline_mulaw_decode(voice, 160, pcm, 160));
        must(trunkline_resampler_process(resampler, pcm, 160, wide, 480, &len));
        sum = hash(sum, wide, 2 * len);
        must(trunkline_jitter_buffer_insert(jitter, 160 * frame, pcm, 160, &outcome));
        must(trunkline_jitter_buffer_pull(jitter, pcm, 160, &outcome));
        sum = hash(sum, pcm, sizeof pcm);
        must(trunkline_base64_encode(voice, 160, payload, sizeof payload, &len));
        snprintf(message, sizeof message,
                 "{\"event\":\"media\",\"streamSid\":\"MZ1\",\"media\":{\"track\":\"inbound\","
                 "\"timestamp\":\"%u\",\"payload\":\"%.*s\"}}",
                 (unsigned)(20 * frame), (int)len, payload);
        must(trunkline_bridge_handle_twilio(bridge, 20000 * (uint64_t)frame, message,
                                            strlen(message)));
        sum = drain(bridge, sum);
    }
    trunkline_resampler_free(resampler);
    trunkline_jitter_buffer_free(jitter);
    trunkline_bridge_free(bridge);
    return sum;
}

static void *start(void *sum)
{
    uint64_t *slot = sum;
    *slot = run((uint32_t)*slot);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    uint64_t sums[THREADS];
    int failed = 0;
    for (uint64_t i = 0; i < THREADS; i++) {
        sums[i] = i;
        if (pthread_create(&threads[i], NULL, start, &sums[i]) != 0)
            return 1;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failed += sums[i] != run(i) || (i > 0 && sums[i] == sums[0]);
    }
    printf("threads: %d calls of %d frames at once, %d failed\n", THREADS, FRAMES, failed);
    return failed != 0;
}
