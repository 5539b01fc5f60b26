/* tokenizer.h - byte-level BPE tokenizers (Hugging Face tokenizer.json): GPT-NeoX, GPT-2 and their like.
 * Ids are those of the `tokenizers` library (0.23), token for token. Any other kind is refused by name.
 *
 * Read: model BPE; normalizer none or NFC; pre-tokenizer ByteLevel, or a sequence of Split (Isolated or Removed) and
 * ByteLevel; added tokens without single_word, lstrip and rstrip. Left aside, because a corpus is one text and its
 * windows are cut later: truncation, padding, post_processor. */
#ifndef LC_TOKENIZER_H
#define LC_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "lightcone/err.h"

struct lc_tokenizer; /* opaque */

/* Read PATH (a tokenizer.json of up to 64 MiB). *out is owned by the caller: lc_tokenizer_close(). LC_E_FORMAT names
 * the file, the key, what was found and what is allowed. It is never changed after, so threads may share it. */
int lc_tokenizer_open(struct lc_tokenizer **out, const char *path, struct lc_err *err);
void lc_tokenizer_close(struct lc_tokenizer *tok);

/* One more than the largest id. */
int64_t lc_tokenizer_vocab_size(const struct lc_tokenizer *tok);

/* Id of the BOS / end-of-text token (the special added token <|endoftext|>), or -1. */
int32_t lc_tokenizer_bos(const struct lc_tokenizer *tok);

/* The bytes that token `id` decodes to (no NUL behind, perhaps part of a UTF-8 sequence); *size 0 for an unused id. */
const unsigned char *lc_tokenizer_bytes(const struct lc_tokenizer *tok, int32_t id, size_t *size);

struct lc_ids {
    int32_t *id; /* owned */
    int64_t count, room;
};
void lc_ids_release(struct lc_ids *ids);

/* Append the ids of `text` (UTF-8, `size` bytes; LC_E_FORMAT names the byte offset of the first invalid sequence).
 * No BOS, no post-processing template. A byte that has no token is left out, as the library does without an unk_token.
 * On failure *out is as it was. */
int lc_tokenizer_encode(const struct lc_tokenizer *tok, const char *text, size_t size, struct lc_ids *out,
                        struct lc_err *err);

#endif
