/* Any bytes as a tokenizer.json; what parses must encode, and give each id its bytes. Built and run by `make fuzz`. */
#include <stdint.h>
#include <stdlib.h>

#include "lightcone/tokenizer.h"
#include "tokenizer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct lc_tokenizer *tok, const char *text, size_t size)
{
    struct lc_err err = LC_ERR_INIT;
    struct lc_ids ids = {0};

    if (lc_tokenizer_encode(tok, text, size, &ids, &err) == LC_OK)
        for (int64_t i = 0; i < ids.count; i++)
            if (ids.id[i] < 0 || ids.id[i] >= lc_tokenizer_vocab_size(tok))
                abort();
    lc_ids_release(&ids);
}

static void look_up(const struct lc_tokenizer *tok)
{
    unsigned sum = 0;

    for (int64_t id = -1; id <= lc_tokenizer_vocab_size(tok); id++) {
        size_t n;
        const unsigned char *p = lc_tokenizer_bytes(tok, (int32_t)id, &n);
        for (size_t i = 0; i < n; i++)
            sum += p[i];
    }
    if (sum == 1) /* so that the reads are not left out */
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char sample[] = "It's  \n a\xcc\x81 \xe2\x80\xa8 12 ab<|endoftext|>\xed\x95\x9c";
    struct lc_err err = LC_ERR_INIT;
    struct lc_tokenizer *tok = NULL;

    if (lc_tokenizer_parse(&tok, "fuzz", data, size, &err) != LC_OK) {
        if (err.code == LC_OK || tok)
            abort();
        return 0;
    }
    look_up(tok);
    encode(tok, sample, sizeof sample - 1);
    encode(tok, (const char *)data, size < 512 ? size : 512);
    lc_tokenizer_close(tok);
    return 0;
}
