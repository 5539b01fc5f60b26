/* pattern.c - regular expressions of tokenizer.json (Oniguruma's dialect) rewritten for PCRE2.
 *
 * The two dialects differ in many places (\h, \s of U+180E, {n}+, nested sets, anchors, multi-character case
 * folds); what is let through is what they read alike, and character classes are spelled out with the tables
 * of unicode.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tokenizer_internal.h"

#define SPACES                                                                                               \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{" \
    "3000}"
#define NOT_SPACES                                                                                           \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"          \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"

enum { REPEAT_MAX = 1000, GROUPS_MAX = 64 };
enum item { ITEM_START, ITEM_LITERAL, ITEM_CLASS, ITEM_RANGE };

struct translation {
    struct lc_bytes *out;
    const char *where, *pattern;
    size_t size, at;
    int depth, fold[GROUPS_MAX]; /* per open group: whether letters match without regard to case */
    struct lc_err *err;
};

static int refuse(struct translation *t, const char *what, const char *allowed)
{
    return LC_FAIL(t->err, LC_E_FORMAT, "%s: the regular expression has %s at byte %zu; allowed: %s",
                   t->where, what, t->at, allowed);
}

static int emit(struct translation *t, size_t size)
{
    int rc = lc_bytes_add(t->out, t->pattern + t->at, size, t->err);

    t->at += size;
    return rc;
}

static int emit_text(struct translation *t, const char *text, size_t skip)
{
    t->at += skip;
    return lc_bytes_add(t->out, text, strlen(text), t->err);
}

static int next_is(const struct translation *t, const char *text)
{
    size_t n = strlen(text);

    return t->size - t->at >= n && memcmp(t->pattern + t->at, text, n) == 0;
}

static int peek(const struct translation *t, size_t ahead)
{
    return t->size - t->at > ahead ? (unsigned char)t->pattern[t->at + ahead] : -1;
}

/* "{L}" or "{Lu}" after \p: the category's name. */
static int read_category(struct translation *t, char name[3])
{
    static const char *const known[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc",
                                        "Me", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps",
                                        "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So"};
    size_t n = peek(t, 4) == '}' ? 1 : 2;

    if (peek(t, 2) == '{' && peek(t, n + 3) == '}') {
        snprintf(name, 3, "%.*s", (int)n, t->pattern + t->at + 3);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (strcmp(name, known[i]) == 0)
                return LC_OK;
    }
    return refuse(t, "a property", "\\p{L}, {M}, {N}, {P}, {S} and their two-letter parts");
}

/* A class by its category; between brackets when it does not stand in some already. */
static int emit_category(struct translation *t, const char *category, size_t skip, int inside, int negated)
{
    int rc;

    if (negated && inside)
        return refuse(t, "a negated class within brackets", "\\s \\S \\d \\p{..}");
    if (t->fold[t->depth] && category[0] == 'L' && category[1])
        return refuse(t, "a class of letters of one case within (?i:", "other classes");
    rc = inside ? LC_OK : emit_text(t, negated ? "[^" : "[", 0);
    if (rc == LC_OK)
        rc = lc_bytes_printf(t->out, t->err, "\\p{%s}", category);
    if (rc == LC_OK)
        rc = lc_unicode_later(t->out, category, t->err);
    if (rc == LC_OK && !inside)
        rc = emit_text(t, "]", 0);
    t->at += skip;
    return rc;
}

static int emit_spaces(struct translation *t, int inside, int negated)
{
    const char *ranges = negated ? NOT_SPACES : SPACES;
    int rc = inside ? LC_OK : emit_text(t, "[", 0);

    if (rc == LC_OK)
        rc = emit_text(t, ranges, 2);
    return rc == LC_OK && !inside ? emit_text(t, "]", 0) : rc;
}

static int escape(struct translation *t, int inside, enum item *item)
{
    int c = peek(t, 1), rc;
    char name[3];

    *item = ITEM_CLASS;
    switch (c) {
    case 's':
    case 'S':
        return emit_spaces(t, inside, c == 'S');
    case 'd':
    case 'D':
        return emit_category(t, "Nd", 2, inside, c == 'D');
    case 'p':
    case 'P':
        rc = read_category(t, name);
        return rc == LC_OK ? emit_category(t, name, 4 + strlen(name), inside, c == 'P') : rc;
    default:
        *item = ITEM_LITERAL;
        if (c > 0 && (strchr("rnt", c) || (c < 0x80 && ispunct(c))))
            return emit(t, 2);
        return refuse(t, "an escape", "\\s \\S \\d \\D \\p{..} \\P{..} \\r \\n \\t and escaped punctuation");
    }
}

