"""Makes a C program that misuses every function of the header, and checks what each says to it.

    python misuse.py include/trunkline.h > misuse.c

The header says what there is to misuse: every pointer is passed as NULL, misaligned and in the place
of every other argument, every length as 0, 1, 7 and more than memory holds, every struct with a wrong
size, every text as something else than UTF-8, every choice as one that does not exist, every output
as too short and then as long as was asked for. A function of a kind that this program does not know
how to call rightly makes it fail, so none is forgotten: each must first succeed with good arguments.
Outputs must be untouched wherever a call fails. Linked with counted.c, none may allocate but `_new`.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

HEADER = Path(sys.argv[1]).read_text()
CODE = re.sub(r"//[^\n]*|/\*.*?\*/", "", HEADER, flags=re.S)

OPAQUE = set(re.findall(r"typedef struct (\w+) \1;", CODE))
STRUCTS = {
    name: re.findall(r"(\w+) (\w+);", body)
    for body, name in re.findall(r"typedef struct \w*\s*\{(.*?)\} (\w+);", CODE, flags=re.S)
}

TWILIO_MEDIA = (
    r'{"event":"media","streamSid":"MZ1","media":{"track":"inbound","timestamp":"20",'
    r'"payload":"\/\/\/\/"}}'
)
OPENAI_DELTA = (
    r'{"type":"response.output_audio.delta","response_id":"r1","item_id":"item_1",'
    r'"content_index":0,"delta":"\/\/\/\/"}'
)

# What a text is by its name, and, where that does not do, by its function.
TEXTS = {
    "text": "hello world",
    "stream_sid": "MZ1",
    "name": "name_1",
    "item_id": "item_1",
    "call_id": "call_1",
    "event_id": "event_1",
    "response_id": "r1",
    "response": "{}",
    "output": "{}",
    "arguments": "{}",
    "event": '{"type":"x"}',
    "trunkline_base64_decode.src": "AAAA" * 40,
    "trunkline_twilio_read.text": TWILIO_MEDIA,
    "trunkline_openai_read.text": OPENAI_DELTA,
    "trunkline_bridge_handle_twilio.text": TWILIO_MEDIA,
    "trunkline_bridge_handle_openai.text": OPENAI_DELTA,
}

NUMBERS = {
    "from_hz": "8000",
    "to_hz": "24000",
    "model_rate_hz": "24000",
    "now_us": "60000000",
    "src_len": "160",
    "encoding": "TRUNKLINE_ENCODING_PCM16",
}
ZEROS = {
    "variant", "profile", "role", "code", "content_index", "timestamp", "index",
    "model_samples", "line_samples", "samples", "audio_end_ms", "heard_ms", "total_ms",
}  # fmt: skip

# What has to be done to an object before a function can succeed, or has something to do.
PREPARE = {
    "trunkline_bridge_poll_output": "trunkline_bridge_send_openai(bridge, TEXT(\"{\\\"type\\\":\\\"x\\\"}\"))",
    "trunkline_bridge_send_tool_output": "open_tool_call(bridge)",
    "trunkline_playback_ledger_pop_heard": "hear_item(ledger)",
    "trunkline_playback_ledger_unheard": "hear_item(ledger)",
    "trunkline_resampler_flush": "feed(resampler)",
}

NEW = {
    "trunkline_bridge": "trunkline_bridge_new(&config, &object)",
    "trunkline_resampler": "trunkline_resampler_new(8000, 24000, 0, &object)",
    "trunkline_jitter_buffer": "trunkline_jitter_buffer_new(&object)",
    "trunkline_playback_ledger": "trunkline_playback_ledger_new(24000, &object)",
}

WIDTH = {"char": 1, "uint8_t": 1, "void": 1, "int16_t": 2, "int32_t": 4, "uint64_t": 8, "size_t": 8}


@dataclass
class Param:
    type: str
    name: str
    stars: int
    is_const: bool
    kind: str = ""

    @property
    def is_pointer(self) -> bool:
        return self.stars > 0

    @property
    def is_written(self) -> bool:
        return self.kind in {"output", "record", "scalar_out", "object_out", "memory"} or (
            self.kind == "object" and not self.is_const
        )

    @property
    def is_aligned(self) -> bool:
        return self.stars > 1 or self.kind == "memory" or WIDTH.get(self.type, 8) > 1

    @property
    def ctype(self) -> str:
        return f"{'const ' if self.is_const else ''}{self.type} {'*' * self.stars}"


@dataclass
class Function:
    result: str
    name: str
    params: list[Param]

    @property
    def object(self) -> Param | None:
        return next((param for param in self.params if param.kind == "object"), None)

    def has(self, name: str) -> bool:
        return any(param.name == name for param in self.params)


def functions() -> list[Function]:
    found = [
        Function(result.strip(), name, parameters(arguments))
        for result, name, arguments in re.findall(
            r"^([\w ]+[ *])(trunkline_\w+)\(([^)]*)\);", CODE, flags=re.M
        )
    ]
    names = set(re.findall(r"\b(trunkline_\w+)\(", CODE))
    assert {function.name for function in found} == names and len(names) > 50
    return found


def parameters(text: str) -> list[Param]:
    params = []
    for one in filter(lambda one: one.strip() not in {"", "void"}, text.split(",")):
        match = re.fullmatch(r"\s*(const )?(\w+) (\**)(\w+)\s*", one)
        assert match, one
        const, ctype, stars, name = match.groups()
        params.append(Param(ctype, name, len(stars), bool(const)))
    names = {param.name for param in params}
    for param in params:
        param.kind = kind(param, names)
    return params


def kind(param: Param, names: set[str]) -> str:
    if not param.is_pointer:
        return "number"
    if param.stars == 2:
        return "object_out"
    if param.type in OPAQUE:
        return "object"
    if param.type == "void":
        return "memory"
    if f"{param.name}_size" in names:
        return "record"
    if f"{param.name}_len" in names:
        return "input" if param.is_const else "output"
    if param.type in STRUCTS:
        assert param.is_const and STRUCTS[param.type][0] == ("size_t", "struct_size"), param
        return "options"
    assert not param.is_const, param
    return "scalar_out"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def good(function: Function, param: Param) -> list[str]:
    """Statements that set `param`, and the length that follows it, to what it should be."""
    name, size = param.name, f"sizeof({param.type})"
    match param.kind:
        case "object":
            prepare = PREPARE.get(function.name, "")
            return [
                f"a.{name} = make_{param.type}();",
                f"{{ {param.type} *{name} = ({param.type} *)a.{name}; (void){name}; {prepare}; }}",
            ]
        case "object_out":
            return [f"a.{name} = output(sizeof(void *));"]
        case "memory":
            owner = function.name.removesuffix("_init")
            assert owner in OPAQUE, function
            config = "&config" if owner == "trunkline_bridge" else ""
            return [f"a.{name}_len = {owner}_size({config});", f"a.{name} = output(a.{name}_len);"]
        case "record":
            return [f"a.{name} = output({size});", f"a.{name}_size = {size};"]
        case "options":
            return [
                f"{{ {param.type} *options = output({size});",
                f"{param.type}_default(options, {size}); keep(options); a.{name} = options; }}",
            ]
        case "scalar_out":
            return [f"a.{name} = output({size});"]
        case "input" if param.type == "char":
            text = TEXTS.get(f"{function.name}.{name}") or TEXTS[name]
            return [f"a.{name} = input({quoted(text)}, {len(text)});", f"a.{name}_len = {len(text)};"]
        case "input":
            return [f"a.{name} = input(NULL, 160 * {size});", f"a.{name}_len = 160;"]
        case "output":
            count = 160 if name == "frame" or not function.has("written") else 60000
            if not function.has("written") and param.type == "char":
                count = 60000
            return [f"a.{name} = output({count} * {size});", f"a.{name}_len = {count};"]
    lengths = {f"{other.name}_{what}" for other in function.params if other.is_pointer for what in ("len", "size")}
    if name in lengths:
        return []
    if name in NUMBERS:
        return [f"a.{name} = {NUMBERS[name]};"]
    assert name in ZEROS, f"{function.name}: what is a good `{name}`?"
    return [f"a.{name} = 0;"]




def cases(function: Function):
    """What is done to good arguments, and the code that has to come of it."""
    pointers = [param for param in function.params if param.is_pointer]
    for param in pointers:
        name, cast = param.name, f"({param.ctype})"
        yield f"{name} is NULL", f"a.{name} = NULL;", "TRUNKLINE_ERR_NULL"
        if param.is_aligned:
            shifted = f"a.{name} = {cast}(void *)((char *)a.{name} + 1);"
            yield f"{name} is misaligned", shifted, "TRUNKLINE_ERR_MISALIGNED"
        match param.kind:
            case "input" | "output" | "memory":
                size = WIDTH[param.type]
                for count in ["SIZE_MAX", f"SIZE_MAX / {size} - 3", f"SIZE_MAX / {2 * size} + 1"]:
                    yield f"{name}_len is {count}", f"a.{name}_len = {count};", "TRUNKLINE_ERR_LENGTH"
                for count in ["0", "1", "7"]:
                    yield f"{name}_len is {count}", f"a.{name}_len = {count};", None
                if param.kind != "memory":
                    yield f"{name} is NULL, 0", f"a.{name} = NULL; a.{name}_len = 0;", None
            case "record":
                for size in ["0", "1", f"sizeof({param.type}) - 1", "SIZE_MAX", "SIZE_MAX / 2"]:
                    change = f"a.{name}_size = {size};"
                    yield f"{name}_size is {size}", change, "TRUNKLINE_ERR_STRUCT_SIZE"
            case "options":
                for size in ["0", "1", f"sizeof({param.type}) - 1", f"sizeof({param.type}) + 1", "SIZE_MAX"]:
                    change = f"(({param.type} *)a.{name})->struct_size = {size};"
                    yield f"{name}->struct_size is {size}", change, "TRUNKLINE_ERR_STRUCT_SIZE"
                yield from wrong_members(param)
        if param.kind == "memory":
            yield f"{name} is too short", f"a.{name}_len -= 1;", "TRUNKLINE_ERR_BUFFER_TOO_SHORT"
        if param.kind == "input" and param.type == "char":
            expected = None if function.name == "trunkline_base64_decode" else "TRUNKLINE_ERR_UTF8"
            yield f"{name} is not UTF-8", f"((char *)a.{name})[0] = (char)0xFF;", expected
        if param.is_written and param.kind != "object":
            for other in pointers:
                if other is not param:
                    change = f"a.{name} = {cast}(void *)a.{other.name};"
                    yield f"{name} is {other.name}", change, "TRUNKLINE_ERR_OVERLAP"
    for param in function.params:
        if param.kind == "number" and param.type == "int32_t":
            for value in ["99", "-1", "INT32_MIN", "INT32_MAX"]:
                yield f"{param.name} is {value}", f"a.{param.name} = {value};", "TRUNKLINE_ERR_ARGUMENT"
        elif param.kind == "number":
            most = {"uint32_t": "UINT32_MAX", "uint64_t": "UINT64_MAX", "size_t": "SIZE_MAX"}[param.type]
            if not re.search(r"_(len|size)$", param.name) or param.name == "src_len":
                yield f"{param.name} is {most}", f"a.{param.name} = {most};", None


def wrong_members(param: Param):
    for ctype, member in STRUCTS[param.type]:
        to = f"(({param.type} *)a.{param.name})->{member}"
        if ctype == "int32_t":
            yield f"{member} is 99", f"{to} = 99;", "TRUNKLINE_ERR_ARGUMENT"
        elif ctype == "trunkline_text":
            yield f"{member} is NULL, 5", f"{to}.len = 5;", "TRUNKLINE_ERR_NULL"
            change = f"{to}.ptr = \"\"; {to}.len = SIZE_MAX;"
            yield f"{member} is too long", change, "TRUNKLINE_ERR_LENGTH"
            change = f"{to}.ptr = \"\\xFF\"; {to}.len = 1;"
            yield f"{member} is not UTF-8", change, "TRUNKLINE_ERR_UTF8"
        elif ctype == "uint64_t":
            yield f"{member} is UINT64_MAX", f"{to} = UINT64_MAX;", None
        elif ctype == "float":
            yield f"{member} is not a number", f"{to} = (float)NAN;", None


def program() -> str:
    out = [PROLOGUE]
    for name in OPAQUE:
        out.append(MAKE.replace("TYPE", name).replace("NEW", NEW[name]))
    tests = []
    for function in functions():
        name = function.name
        if function.result != "int32_t":
            continue
        tests.append(name)
        arguments = ", ".join(f"a->{param.name}" for param in function.params)
        members = "".join(f"    {param.ctype} {param.name};\n" for param in function.params)
        out.append(f"typedef struct {{\n{members}}} {name}_args;")
        out.append(CALL.format(name=name, arguments=arguments, most=int(name.endswith("_new"))))
        setup = "\n    ".join(line for param in function.params for line in good(function, param))
        out.append(f"static {name}_args good_{name}(void) {{\n    {name}_args a;\n    {setup}\n    return a;\n}}")
        out.append(f"static void test_{name}(void) {{")
        out.append(f"    {{ {name}_args a = good_{name}(); expect(\"{name}: good\", call_{name}(&a), TRUNKLINE_OK);")
        if function.name.endswith("_new"):
            out.append(f"    {name.removesuffix('_new')}_free(*a.out);")
        out.append(f"    {done(function.object)} }}")
        makes = name.endswith("_new")
        written = "b.written" if function.has("written") else "NULL"
        for what, change, code in cases(function):
            check = f'expect("{name}: {what}", rc, {code});' if code else f'any("{name}: {what}", rc, {written});'
            is_made = f"if (rc == TRUNKLINE_OK) {name.removesuffix('_new')}_free(*a.out);" if makes else ""
            out.append(
                f"    {{ {name}_args a = good_{name}(); const {name}_args b = a; (void)b; {change}"
                f" int32_t rc = call_{name}(&a); {check} {is_made} {done(function.object).replace('a.', 'b.')} }}"
            )
        if function.has("written"):
            buffer = next(param.name for param in function.params if param.kind == "output")
            ending = done(function.object)
            out.append("    " + TOO_SHORT.format(name=name, buffer=buffer, done=ending))
        out.append("}\n")
    calls = "\n".join(f"    test_{name}();" for name in tests)
    frees = "\n".join(f"    {name}_free(NULL);" for name in sorted(OPAQUE))
    for function in functions():
        known = function.result == "int32_t" or re.search(
            r"_(free|size)$|^trunkline_(version|strerror)$", function.name
        )
        assert known, f"{function.name}: not tested"
    out.append(EPILOGUE.replace("CALLS", calls).replace("FREES", frees).replace("COUNT", str(len(tests))))
    return "\n".join(out)


def done(param: Param | None) -> str:
    free = f"{param.type}_free(({param.type} *)a.{param.name}); " if param else ""
    return f"{free}release();"


PROLOGUE = r"""
#include "trunkline.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) literal, sizeof(literal) - 1

