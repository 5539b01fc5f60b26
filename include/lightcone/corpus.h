/* corpus.h - a text file as one stream of token ids, tokenised once and kept in a cache file. */
#ifndef LC_CORPUS_H
#define LC_CORPUS_H

#include <stdint.h>

#include "lightcone/err.h"
#include "lightcone/file.h"
#include "lightcone/hash.h"
#include "lightcone/tokenizer.h"

struct lc_corpus {
    const int32_t *id; /* [count], in the cache file's mapping or in owned memory */
    int64_t count;
    char text_hash[LC_HASH_HEX];      /* SHA-256 of the corpus file */
    char tokenizer_hash[LC_HASH_HEX]; /* SHA-256 of tokenizer.json */
    int64_t text_size, tokenizer_size;
    struct lc_map map; /* of the cache file; internal */
    int32_t *own;      /* ids when there is no cache; internal */
};

/* Token ids of text_path under tokenizer `tok` (read from tokenizer_path). With cache_folder not NULL, a cache file
 * there named by both hashes (tokens-TOKENIZER-TEXT.bin, 16 digits of each) is mapped when it is present and sound
 * (checked by its own header and SHA-256), and written atomically when it is not; a cache that cannot be written is an
 * error; the folder is made when it is missing. At most `limit` tokens (0: all). LC_E_FORMAT for an empty corpus or
 * invalid UTF-8 (with the byte offset). */
int lc_corpus_open(struct lc_corpus *corpus, const struct lc_tokenizer *tok, const char *tokenizer_path,
                   const char *text_path, const char *cache_folder, int64_t limit, struct lc_err *err);
void lc_corpus_close(struct lc_corpus *corpus);

#endif
