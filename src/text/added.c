/* added.c - added tokens, found before pre-tokenisation: leftmost, then longest. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer_internal.h"

static int new_node(struct lc_trie *t, int64_t *node, struct lc_err *err)
{
    if (t->nodes == t->room) {
        int64_t room = t->room ? 2 * t->room : 64;
        int32_t *id = NULL;
        int rc = LC_ALLOC(&id, room, "added tokens", err);
        if (rc != LC_OK)
            return rc;
        if (t->nodes)
            memcpy(id, t->id, (size_t)t->nodes * sizeof *id);
        free(t->id);
        t->id = id;
        t->room = room;
    }
    t->id[t->nodes] = -1;
    *node = t->nodes++;
    return LC_OK;
}

static uint64_t edge_key(int64_t node, unsigned char byte)
{
    return (uint64_t)node << 8 | byte;
}

int lc_trie_add(struct lc_trie *t, const void *content, size_t size, int32_t id, struct lc_err *err)
{
    const unsigned char *p = content;
    int64_t node = 0, child;
    uint64_t found;
    int rc = t->nodes ? LC_OK : new_node(t, &node, err);

    for (size_t i = 0; i < size && rc == LC_OK; i++, node = child) {
        if (lc_lookup_get(&t->edge, edge_key(node, p[i]), &found)) {
            child = (int64_t)found;
            continue;
        }
        rc = new_node(t, &child, err);
        if (rc == LC_OK)
            rc = lc_lookup_put(&t->edge, edge_key(node, p[i]), (uint64_t)child, err);
    }
    if (rc != LC_OK)
        return rc;
    if (t->id[node] >= 0)
        return LC_FAIL(err, LC_E_FORMAT, "added tokens %d and %d have the same content", t->id[node], id);
    t->id[node] = id;
    t->first[p[0]] = 1;
    return LC_OK;
}

size_t lc_trie_match(const struct lc_trie *t, const char *text, size_t size, int32_t *id)
{
    size_t longest = 0;
    uint64_t node = 0;

    if (!size || !t->first[(unsigned char)text[0]])
        return 0;
    for (size_t i = 0; i < size; i++) {
        if (!lc_lookup_get(&t->edge, edge_key((int64_t)node, (unsigned char)text[i]), &node))
            break;
        if (t->id[node] < 0)
            continue;
        *id = t->id[node];
        longest = i + 1;
    }
    return longest;
}

void lc_trie_release(struct lc_trie *t)
{
    lc_lookup_release(&t->edge);
    free(t->id);
    *t = (struct lc_trie){0};
}