typedef struct {
    unsigned char *ptr;
    size_t len;
    int is_output;
} region;

static region regions[32];
static size_t region_count;
static unsigned long checks, failures;

/* Where nobody counts it stays 0. */
#ifdef COUNTED
extern unsigned long allocations;
#else
static unsigned long allocations;
#endif

static trunkline_config config;

static void fail(const char *what)
{
    failures++;
    fprintf(stderr, "FAILED %s\n", what);
}

static void *add(size_t len, int is_output)
{
    size_t size = len < 8 ? 8 : len; /* for the length of 7 */
    unsigned char *ptr = malloc(size);
    if (ptr == NULL)
        abort();
    memset(ptr, is_output ? 0xA5 : 0, size);
    regions[region_count].ptr = ptr;
    regions[region_count].len = len;
    regions[region_count].is_output = is_output;
    region_count++;
    return ptr;
}

/* Exactly as long as said, so that the sanitizers see any byte too many. */
static void *input(const char *text, size_t len)
{
    void *ptr = add(len, 0);
    if (text != NULL)
        memcpy(ptr, text, len);
    return ptr;
}

static void *output(size_t len) { return add(len, 1); }

static void keep(const void *ptr)
{
    size_t i;
    for (i = 0; i < region_count; i++)
        if (regions[i].ptr == ptr)
            regions[i].is_output = 0;
}

