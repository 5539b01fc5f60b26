/* tokenizer_internal.h - what the files of the tokenizer share. */
#ifndef LC_TOKENIZER_INTERNAL_H
#define LC_TOKENIZER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/memory.h"
#include "lightcone/tokenizer.h"
#include "lookup.h"

enum {
    LC_STAGES_MAX = 16,           /* pre-tokenizers in a sequence */
    LC_ADDED_MAX = 65536,         /* added tokens */
    LC_ADDED_BYTES_MAX = 1024,    /* of one added token */
    LC_PATTERN_BYTES_MAX = 65536, /* of a regular expression */
};

/* The regular expression that a ByteLevel pre-tokenizer with use_regex splits by. */
#define LC_BYTE_LEVEL_PATTERN                                                                                \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* One pre-tokenizer: an optional space in front, then an optional split by a regular expression. */
struct lc_stage {
    int prefix_space;
    void *code;  /* pcre2_code, owned; NULL: no split */
    int removed; /* matches are dropped rather than words of their own */
};

/* Added tokens as a trie over bytes; node 0 is the root. */
struct lc_trie {
    struct lc_lookup edge; /* node << 8 | byte, to child */
    int32_t *id;          /* [nodes] token that ends here, or -1; owned */
    int64_t nodes, room;
    unsigned char first[256]; /* bytes that a token begins with */
};

struct lc_token {
    size_t at, size; /* in lc_tokenizer.bytes */
    int used;
};

struct lc_tokenizer {
    struct lc_bytes bytes;  /* of all tokens */
    struct lc_token *token; /* [vocab_size] */
    int64_t vocab_size;
    int32_t byte_id[256];   /* token of each single byte, or -1 */
    struct lc_lookup merges; /* left id << 32 | right id, to rank << 32 | merged id */
    struct lc_dict words;   /* bytes to id, when whole words are looked up before merges */
    int ignore_merges, nfc;
    struct lc_trie added[2]; /* matched before and after normalisation */
    struct lc_stage stage[LC_STAGES_MAX];
    int stages;
    int32_t bos;
};

/* Parse `size` bytes of a tokenizer.json; `path` is for messages. *out is owned: lc_tokenizer_close(). */
int lc_tokenizer_parse(struct lc_tokenizer **out, const char *path, const void *data, size_t size,
                       struct lc_err *err);

/* GPT-2's printable stand-ins for the 256 bytes (U+0000 to U+0143): the byte that `point` stands for, or -1. */
int lc_byte_of_point(int32_t point);
/* Append the bytes that a vocabulary entry stands for: by the table above, or as they are when a character is
 * not in it (*plain = 0). `text` is valid UTF-8. */
int lc_byte_level_decode(struct lc_bytes *out, const char *text, size_t size, int *plain, struct lc_err *err);

/* Offset of the first byte that is not valid UTF-8, or `size`. */
size_t lc_utf8_check(const char *text, size_t size);
/* Append the NFC form of valid UTF-8. Linear in size but for the sort of long runs of combining marks. */
int lc_nfc(struct lc_bytes *out, const char *text, size_t size, struct lc_err *err);

/* Add a token; LC_E_FORMAT when the same content is there. */
int lc_trie_add(struct lc_trie *t, const void *content, size_t size, int32_t id, struct lc_err *err);
/* Longest token at the head of text: its size and *id, or 0. */
size_t lc_trie_match(const struct lc_trie *t, const char *text, size_t size, int32_t *id);
void lc_trie_release(struct lc_trie *t);

/* The pattern in PCRE2's dialect with the classes of Unicode 16, appended to *out. The constructs that
 * Oniguruma and PCRE2 read alike are allowed, the others are LC_E_FORMAT naming `where` and the offset. */
int lc_pattern_translate(struct lc_bytes *out, const char *where, const char *pattern, size_t size,
                         struct lc_err *err);
/* Append the ranges of characters of a general category ("L", "Nd") that came with Unicode 15 and 16. */
int lc_unicode_later(struct lc_bytes *out, const char *category, struct lc_err *err);
/* *code = the compiled pattern. `literal`: no regular expression but a text. */
int lc_stage_compile(void **code, const char *where, const char *pattern, size_t size, int literal,
                     struct lc_err *err);
void lc_stage_release(struct lc_stage *stage);

/* The working memory of one call of lc_tokenizer_encode(). */
struct lc_splitter; /* pretokenize.c */
struct lc_bpe;      /* bpe.c */
int lc_bpe_open(struct lc_bpe **out, const struct lc_tokenizer *tok, struct lc_err *err);
void lc_bpe_close(struct lc_bpe *bpe);
/* Append the ids of one word (the bytes of a pre-token). O(n log n). */
int lc_bpe_word(struct lc_bpe *bpe, const char *word, size_t size, struct lc_ids *out, struct lc_err *err);

int lc_splitter_open(struct lc_splitter **out, const struct lc_tokenizer *tok, struct lc_bpe *bpe,
                     struct lc_err *err);
void lc_splitter_close(struct lc_splitter *s);
/* Run a piece of text through the pre-tokenizers and append the ids of its words. */
int lc_splitter_run(struct lc_splitter *s, const char *text, size_t size, struct lc_ids *out,
                    struct lc_err *err);

int lc_ids_add(struct lc_ids *ids, const int32_t *id, int64_t count, struct lc_err *err);

#endif
