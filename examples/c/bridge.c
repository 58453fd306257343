/* The loop around a bridge, with a recording in place of the sockets and of the clock.
 *
 *     bridge call.txt
 *
 * Each line of the recording is a time in microseconds, who spoke (twilio or openai), and the text
 * frame. What the bridge has to send is printed as it would be sent, events in words. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trunkline.h>

#define TEXT(text) (int)(text).len, (text).ptr

typedef struct {
    trunkline_bridge *bridge;
    char *buf;
    size_t buf_len;
} call;

static void check(int32_t rc)
{
    if (rc != TRUNKLINE_OK) {
        fprintf(stderr, "bridge: %s\n", trunkline_strerror(rc));
        exit(1);
    }
}

static trunkline_text text(const char *literal)
{
    return (trunkline_text){literal, strlen(literal)};
}

static void handle(call *call, const trunkline_output *out)
{
    switch (out->kind) {
    case TRUNKLINE_OUTPUT_TO_TWILIO: /* send it on Twilio's socket, as one text frame */
        printf("twilio %.*s\n", TEXT(out->text));
        break;
    case TRUNKLINE_OUTPUT_TO_OPENAI: /* send it on the model's socket, as one text frame */
        printf("openai %.*s\n", TEXT(out->text));
        break;
    case TRUNKLINE_OUTPUT_CALL_STARTED:
        printf("event call started: %.*s\n", TEXT(out->call_sid));
        break;
    case TRUNKLINE_OUTPUT_SESSION_READY:
        printf("event session ready\n");
        break;
    case TRUNKLINE_OUTPUT_TRANSCRIPT:
        if (out->is_final)
            printf("event %s: %.*s\n",
                   out->speaker == TRUNKLINE_SPEAKER_CALLER ? "caller" : "model", TEXT(out->text));
        break;
    case TRUNKLINE_OUTPUT_BARGE_IN:
        printf("event barge-in: %.*s, %" PRIu64 " of %" PRIu64 " ms heard\n", TEXT(out->item_id),
               out->audio_end_us / 1000, out->audio_received_us / 1000);
        break;
    case TRUNKLINE_OUTPUT_TOOL_CALL:
        printf("event tool call: %.*s\n", TEXT(out->name));
        check(trunkline_bridge_send_tool_output(call->bridge, out->call_id.ptr, out->call_id.len,
                                                "{\"free\":true}", 13));
        break;
    case TRUNKLINE_OUTPUT_CALL_ENDED:
        printf("event call ended\n");
        break;
    default: /* those that this program does not care for, and those of later versions */
        break;
    }
}

/* To be called after every input. */
static void drain(call *call)
{
    trunkline_output out;
    size_t len;
    do {
        check(trunkline_bridge_poll_output(call->bridge, call->buf, call->buf_len, &out,
                                           sizeof out, &len));
        handle(call, &out);
    } while (out.kind != TRUNKLINE_OUTPUT_NONE);
}

/* What the wait for the next message does: it ends early when the bridge has something to do. */
static void wait_until(call *call, uint64_t now_us)
{
    for (;;) {
        uint64_t timeout_us;
        check(trunkline_bridge_poll_timeout(call->bridge, &timeout_us));
        if (timeout_us > now_us)
            return;
        check(trunkline_bridge_handle_timeout(call->bridge, timeout_us));
        drain(call);
    }
}

int main(int argc, char **argv)
{
    static char line[1 << 16];
    FILE *recording = argc == 2 ? fopen(argv[1], "r") : NULL;
    uint64_t now_us = 0;
    call call = {NULL, NULL, 0};
    trunkline_config config;
    trunkline_session session;
    trunkline_stats stats;
    if (recording == NULL) {
        fprintf(stderr, "usage: bridge call.txt\n");
        return 1;
    }

    check(trunkline_config_default(&config, sizeof config));
    check(trunkline_bridge_new(&config, &call.bridge));
    check(trunkline_bridge_max_output_len(call.bridge, &call.buf_len));
    call.buf = malloc(call.buf_len);
    if (call.buf == NULL)
        return 1;

    /* The model's socket is open: its session is the first thing to send. */
    check(trunkline_session_default(&session, sizeof session));
    session.instructions = text("You answer the phone of a small clinic.");
    session.voice = text("marin");
    check(trunkline_bridge_update_session(call.bridge, &session));
    drain(&call);

    while (fgets(line, sizeof line, recording) != NULL) {
        char peer[8];
        int start = 0;
        int32_t rc;
        if (sscanf(line, "%" SCNu64 " %7s %n", &now_us, peer, &start) != 2 || start == 0)
            continue;
        wait_until(&call, now_us);
        const char *frame = line + start;
        rc = strcmp(peer, "twilio") == 0
                 ? trunkline_bridge_handle_twilio(call.bridge, now_us, frame, strlen(frame))
                 : trunkline_bridge_handle_openai(call.bridge, now_us, frame, strlen(frame));
        if (rc != TRUNKLINE_OK) /* the message had no effect; the call goes on */
            fprintf(stderr, "bridge: %s: %s", trunkline_strerror(rc), frame);
        drain(&call);
    }
    check(trunkline_bridge_handle_twilio_closed(call.bridge, now_us));
    drain(&call);

    check(trunkline_bridge_stats(call.bridge, &stats, sizeof stats));
    printf("event %" PRIu64 " samples to the model, %" PRIu64 " to the caller\n",
           stats.appended_samples, stats.sent_samples);
    trunkline_bridge_free(call.bridge);
    free(call.buf);
    return fclose(recording) != 0;
}