static void release(void)
{
    while (region_count > 0)
        free(regions[--region_count].ptr);
}

static void check_untouched(const char *what, const void *except)
{
    size_t i, j;
    for (i = 0; i < region_count; i++)
        for (j = 0; regions[i].is_output && regions[i].ptr != except && j < regions[i].len; j++)
            if (regions[i].ptr[j] != 0xA5) {
                fail(what);
                fprintf(stderr, "  an output was written to, at byte %zu\n", j);
                break;
            }
}

static void expect_but(const char *what, int32_t rc, int32_t code, const void *except)
{
    checks++;
    if (rc != code) {
        fail(what);
        fprintf(stderr, "  %s instead of %s\n", trunkline_strerror(rc), trunkline_strerror(code));
    }
    if (rc != TRUNKLINE_OK)
        check_untouched(what, except);
}

static void expect(const char *what, int32_t rc, int32_t code) { expect_but(what, rc, code, NULL); }

/* Any code will do; `written` may say how much is needed. */
static void any(const char *what, int32_t rc, const void *written)
{
    if (rc == TRUNKLINE_ERR_PANIC || rc > TRUNKLINE_OK)
        fail(what);
    expect_but(what, rc, rc, rc == TRUNKLINE_ERR_BUFFER_TOO_SHORT ? written : NULL);
}

