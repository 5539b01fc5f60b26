/* Whatever the bytes, lc_config_parse() returns; what it accepts has a canonical form that reads back as itself.
 * A zero byte ends the document; what follows is one override. Built and run by `make fuzz`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_unless(int holds, const char *what, const struct lc_err *err)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, err->msg);
    abort();
}

static void check_canonical(const struct lc_config *config)
{
    const char *output = "output=o";
    struct lc_bytes first = {0}, second = {0};
    struct lc_config again;
    struct lc_err err = LC_ERR_INIT;
    int rc = lc_config_canonical(config, &first, &err);

    stop_unless(rc == LC_OK, "no canonical form", &err);
    rc = lc_config_parse(&again, "c.yaml", (const char *)first.data, first.size, &output, 1, &err);
    stop_unless(rc == LC_OK, "the canonical form does not parse", &err);
    rc = lc_config_canonical(&again, &second, &err);
    stop_unless(rc == LC_OK && first.size == second.size && memcmp(first.data, second.data, first.size) == 0,
                "the canonical form is not stable", &err);
    lc_config_release(&again);
    lc_bytes_release(&first);
    lc_bytes_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t length = zero ? (size_t)(zero - data) : size;
    char *override = calloc(size - length + 1, 1);
    struct lc_config config;
    struct lc_err err = LC_ERR_INIT;
    int rc;

    if (!override)
        return 0;
    if (zero)
        memcpy(override, zero + 1, size - length - 1);
    rc = lc_config_parse(&config, "a/b.yaml", (const char *)data, length, (const char *const *)&override, zero != NULL,
                         &err);
    stop_unless(rc == err.code, "the code is not the error's", &err);
    if (rc == LC_OK) {
        check_canonical(&config);
        lc_config_release(&config);
    }
    free(override);
    return 0;
}
