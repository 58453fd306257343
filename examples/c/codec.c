/* WAV to G.711 μ-law and back, 20 ms at a time, as audio comes on a phone call.
 *
 *     codec in.wav out.wav
 *
 * PCM16, mono, at 8, 16 or 24 kHz becomes μ-law at 8 kHz; μ-law becomes PCM16 at 8 kHz. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trunkline.h>

enum { PCM = 1, MULAW = 7, FRAMES_PER_SECOND = 50, MAX_FRAME = 24000 / FRAMES_PER_SECOND };

typedef struct {
    FILE *file;
    unsigned format;
    unsigned long rate_hz;
    unsigned long bytes;
} wav;

static void fail(const char *what)
{
    fprintf(stderr, "codec: %s\n", what);
    exit(1);
}

static void check(int32_t rc)
{
    if (rc != TRUNKLINE_OK)
        fail(trunkline_strerror(rc));
}

static unsigned long little_endian(const unsigned char *bytes, int count)
{
    unsigned long value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

/* Opens a WAV file and stops at the start of its audio. */
static wav wav_open(const char *path)
{
    wav wav = {fopen(path, "rb"), 0, 0, 0};
    unsigned char riff[12], chunk[8], fmt[16];
    if (wav.file == NULL || fread(riff, 1, 12, wav.file) != 12 || memcmp(riff, "RIFF", 4) != 0 ||
        memcmp(riff + 8, "WAVE", 4) != 0)
        fail("not a WAV file");
    while (fread(chunk, 1, 8, wav.file) == 8) {
        unsigned long len = little_endian(chunk + 4, 4);
        if (memcmp(chunk, "data", 4) == 0) {
            wav.bytes = len;
            return wav;
        }
        if (memcmp(chunk, "fmt ", 4) == 0 && len >= 16) {
            if (fread(fmt, 1, 16, wav.file) != 16 || little_endian(fmt + 2, 2) != 1)
                fail("not mono");
            wav.format = (unsigned)little_endian(fmt, 2);
            wav.rate_hz = little_endian(fmt + 4, 4);
            len -= 16;
        }
        if (fseek(wav.file, (long)(len + len % 2), SEEK_CUR) != 0)
            break;
    }
    fail("no audio in the WAV file");
    return wav;
}

static void put(FILE *file, unsigned long value, int count)
{
    for (; count-- > 0; value >>= 8)
        putc((int)(value & 0xFF), file);
}

/* Writes the header of a WAV file at 8 kHz with `bytes` of audio. */
static void wav_header(FILE *file, unsigned format, unsigned long bytes)
{
    unsigned width = format == PCM ? 2 : 1;
    fputs("RIFF", file);
    put(file, 4 + 8 + 18 + 8 + bytes + bytes % 2, 4);
    fputs("WAVEfmt ", file);
    put(file, 18, 4);
    put(file, format, 2);
    put(file, 1, 2);
    put(file, 8000, 4);
    put(file, 8000 * width, 4);
    put(file, width, 2);
    put(file, 8 * width, 2);
    put(file, 0, 2);
    fputs("data", file);
    put(file, bytes, 4);
}

static unsigned long encode(wav in, FILE *out)
{
    size_t frame = in.rate_hz / FRAMES_PER_SECOND, got, count;
    unsigned char bytes[2 * MAX_FRAME], codes[MAX_FRAME];
    int16_t pcm[MAX_FRAME], narrow[MAX_FRAME];
    trunkline_resampler *resampler = NULL;
    unsigned long left = in.bytes, total = 0;
    if (in.rate_hz != 8000)
        check(trunkline_resampler_new((uint32_t)in.rate_hz, 8000, TRUNKLINE_PROFILE_VOICE,
                                      &resampler));
    while ((got = fread(bytes, 2, left / 2 < frame ? left / 2 : frame, in.file)) > 0) {
        left -= 2 * got;
        for (size_t i = 0; i < got; i++)
            pcm[i] = (int16_t)little_endian(bytes + 2 * i, 2);
        count = got;
        if (resampler != NULL)
            check(trunkline_resampler_process(resampler, pcm, got, narrow, MAX_FRAME, &count));
        check(trunkline_mulaw_encode(resampler != NULL ? narrow : pcm, count, codes, count));
        total += (unsigned long)fwrite(codes, 1, count, out);
    }
    trunkline_resampler_free(resampler);
    return total;
}

static unsigned long decode(wav in, FILE *out)
{
    uint8_t codes[MAX_FRAME];
    int16_t pcm[MAX_FRAME];
    unsigned long left = in.bytes;
    size_t got;
    while ((got = fread(codes, 1, left < MAX_FRAME ? left : MAX_FRAME, in.file)) > 0) {
        left -= (unsigned long)got;
        check(trunkline_mulaw_decode(codes, got, pcm, got));
        for (size_t i = 0; i < got; i++)
            put(out, (uint16_t)pcm[i], 2);
    }
    return 2 * (in.bytes - left);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: codec in.wav out.wav");
    wav in = wav_open(argv[1]);
    FILE *out = fopen(argv[2], "wb");
    int is_pcm = in.format == PCM;
    if (out == NULL || (!is_pcm && in.format != MULAW) || in.rate_hz > 24000 || in.rate_hz < 8000)
        fail("PCM16 or μ-law, 8, 16 or 24 kHz, to a file that can be written");
    wav_header(out, is_pcm ? MULAW : PCM, 0);
    unsigned long bytes = is_pcm ? encode(in, out) : decode(in, out);
    if (bytes % 2 != 0)
        putc(0, out);
    rewind(out);
    wav_header(out, is_pcm ? MULAW : PCM, bytes);
    fclose(in.file);
    return fclose(out) != 0;
}