static void must(int32_t rc)
{
    if (rc != TRUNKLINE_OK) {
        fprintf(stderr, "cannot prepare: %s\n", trunkline_strerror(rc));
        abort();
    }
}

static void drain(trunkline_bridge *bridge)
{
    static char buf[60000];
    trunkline_output out;
    size_t len;
    do
        must(trunkline_bridge_poll_output(bridge, buf, sizeof buf, &out, sizeof out, &len));
    while (out.kind != TRUNKLINE_OUTPUT_NONE);
}

static void openai(trunkline_bridge *bridge, const char *text)
{
    must(trunkline_bridge_handle_openai(bridge, 1000, text, strlen(text)));
    drain(bridge);
}

/* A call and a session, both under way. */
static void prepare_trunkline_bridge(trunkline_bridge *bridge)
{
    trunkline_session session;
    must(trunkline_bridge_handle_twilio(bridge, 0, TEXT(
        "{\"event\":\"start\",\"streamSid\":\"MZ1\",\"start\":{\"callSid\":\"CA1\",\"mediaFormat\":"
        "{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1}}}")));
    drain(bridge);
    must(trunkline_session_default(&session, sizeof session));
    must(trunkline_bridge_update_session(bridge, &session));
    drain(bridge);
    openai(bridge, "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"format\":"
                   "{\"type\":\"audio/pcm\",\"rate\":24000}},\"output\":{\"format\":"
                   "{\"type\":\"audio/pcm\",\"rate\":24000}}}}}");
}

