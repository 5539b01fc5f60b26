/* pretokenize.c - the pre-tokenizers: a text cut into words, each handed to the merges. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "tokenizer_internal.h"

enum { JIT_STACK_FIRST = 32 << 10, JIT_STACK_MAX = 16 << 20, STEPS_FIRST = 10000000, STEPS_PER_BYTE = 16 };

struct lc_splitter {
    const struct lc_tokenizer *tok;
    struct lc_bpe *bpe;
    struct lc_ids *out;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct lc_bytes spaced[LC_STAGES_MAX]; /* per stage: the piece at hand with a space in front */
};

static int compile(void **code, const char *where, const struct lc_bytes *pattern, uint32_t options,
                   struct lc_err *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *c;
    PCRE2_SIZE at;
    int number;
    PCRE2_UCHAR text[256] = "";

    if (!context)
        return LC_FAIL(err, LC_E_MEMORY, "no memory for a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    c = pcre2_compile(pattern->data, pattern->size, PCRE2_UTF | options, &number, &at, context);
    pcre2_compile_context_free(context);
    if (!c) {
        pcre2_get_error_message(number, text, sizeof text);
        return LC_FAIL(err, LC_E_FORMAT, "%s: the regular expression is refused by PCRE2: %s", where,
                       (char *)text);
    }
    pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); /* where there is no JIT, matching is slower and the same */
    *code = c;
    return LC_OK;
}

int lc_stage_compile(void **code, const char *where, const char *pattern, size_t size, int literal,
                     struct lc_err *err)
{
    struct lc_bytes translated = {0};
    int rc;

    if (size == 0 || size > LC_PATTERN_BYTES_MAX)
        return LC_FAIL(err, LC_E_FORMAT, "%s: the pattern has %zu bytes; allowed: 1 to %d", where, size,
                       LC_PATTERN_BYTES_MAX);
    rc = literal ? lc_bytes_add(&translated, pattern, size, err)
                 : lc_pattern_translate(&translated, where, pattern, size, err);
    if (rc == LC_OK)
        rc = compile(code, where, &translated, literal ? PCRE2_LITERAL : PCRE2_UCP, err);
    lc_bytes_release(&translated);
    return rc;
}

void lc_stage_release(struct lc_stage *stage)
{
    pcre2_code_free(stage->code);
    *stage = (struct lc_stage){0};
}

int lc_splitter_open(struct lc_splitter **out, const struct lc_tokenizer *tok, struct lc_bpe *bpe,
                     struct lc_err *err)
{
    struct lc_splitter *s = NULL;
    int rc = LC_ALLOC(&s, 1, "pre-tokenizer", err);

    if (rc != LC_OK)
        return rc;
    s->tok = tok;
    s->bpe = bpe;
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MAX, NULL);
    if (!s->match || !s->context) {
        lc_splitter_close(s);
        return LC_FAIL(err, LC_E_MEMORY, "no memory for matching a regular expression");
    }
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    *out = s;
    return LC_OK;
}

void lc_splitter_close(struct lc_splitter *s)
{
    if (!s)
        return;
    for (int i = 0; i < LC_STAGES_MAX; i++)
        lc_bytes_release(&s->spaced[i]);
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    pcre2_match_data_free(s->match);
    free(s);
}

static int run_stage(struct lc_splitter *s, int number, const char *text, size_t size, struct lc_err *err);

/* The next match at or after `at`: 1 and its ends, 0 when there is none, or -1 with the error set. */
static int next_match(struct lc_splitter *s, const struct lc_stage *stage, const char *text, size_t size,
                      size_t at, size_t ends[2], struct lc_err *err)
{
    PCRE2_UCHAR why[256] = "";
    PCRE2_SIZE *found;
    int n = pcre2_match(stage->code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, s->match, s->context);

    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n < 0) {
        pcre2_get_error_message(n, why, sizeof why);
        LC_FAIL(err, LC_E_LIBRARY, "PCRE2 cannot split the text: %s", (char *)why);
        return -1;
    }
    found = pcre2_get_ovector_pointer(s->match);
    ends[0] = found[0];
    ends[1] = found[1];
    return 1;
}

static size_t character_size(const char *text, size_t size)
{
    size_t n = 1;

    while (n < size && ((unsigned char)text[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Each match and each stretch between matches is a piece of its own. */
static int split(struct lc_splitter *s, int number, const char *text, size_t size, struct lc_err *err)
{
    const struct lc_stage *stage = &s->tok->stage[number];
    size_t done_to = 0, from = 0, ends[2];
    int found = 0, rc = LC_OK;

    while (from < size && (found = next_match(s, stage, text, size, from, ends, err)) == 1) {
        LC_TRY(rc, run_stage(s, number + 1, text + done_to, ends[0] - done_to, err));
        if (!stage->removed)
            LC_TRY(rc, run_stage(s, number + 1, text + ends[0], ends[1] - ends[0], err));
        done_to = from = ends[1];
        if (ends[0] == ends[1] && from < size)
            from += character_size(text + from, size - from);
    }
    if (found < 0)
        return err->code;
    rc = run_stage(s, number + 1, text + done_to, size - done_to, err);
done:
    return rc;
}

static int run_stage(struct lc_splitter *s, int number, const char *text, size_t size, struct lc_err *err)
{
    const struct lc_stage *stage = &s->tok->stage[number];
    struct lc_bytes *spaced;
    int rc = LC_OK;

    if (size == 0)
        return LC_OK;
    if (number == s->tok->stages)
        return lc_bpe_word(s->bpe, text, size, s->out, err);
    if (stage->prefix_space && text[0] != ' ') {
        spaced = &s->spaced[number];
        spaced->size = 0;
        LC_TRY(rc, lc_bytes_add(spaced, " ", 1, err));
        LC_TRY(rc, lc_bytes_add(spaced, text, size, err));
        text = (const char *)spaced->data;
        size = spaced->size;
    }
    rc = stage->code ? split(s, number, text, size, err) : run_stage(s, number + 1, text, size, err);
done:
    return rc;
}

/* Steps that one match may take: going back over one long run of blanks is fine, going astray is not. */
static uint32_t step_limit(size_t size)
{
    return size > (UINT32_MAX - STEPS_FIRST) / STEPS_PER_BYTE
               ? UINT32_MAX
               : (uint32_t)(STEPS_FIRST + STEPS_PER_BYTE * size);
}

int lc_splitter_run(struct lc_splitter *s, const char *text, size_t size, struct lc_ids *out,
                    struct lc_err *err)
{
    pcre2_set_match_limit(s->context, step_limit(size));
    s->out = out;
    return run_stage(s, 0, text, size, err);
}