static int class_dash(struct translation *t, enum item *item)
{
    if (peek(t, 1) == ']' || *item == ITEM_START) {
        *item = ITEM_LITERAL;
        return emit_text(t, "\\-", 1);
    }
    if (*item != ITEM_LITERAL)
        return refuse(t, "a '-' after a class", "a range of characters, or '-' first, last or escaped");
    *item = ITEM_RANGE;
    return emit(t, 1);
}

static int class_item(struct translation *t, enum item *item)
{
    enum item before = *item;
    int c = peek(t, 0), rc;

    if (c == '[' || (c == '&' && peek(t, 1) == '&') || (c == ']' && before == ITEM_START))
        return refuse(t, "a set within a set", "sets of characters, ranges and classes");
    if (c == '-')
        return class_dash(t, item);
    *item = ITEM_LITERAL;
    rc = c == '\\' ? escape(t, 1, item) : emit(t, 1);
    if (rc == LC_OK && before == ITEM_RANGE) {
        if (*item != ITEM_LITERAL)
            return refuse(t, "a range that ends in a class", "a range of characters");
        *item = ITEM_CLASS; /* no second '-' may follow */
    }
    return rc;
}

static int bracket(struct translation *t)
{
    enum item item = ITEM_START;
    int rc = emit(t, next_is(t, "[^") ? 2 : 1);

    while (rc == LC_OK && (peek(t, 0) != ']' || item == ITEM_START)) {
        if (t->at >= t->size)
            return refuse(t, "a set that does not end", "[...]");
        /* the bytes of one character after its first one continue the item */
        if (((unsigned)peek(t, 0) & 0xc0) == 0x80)
            rc = emit(t, 1);
        else
            rc = class_item(t, &item);
    }
    return rc == LC_OK ? emit(t, 1) : rc;
}

static int open_group(struct translation *t)
{
    static const char *const known[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};

    if (t->depth + 1 == GROUPS_MAX)
        return refuse(t, "groups nested deeply", "up to 63");
    t->fold[t->depth + 1] = t->fold[t->depth] || next_is(t, "(?i:");
    t->depth++;
    if (peek(t, 1) != '?' && peek(t, 1) != '*')
        return emit(t, 1);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (next_is(t, known[i]))
            return emit(t, strlen(known[i]));
    return refuse(t, "a group of an unknown kind", "( (?: (?i: (?= (?! (?<= (?<! (?>");
}

static int close_group(struct translation *t)
{
    if (t->depth == 0)
        return refuse(t, "a ')' without '('", "pairs");
    t->depth--;
    return emit(t, 1);
}

/* {n}, {n,} and {n,m}; Oniguruma reads a '+' or '?' after them in its own way. */
static int repeat(struct translation *t)
{
    size_t n = 1;
    long low = 0, high = 0;

    for (; isdigit(peek(t, n)) && low <= REPEAT_MAX; n++)
        low = 10 * low + (peek(t, n) - '0');
    if (n > 1 && peek(t, n) == ',')
        for (n++; isdigit(peek(t, n)) && high <= REPEAT_MAX; n++)
            high = 10 * high + (peek(t, n) - '0');
    if (n == 1 || peek(t, n) != '}' || low > REPEAT_MAX || high > REPEAT_MAX || peek(t, n + 1) == '+' ||
        peek(t, n + 1) == '?' || peek(t, n + 1) == '*' || peek(t, n + 1) == '{')
        return refuse(t, "a '{'", "{n}, {n,}, {n,m} up to 1000, or \\{");
    return emit(t, n + 1);
}

static int translate_item(struct translation *t)
{
    enum item ignored;

    switch (peek(t, 0)) {
    case '\\':
        return escape(t, 0, &ignored);
    case '[':
        return bracket(t);
    case '(':
        return open_group(t);
    case ')':
        return close_group(t);
    case '{':
        return repeat(t);
    case '^':
    case '$':
        return refuse(t, "an anchor", "no ^ and $");
    default:
        return emit(t, 1);
    }
}

int lc_pattern_translate(struct lc_bytes *out, const char *where, const char *pattern, size_t size,
                         struct lc_err *err)
{
    struct translation t = {.out = out, .where = where, .pattern = pattern, .size = size, .err = err};
    int rc = LC_OK;

    while (t.at < t.size && rc == LC_OK)
        rc = translate_item(&t);
    if (rc == LC_OK && t.depth)
        rc = refuse(&t, "a group that does not end", "pairs");
    return rc;
}