static void open_tool_call(trunkline_bridge *bridge)
{
    openai(bridge, "{\"type\":\"response.created\",\"response\":{\"id\":\"r1\"}}");
    openai(bridge, "{\"type\":\"response.output_item.done\",\"response_id\":\"r1\",\"item\":{\"id\":"
                   "\"item_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\","
                   "\"arguments\":\"{}\",\"status\":\"completed\"}}");
}

/* One item heard to its end, and another that nothing was heard of. */
static void hear_item(trunkline_playback_ledger *ledger)
{
    char name[40];
    size_t len;
    int32_t echo;
    must(trunkline_playback_ledger_receive(ledger, TEXT("item_1"), 0, 480, 160));
    must(trunkline_playback_ledger_finish(ledger, TEXT("item_1"), 0));
    must(trunkline_playback_ledger_send(ledger, 0, 160));
    must(trunkline_playback_ledger_mark(ledger, name, sizeof name, &len));
    must(trunkline_playback_ledger_handle_mark(ledger, 1000000, name, len, &echo));
    must(trunkline_playback_ledger_receive(ledger, TEXT("item_2"), 0, 480, 160));
}

static void feed(trunkline_resampler *resampler)
{
    int16_t in[160] = {0}, out[480];
    size_t len;
    must(trunkline_resampler_process(resampler, in, 160, out, 480, &len));
}

static void prepare_trunkline_resampler(trunkline_resampler *object) { (void)object; }
static void prepare_trunkline_jitter_buffer(trunkline_jitter_buffer *object) { (void)object; }
static void prepare_trunkline_playback_ledger(trunkline_playback_ledger *object) { (void)object; }
"""

MAKE = """
static TYPE *make_TYPE(void)
{
    TYPE *object = NULL;
    must(NEW);
    prepare_TYPE(object);
    return object;
}
"""

CALL = """static int32_t call_{name}({name}_args *a)
{{
    unsigned long before = allocations;
    int32_t rc = {name}({arguments});
    if (allocations - before > {most})
        fail("{name}: allocates");
    return rc;
}}"""

TOO_SHORT = """{{
        {name}_args a = good_{name}();
        size_t needed;
        a.{buffer}_len = 0;
        expect_but("{name}: {buffer} is too short", call_{name}(&a), TRUNKLINE_ERR_BUFFER_TOO_SHORT,
                   a.written);
        needed = *a.written;
        a.{buffer}_len = needed - 1;
        expect_but("{name}: {buffer} is one short", call_{name}(&a), TRUNKLINE_ERR_BUFFER_TOO_SHORT,
                   a.written);
        a.{buffer}_len = needed;
        expect("{name}: {buffer} as asked", call_{name}(&a), TRUNKLINE_OK);
        if (*a.written != needed)
            fail("{name}: another length than asked for");
        {done}
    }}"""

EPILOGUE = r"""
int main(void)
{
    int32_t code;
    must(trunkline_config_default(&config, sizeof config));
CALLS
FREES
    if (trunkline_bridge_size(NULL) != 0)
        fail("trunkline_bridge_size: no config");
    for (code = -100; code <= 100; code++) {
        int is_known = code <= TRUNKLINE_OK && code >= TRUNKLINE_ERR_UNSUPPORTED_VERSION;
        int says_unknown = strcmp(trunkline_strerror(code), "unknown code") == 0;
        if (is_known == says_unknown)
            fail("trunkline_strerror");
    }
    printf("misuse: %lu calls of COUNT functions, %lu failed\n", checks, failures);
    return failures != 0;
}
"""

print(program())
