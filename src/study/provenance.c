#include "provenance.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lightcone/file.h"
#include "hashes.h"

static int add_line(struct lc_bytes *out, const char *hash, int64_t size, const char *role, const char *name,
                    struct lc_err *err)
{
    return lc_bytes_printf(out, err, "%s  %" PRId64 "  %s  %s\n", hash, size, role, name);
}

/* Lines that are being written. */
struct list {
    struct lc_bytes *out;
    struct lc_hashes *hashes; /* NULL: none of files that must be read for it */
    int names; /* 1: no lines, only the names of such files into hashes */
};

static int add_file(const struct list *to, const char *path, const char *role, struct lc_err *err)
{
    char hash[LC_HASH_HEX] = "";
    struct lc_map map;
    int64_t size = 0;

    if (to->names)
        return lc_hashes_note(to->hashes, path, err);
    if (to->hashes && lc_hash_once(to->hashes, path, hash, &size, err) != LC_OK)
        return err->code;
    if (!to->hashes) {
        if (lc_map_open(&map, path, err) != LC_OK)
            return err->code;
        size = (int64_t)map.size;
        lc_map_close(&map);
    }
    return add_line(to->out, hash, size, role, lc_path_name(path), err);
}

static int matches(const char *name, const char *const *patterns)
{
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, FNM_PERIOD) == 0)
            return 1;
    return 0;
}

/* Files of a folder that match, in the order of their names. */
static int add_folder(const struct list *to, const char *folder, const char *const *patterns, const char *role,
                      struct lc_err *err)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, alphasort), rc = LC_OK;
    char path[LC_PATH_MAX];

    if (n < 0)
        return LC_FAIL(err, LC_E_IO, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (rc == LC_OK && matches(entry[i]->d_name, patterns)) {
            rc = lc_path_join(path, folder, entry[i]->d_name, err);
            if (rc == LC_OK && lc_path_is_file(path))
                rc = add_file(to, path, role, err);
        }
        free(entry[i]);
    }
    free(entry);
    return rc;
}

static int add_sae(const struct list *to, const struct lc_study *study, const struct lc_site *site, struct lc_err *err)
{
    static const char *const files[] = {"ae.pt", "config.json", "cfg.json", "*.safetensors", NULL};
    char path[LC_PATH_MAX], role[64];

    snprintf(role, sizeof role, "sae:%s", site->name);
    if (lc_sae_path(path, sizeof path, study->config.sae_path, site->layer, err) != LC_OK)
        return err->code;
    if (lc_path_is_file(path))
        return add_file(to, path, role, err);
    return add_folder(to, path, files, role, err);
}

static int add_model(const struct list *to, const struct lc_study *study, struct lc_err *err)
{
    static const char *const files[] = {"config.json", "*.safetensors", "*.safetensors.index.json", NULL};

    return add_folder(to, study->config.model_path, files, "model", err);
}

static int add_saes(const struct list *to, const struct lc_study *study, struct lc_err *err)
{
    int rc = LC_OK;

    for (int64_t i = 0; i < study->sites && rc == LC_OK; i++)
        rc = add_sae(to, study, &study->site[i], err);
    return rc;
}

static int add_weights(const struct list *to, const struct lc_study *study, struct lc_err *err)
{
    int rc = add_model(to, study, err);

    return rc == LC_OK ? add_saes(to, study, err) : rc;
}

int lc_provenance_write_weights(struct lc_bytes *out, const struct lc_study *study, struct lc_hashes *hashes,
                                struct lc_err *err)
{
    return add_weights(&(struct list){.out = out, .hashes = hashes}, study, err);
}

int lc_provenance_note_weights(struct lc_hashes *hashes, const struct lc_study *study, struct lc_err *err)
{
    return add_weights(&(struct list){.hashes = hashes, .names = 1}, study, err);
}

int lc_provenance_write(struct lc_bytes *out, const struct lc_study *study, const struct lc_corpus *corpus,
                        struct lc_hashes *hashes, struct lc_err *err)
{
    const struct list to = {.out = out, .hashes = hashes};
    int rc;

    LC_TRY(rc, add_model(&to, study, err));
    LC_TRY(rc, add_line(out, corpus->tokenizer_hash, corpus->tokenizer_size, "tokenizer", "tokenizer.json", err));
    LC_TRY(rc, add_saes(&to, study, err));
    LC_TRY(rc,
           add_line(out, corpus->text_hash, corpus->text_size, "corpus", lc_path_name(study->config.corpus_path), err));
done:
    return rc;
}

int lc_provenance_add_results(struct lc_bytes *out, const struct lc_study *study, const struct lc_needs *needs,
                              struct lc_hashes *hashes, struct lc_err *err)
{
    const struct list to = {.out = out, .hashes = hashes};
    const struct lc_config *c = &study->config;
    int rc = LC_OK;

    if (needs->selection && c->features.rule == LC_FEATURES_SELECT)
        LC_TRY(rc, add_file(&to, c->features.from, "features.from", err));
    if (needs->readouts && c->readout == LC_READOUT_TOP)
        LC_TRY(rc, add_file(&to, c->readout_from, "readout.from", err));
done:
    return rc;
}

static int match(const struct lc_bytes *ours, const char *theirs, const char *key, const char *path,
                 struct lc_err *err)
{
    const char *line = (const char *)ours->data, *end = line + ours->size;

    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *name = line + strcspn(line, " ");
        char text[512];
        if (!newline)
            break;
        name += strspn(name, " ");
        snprintf(text, sizeof text, "%.*s", (int)(newline - line + 1), line);
        if (!strstr(theirs, text))
            return LC_FAIL(
                err, LC_E_CONFIG,
                "%s: %s must be of the same model, tokenizer, SAEs and corpus; not among its inputs, by size and SHA-256: "
                "%.*s",
                path, key, (int)(newline - name), name);
        line = newline + 1;
    }
    return LC_OK;
}

int lc_provenance_check(const struct lc_result *from, const struct lc_study *study, const char *key, const char *path,
                        struct lc_err *err)
{
    struct lc_array files = {0};
    char *text = NULL;
    int rc;

    LC_TRY(rc, lc_result_get(from, "provenance/files", NULL, &files, err));
    LC_TRY(rc, LC_ALLOC(&text, files.count + 1, "provenance", err));
    if (files.count > 0)
        memcpy(text, files.data, (size_t)files.count);
    rc = match(&study->provenance, text, key, path, err);
done:
    free(text);
    lc_array_release(&files);
    return rc;
}

double lc_study_input_bytes(const struct lc_study *study)
{
    const char *line = (const char *)study->provenance.data, *end = line + study->provenance.size;
    double sum = 0.0;

    while (line && line < end) {
        const char *size = memchr(line, ' ', (size_t)(end - line));
        sum += size ? strtod(size, NULL) : 0.0;
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : NULL;
    }
    return sum;
}
