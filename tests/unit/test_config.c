/* The configuration: every key read, every refusal worded, and the canonical form read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lightcone/config.h"

enum { WANTS = 4, BIG = 4096 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* five lines: what a case adds begins on line 6 */
#define BASE                                                                                                 \
    "job: influence\n"                                                                                       \
    "model: {path: demo/model}\n"                                                                            \
    "sae: {path: 'demo/sae/resid_out_layer{layer}'}\n"                                                       \
    "corpus: {path: demo/corpus.txt}\n"                                                                      \
    "output: results/influence.h5\n"

static int parse(struct lc_config *config, const char *text, const char *set, struct lc_err *err)
{
    *err = (struct lc_err)LC_ERR_INIT;
    return lc_config_parse(config, "runs/a.yaml", text, strlen(text), &set, set ? 1 : 0, err);
}

static void parse_good(struct lc_config *config, const char *text, const char *set)
{
    struct lc_err err;

    if (parse(config, text, set, &err) != LC_OK)
        fail_msg("refused: %s\n%s", err.msg, text);
}

/* --- what is refused, and how ---------------------------------------------------------------- */

struct bad_case {
    const char *whole; /* the document; NULL: BASE and `more` */
    const char *more;
    const char *set;
    const char *want[WANTS];
};

static const struct bad_case bad_cases[] = {
    /* documents */
    {.whole = "", .want = {"runs/a.yaml: ", "empty"}},
    {.whole = "# nothing\n", .want = {"empty"}},
    {.whole = "- a\n- b\n", .want = {"runs/a.yaml:1:", "not a map"}},
    {.whole = "job\n", .want = {"runs/a.yaml:1:", "not a map"}},
    {.whole = "job: [a\n", .want = {"runs/a.yaml:", "not valid YAML"}},
    {.whole = "job: a\n\tmodel: b\n", .want = {"runs/a.yaml:2:", "not valid YAML"}},
    {.whole = "job: '\xff\xfe'\n", .want = {"runs/a.yaml", "UTF-8"}},
    {.more = "---\njob: b\n", .want = {"runs/a.yaml:6:", "second document"}},
    {.more = "cache: &here x\n", .want = {"runs/a.yaml:6:", "anchor '&here'"}},
    {.more = "windows: &w {length: 3}\n", .want = {"runs/a.yaml:6:", "anchor '&w'"}},
    {.more = "cache: *here\n", .want = {"runs/a.yaml:6:", "alias '*here'"}},
    {.more = "threshold: !!float 1\n", .want = {"runs/a.yaml:6:", "tag 'tag:yaml.org,2002:float'"}},
    {.more = "features: !mine [1]\n", .want = {"runs/a.yaml:6:", "tag '!mine'"}},
    {.more = "windows: !m {length: 1}\n", .want = {"runs/a.yaml:6:", "tag '!m'"}},
    {.more = "\njob: other\n", .want = {"runs/a.yaml:7:", "'job' is given twice", "line 1"}},
    {.more = "windows:\n  length: 3\n  count: 1\n  length: 4\n",
     .want = {"runs/a.yaml:9:", "'length'", "line 7"}},
    {.more = "cache: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", .want = {"runs/a.yaml:6:", "deeper than 16"}},
    {.more = "? [a, b]\n: 1\n", .want = {"runs/a.yaml:6:", "a key is a list"}},
    {.more = "? {a: b}\n: 1\n", .want = {"runs/a.yaml:6:", "a key is a list or a map"}},
    {.more = "cache: \"a\\0b\"\n", .want = {"runs/a.yaml:6:", "zero byte"}},
    {.more = "<<: {job: b}\n", .want = {"key '<<' is unknown"}},
    /* keys */
    {.more = "windows: {lenght: 3}\n",
     .want = {"runs/a.yaml:6: key 'windows.lenght' is unknown; did you mean 'windows.length'?",
              "allowed under 'windows': length, align, choice, count, seed, bos"}},
    {.more = "tresholt: 3\n", .want = {"runs/a.yaml:6:", "'tresholt' is unknown; did you mean 'threshold'?"}},
    {.more = "frobnicate: {every: 60}\n",
     .want = {"'frobnicate' is unknown; allowed at the top: job, model, sae"}},
    {.more = "deadline: 0\n", .want = {"'deadline' is '0'"}},
    {.more = "sweep: {threshold: [1, 2]}\n", .want = {"'sweep' makes several configurations"}},
    {.more = "sweep: 3\n", .want = {"runs/a.yaml:6: key 'sweep' is no map", "{threshold: [0.1, 0.2]"}},
    {.more = "sweep: {treshold: [1]}\n", .want = {"runs/a.yaml:6: key 'treshold' is unknown; did you mean 'threshold'?"}},
    {.more = "sweep: {threshold: 1}\n", .want = {"runs/a.yaml:6: key 'sweep.threshold' is '1'", "a list of values of 'threshold'"}},
    {.more = "sweep: {threshold: []}\n", .want = {"'sweep.threshold' is an empty list"}},
    {.more = "sweep: {windows.length: [2, 1]}\n", .want = {"runs/a.yaml:6: key 'windows.length' holds 1 after 2"}},
    {.more = "sweep: {output: [a, b]}\n", .want = {"'sweep.output'", "results do not depend on 'output'"}},
    {.more = "sweep:\n  threshold: [1,\n    -1]\n",
     .want = {"runs/a.yaml:8: key 'threshold' is '-1'", "at least 0", "point 1 of the sweep: threshold=-1"}},
    {.more = "sweep: {threshold: [0.5, 0.50]}\n", .want = {"runs/a.yaml:6:", "'0.5' and '0.50'", "points 0 and 1"}},
    {.more = "sweep: {corpus.path: [a/c, b/c]}\n", .want = {"'a/c' and 'b/c'", "paths in their last part"}},
    {.more = "sweep: {sites.layers: [[1], [2]], sites: {layers: [[3]]}}\n", .want = {"'layers' of 'sweep' is given twice"}},
    {.more = "sweep: {windows: [1], windows.count: [2]}\n", .want = {"key 'windows' of 'sweep' and one below it"}},
    {.set = "sweep.threshold=[0.1, x]", .want = {"--set sweep.threshold=[0.1, x]: key 'threshold' is 'x'", "point 1"}},
    {.more = "sites: {layers: [1]}\nsweep: {sites.names: [[resid_out_layer1]]}\n", .want = {"both given", "point 0"}},
    {.more = "precision: double\n", .want = {"'precision' is 'double'", "bf16x6"}},
    {.more = "windows.length: 3\n", .want = {"'windows.length' is unknown", "at the top"}},
    {.more = "'': 3\n", .want = {"'' is unknown"}},
    {.more = "features: {to: 3, from: a}\n",
     .want = {"did you mean 'features.top'?", "under 'features': min_frequency"}},
    {.more = "windows: 5\n", .want = {"runs/a.yaml:6:", "'windows' is '5'", "a map of length, align, choice"}},
    {.more = "windows:\n", .want = {"'windows' has no value"}},
    {.more = "sites: [1]\n", .want = {"'sites' is a list", "layers, names"}},
    /* what is missing */
    {.whole = "job: a\n",
     .want = {"runs/a.yaml: key 'model.path' is missing",
              "required: job, model.path, sae.path, corpus.path, output"}},
    {.whole = "model: {path: a}\n", .want = {"'job' is missing"}},
    {.whole = "{job: a, model: {path: a}, sae: {path: b}, corpus: {path: c}}\n",
     .want = {"'output' is missing"}},
    {.more = "features: {top: 5}\n", .want = {"runs/a.yaml:6: key 'features.from' is missing", "sparsity"}},
    {.more = "correlation: {spectrum: all}\n", .want = {"'correlation.spectrum' is 'all'", "none | values | vectors"}},
    {.more = "correlation: {top_pairs: 1000001}\n", .want = {"'correlation.top_pairs'", "from 0 to 1000000"}},
    {.more = "windows: {choice: random}\n",
     .want = {"runs/a.yaml:6: key 'windows.count' is missing", "random"}},
    {.more = "windows: {choice: {}}\n", .want = {"'windows.choice.starts' is missing"}},
    /* integers */
    {.more = "windows: {length: 0}\n",
     .want = {"runs/a.yaml:6: key 'windows.length' is '0'", "from 1 to 1048576"}},
    {.more = "windows: {length: 1048577}\n", .want = {"'1048577'", "from 1 to 1048576"}},
    {.more = "windows: {length: -1}\n", .want = {"'-1'"}},
    {.more = "windows: {length: 0x10}\n", .want = {"'0x10'", "an integer"}},
    {.more = "windows: {length: 010}\n", .want = {"'010'"}},
    {.more = "windows: {length: 5.0}\n", .want = {"'5.0'"}},
    {.more = "windows: {length: 1e3}\n", .want = {"'1e3'"}},
    {.more = "windows: {length: '5'}\n", .want = {"the text '5'"}},
    {.more = "windows: {length: five}\n", .want = {"'five'"}},
    {.more = "windows: {length: null}\n", .want = {"'windows.length' has no value"}},
    {.more = "windows: {length: ~}\n", .want = {"has no value"}},
    {.more = "windows:\n  length:\n", .want = {"runs/a.yaml:", "has no value"}},
    {.more = "windows: {length: []}\n", .want = {"'windows.length' is an empty list"}},
    {.more = "windows: {length: [16, 8]}\n",
     .want = {"runs/a.yaml:6: key 'windows.length' holds 8 after 16", "an ascending list"}},
    {.more = "windows: {length: [8, 16, 8]}\n", .want = {"'windows.length' holds 8 twice"}},
    {.more = "windows: {length: [0, 8]}\n",
     .want = {"'windows.length' holds '0'", "from 1 to 1048576 | an ascending list"}},
    {.more = "windows: {length: [8, 1048577]}\n", .want = {"'windows.length' holds '1048577'"}},
    {.more = "windows: {length: [8, [16]]}\n", .want = {"'windows.length' holds a list"}},
    {.more = "windows: {length: [8, '16']}\n", .want = {"'windows.length' holds the text '16'"}},
    {.more = "windows: {align: middle}\n", .want = {"'windows.align' is 'middle'", "start | end"}},
    {.more = "windows: {length: [8, 16]}\nreadout: [8]\n",
     .want = {"key 'readout' holds position 8", "below 'windows.length', 8"}},
    {.more = "windows: {length: {a: 1}}\n", .want = {"'windows.length' is a map"}},
    {.more = "windows: {count: 0}\n", .want = {"'windows.count' is '0'", "of at least 1"}},
    {.more = "windows: {seed: -1}\n", .want = {"'windows.seed'", "of at least 0"}},
    {.more = "windows: {seed: 9223372036854775808}\n", .want = {"9223372036854775808, beyond 64-bit"}},
    {.whole = BASE "corpus: 1\n", .want = {"runs/a.yaml:6:", "twice"}},
    {.more = "unit: {windows: 0}\n", .want = {"'unit.windows'"}},
    {.more = "memory_per_rank: 4X\n", .want = {"'memory_per_rank' is '4X'", "K, M or G"}},
    {.more = "memory_per_rank: '4G'\n", .want = {"the text '4G'"}},
    {.more = "memory_per_rank: 0\n", .want = {"'memory_per_rank' is '0'"}},
    {.more = "memory_per_rank: 1.5G\n", .want = {"'1.5G'"}},
    {.more = "memory_per_rank: 9999999999999G\n", .want = {"beyond 64-bit"}},
    /* reals */
    {.more = "threshold: -0.1\n", .want = {"'threshold' is '-0.1'", "of at least 0"}},
    {.more = "threshold: .nan\n", .want = {"'.nan'", "finite"}},
    {.more = "threshold: nan\n", .want = {"'nan'"}},
    {.more = "threshold: inf\n", .want = {"'inf'"}},
    {.more = "threshold: 1e999\n", .want = {"'1e999'"}},
    {.more = "threshold: 0x1p3\n", .want = {"'0x1p3'"}},
    {.more = "threshold: 1,5\n", .want = {"'1,5'"}},
    {.more = "threshold: \"0.2\"\n", .want = {"the text '0.2'"}},
    {.more = "threshold: 0.2x\n", .want = {"'0.2x'"}},
    {.more = "threshold: 1e\n", .want = {"'1e'"}},
    {.more = "threshold: .\n", .want = {"'.'"}},
    {.more = "features: {min_frequency: 1, from: a}\n",
     .want = {"'features.min_frequency' is '1'", "below 1"}},
    /* words and truth values */
    {.more = "keep: {profiles: yes}\n", .want = {"'keep.profiles' is 'yes'", "true | false"}},
    {.more = "keep: {profiles: 1}\n", .want = {"true | false"}},
    {.more = "keep: {profiles: 'true'}\n", .want = {"the text 'true'"}},
    {.more = "windows: {bos: all}\n", .want = {"'windows.bos' is 'all'", "none | each"}},
    {.more = "windows: {choice: first}\n", .want = {"sequential | random | {starts}"}},
    {.more = "windows: {choice: [1]}\n", .want = {"'windows.choice' is a list"}},
    {.more = "windows: {choice: {start: [1]}}\n", .want = {"did you mean 'windows.choice.starts'?"}},
    {.more = "features: all\n",
     .want = {"'features' is 'all'", "active | a list of distinct integers", "{min_frequency,"}},
    {.more = "readout: first\n", .want = {"last | all | a list"}},
    {.more = "readout: first\n", .want = {"{top_activations, from}"}},
    {.more = "readout: {top_activations: 3}\n",
     .want = {"runs/a.yaml:6: key 'readout.from' is missing", "contexts job"}},
    {.more = "readout: {from: c.h5}\n", .want = {"'readout.top_activations' is missing"}},
    {.more = "readout: {top_activations: 0, from: c.h5}\n", .want = {"'readout.top_activations'", "from 1 to 1000"}},
    {.more = "readout: {top: 3, from: c.h5}\n",
     .want = {"'readout.top' is unknown", "under 'readout': top_activations, from"}},
    {.more = "readout: {top_activations: 3, from: c.h5}\nwindows: {choice: random, count: 3}\n",
     .want = {"runs/a.yaml:7: key 'windows.choice'", "'readout.top_activations'", "leave it out"}},
    {.more = "readout: {top_activations: 3, from: c.h5}\nwindows: {choice: {starts: [1]}}\n",
     .want = {"runs/a.yaml:7: key 'windows.choice'"}},
    {.more = "readout: {top_activations: 3, from: c.h5}\nwindows: {count: 4}\n",
     .want = {"runs/a.yaml:7: key 'windows.count' is 4", "leave it out"}},
    {.more = "contexts: {top: 0}\n", .want = {"runs/a.yaml:6: key 'contexts.top' is '0'", "from 1 to 1000"}},
    {.more = "contexts: {top: 1001}\n", .want = {"'1001'", "from 1 to 1000"}},
    {.set = "sae.bias=none",
     .want = {"--set sae.bias=none: key 'sae.bias' is 'none'", "own | subtract | ignore"}},
    /* lists */
    {.more = "features: []\n", .want = {"'features' is an empty list"}},
    {.more = "features: [1, a]\n", .want = {"'features' holds 'a'"}},
    {.more = "features: [1,\n  -1]\n", .want = {"runs/a.yaml:7: key 'features' holds '-1'"}},
    {.more = "features: [3, 1, 3]\n", .want = {"'features' holds 3 twice"}},
    {.more = "features: [[1]]\n", .want = {"'features' holds a list"}},
    {.more = "sites: {layers: 1}\n", .want = {"'sites.layers' is '1'"}},
    {.more = "sites: {layers: [4096]}\n", .want = {"'sites.layers' holds '4096'", "0 to 4095"}},
    {.more = "sites: {layers: [0, 0]}\n", .want = {"0 twice"}},
    {.more = "sites: {names: [mlp_out_layer0]}\n",
     .want = {"'sites.names' holds 'mlp_out_layer0'", "resid_out_layerN"}},
    {.more = "sites: {names: [resid_out_layer03]}\n", .want = {"resid_out_layer03"}},
    {.more = "sites: {names: [resid_out_layer+3]}\n", .want = {"resid_out_layer+3"}},
    {.more = "sites: {names: [resid_out_layer1], layers: [1]}\n",
     .want = {"runs/a.yaml:6: keys 'sites.layers' and 'sites.names'"}},
    {.more = "readout: [64]\n",
     .want = {"runs/a.yaml:6: key 'readout' holds position 64", "'windows.length', 64"}},
    {.more = "windows: {choice: {starts: [1, 2]}, count: 3}\n", .want = {"'windows.count' is 3", "gives 2"}},
    {.more = "windows: {choice: {starts: [-1]}}\n", .want = {"'windows.choice.starts' holds '-1'"}},
    {.more = "token_vector: residual\n",
     .want = {"'token_vector' is 'residual'", "residual, reconstruction"}},
    {.more = "summary: median\n", .want = {"'summary' is 'median'", "feature_mean", "window_mean", "pooled"}},
    {.more = "token_vector: [gradient]\n", .want = {"'token_vector' holds 'gradient'"}},
    {.more = "token_vector: [residual, residual]\n", .want = {"holds 'residual' twice"}},
    {.more = "residual_probes: 1\n", .want = {"'residual_probes' is '1'", "an integer from 2 to 4096"}},
    {.more = "residual_probes: 4097\n", .want = {"'residual_probes' is '4097'", "an integer from 2 to 4096"}},
    /* texts and paths */
    {.set = "job=''", .want = {"--set job=''", "1 to 31 bytes"}},
    {.set = "job=abcdefghijabcdefghijabcdefghijab", .want = {"1 to 31 bytes"}},
    {.set = "job=[a]", .want = {"'job' is a list"}},
    {.set = "job=12", .want = {"'job' is 12, which is no text; quote it: '12'"}},
    {.set = "job=true", .want = {"'job' is true, which is no text"}},
    {.set = "output=''", .want = {"'output'", "a path"}},
    {.set = "output=/", .want = {"'output' is '/'"}},
    {.set = "output=\"a\\nb\"", .want = {"'output' is 'a?b' with control characters"}},
    {.set = "output=\"a\\u2028b\"", .want = {"control characters"}},
    {.set = "output=\"a\\x85\"", .want = {"control characters"}},
    {.set = "sae.path='a{layers}'", .want = {"'sae.path' is the text 'a{layers}'", "{layer} or {site}"}},
    {.set = "sae.path='a}'", .want = {"{layer} or {site}"}},
    {.set = "cache=~", .want = {"'cache' has no value"}},
    /* --set */
    {.set = "windows.count=x", .want = {"--set windows.count=x: key 'windows.count' is 'x'"}},
    {.set = "windows.lenght=5", .want = {"--set windows.lenght=5: key", "did you mean 'windows.length'?"}},
    {.set = "windows.count", .want = {"--set windows.count: expected key.path=value"}},
    {.set = "=5", .want = {"--set =5: expected"}},
    {.set = "", .want = {"--set : expected"}},
    {.set = ".a=5", .want = {"part of the key is empty"}},
    {.set = "a.=5", .want = {"part of the key is empty"}},
    {.set = "a..b=5", .want = {"part of the key is empty"}},
    {.set = "windows.choice=random", .want = {"--set windows.choice=random: key 'windows.count' is missing"}},
    {.set = "windows.count=", .want = {"--set windows.count=: has no value"}},
    {.set = "windows.count=[", .want = {"--set windows.count=[: not valid YAML"}},
    {.set = "windows.count=*a", .want = {"--set windows.count=*a: alias"}},
    {.set = "windows={count: 1, count: 2}", .want = {"'count' is given twice"}},
    {.set = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1", .want = {"more than 15 parts"}},
    {.set = "job.name=5", .want = {"'job' is a map"}},
    {.set = "job=\xff", .want = {"--set job=", "not valid YAML"}},
};

static void bad_input_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_cases); i++) {
        const struct bad_case *c = &bad_cases[i];
        struct lc_config config;
        struct lc_err err;
        char text[BIG];

        snprintf(text, sizeof text, "%s%s", c->whole ? c->whole : BASE, c->more ? c->more : "");
        if (parse(&config, text, c->set, &err) != LC_E_CONFIG)
            fail_msg("case %zu is not refused: %s%s", i, c->more ? c->more : text, c->set ? c->set : "");
        for (int k = 0; k < WANTS && c->want[k]; k++)
            if (!strstr(err.msg, c->want[k]))
                fail_msg("case %zu: no \"%s\" in: %s", i, c->want[k], err.msg);
    }
}

/* A document of `head`, then `unit` so many times, then `tail`, is refused with `want`. */
static void refuse_repeated(const char *head, const char *unit, size_t times, const char *tail,
                            const char *want)
{
    struct lc_bytes b = {0};
    struct lc_config config;
    struct lc_err err = LC_ERR_INIT;

    assert_int_equal(lc_bytes_add(&b, head, strlen(head), &err), LC_OK);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(lc_bytes_add(&b, unit, strlen(unit), &err), LC_OK);
    assert_int_equal(lc_bytes_add(&b, tail, strlen(tail) + 1, &err), LC_OK);
    assert_int_equal(parse(&config, (const char *)b.data, NULL, &err), LC_E_CONFIG);
    if (!strstr(err.msg, want))
        fail_msg("no \"%s\" in: %s", want, err.msg);
    lc_bytes_release(&b);
}

static void limits_hold(void **state)
{
    char keys[BIG] = "";

    (void)state;
    refuse_repeated(BASE "#", "x", 1 << 20, "\n", "allowed: at most 1048576");
    refuse_repeated(BASE "features: [", "1,", 100000, "2]\n", "more than 100000 values");
    refuse_repeated(BASE "features: ", "[", 100000, "\n", "deeper than 16");
    refuse_repeated(BASE "features: ", "{a: ", 100000, "\n", "deeper than 16");
    refuse_repeated(BASE "cache: ", "x123456789", 500, "\n", "more than 4095 bytes");
    for (int i = 0; i < 300; i++)
        snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "k%d: 1\n", i);
    refuse_repeated(keys, "", 0, "", "more than 256 keys");
}

/* A long path in a message leaves room for what is wrong. */
static void message_keeps_the_reason(void **state)
{
    char path[BIG];
    const char *none = NULL;
    struct lc_config config;
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    memset(path, 'a', sizeof path);
    memcpy(path + 3000, "/end.yaml", sizeof "/end.yaml");
    assert_int_equal(lc_config_parse(&config, path, BASE "x: 1\n", strlen(BASE) + 5, &none, 0, &err),
                     LC_E_CONFIG);
    assert_non_null(strstr(err.msg, "/end.yaml:6: key 'x' is unknown"));
    err = (struct lc_err)LC_ERR_INIT;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[BIG - 6] = '/';
    assert_int_equal(lc_config_parse(&config, path, BASE, strlen(BASE), &none, 0, &err), LC_E_CONFIG);
}

/* --- what is read ----------------------------------------------------------------------------- */

static void defaults_are_the_documented_ones(void **state)
{
    struct lc_config c;

    (void)state;
    parse_good(&c, BASE, NULL);
    assert_string_equal(c.job, "influence");
    assert_string_equal(c.model_path, "runs/demo/model");
    assert_string_equal(c.sae_path, "runs/demo/sae/resid_out_layer{layer}");
    assert_string_equal(c.corpus_path, "runs/demo/corpus.txt");
    assert_string_equal(c.output, "runs/results/influence.h5");
    assert_string_equal(c.cache, "runs/results/cache");
    assert_string_equal(c.source, "runs/a.yaml");
    assert_int_equal(c.sae_bias, LC_BIAS_OWN);
    assert_int_equal(c.corpus_tokens, 0);
    assert_int_equal(c.windows.length, 64);
    assert_int_equal(c.windows.choice, LC_CHOICE_SEQUENTIAL);
    assert_int_equal(c.windows.count, 0);
    assert_int_equal(c.windows.seed, 1);
    assert_int_equal(c.windows.bos, LC_BOS_NONE);
    assert_int_equal(c.layers.count, 0);
    assert_true(c.threshold == 0.2);
    assert_int_equal(c.features.rule, LC_FEATURES_ACTIVE);
    assert_true(c.features.min_frequency < 0);
    assert_int_equal(c.features.min_unique, -1);
    assert_int_equal(c.features.top, 0);
    assert_int_equal(c.features.min_samples, 0);
    assert_int_equal(c.readout, LC_READOUT_LAST);
    assert_int_equal(c.token_residual, 0);
    assert_int_equal(c.token_reconstruction, 1);
    assert_int_equal(c.token_estimate, 0);
    assert_int_equal(c.residual_probes, 32);
    assert_int_equal(c.readout_top, 0);
    assert_string_equal(c.readout_from, "");
    assert_int_equal(c.contexts_top, 10);
    assert_int_equal(c.keep_profiles, 0);
    assert_int_equal(c.covariance, LC_COVARIANCE_CONDITIONAL);
    assert_int_equal(c.top_pairs, 100);
    assert_int_equal(c.spectrum, LC_SPECTRUM_VALUES);
    assert_int_equal(c.unit_windows, 0);
    assert_int_equal(c.unit_features, 0);
    assert_int_equal(c.memory_per_rank, 0);
    lc_config_release(&c);
}

/* Only the correlation job has counts of its own to select by. */
static void correlation_selects_by_itself(void **state)
{
    struct lc_config c;

    (void)state;
    parse_good(&c, BASE "features: {min_unique: 40}\n", "job=correlation");
    assert_int_equal(c.features.rule, LC_FEATURES_SELECT);
    assert_int_equal(c.features.min_unique, 40);
    assert_int_equal(c.features.from[0], 0);
    lc_config_release(&c);
}

static const char full[] =
    "job: influence\n"
    "model:\n  path: /big/models/m/\n"
    "sae:\n  path: s/{site}/{layer}/10_2048\n  bias: ignore\n"
    "corpus:\n  path: \"it's here.txt\"\n  tokens: 1000000\n"
    "windows:\n  length: 128\n  choice:\n    starts: [900, 5, 70]\n  count: 2\n  seed: 7\n  bos: each\n"
    "sites: {layers: [3, 0, 12]}\n"
    "threshold: 1e-1\n"
    "features:\n  min_frequency: .001\n  top: 500\n  min_unique: 300\n  min_samples: 10\n"
    "  from: ../out/sparsity.h5\n"
    "readout: [127, 0]\n"
    "token_vector: [reconstruction, residual_estimate, residual]\n"
    "residual_probes: 64\n"
    "summary: pooled\n"
    "contexts: {top: 3}\n"
    "keep: {profiles: true}\n"
    "correlation: {definition: coactivation, top_pairs: 0, spectrum: vectors}\n"
    "precision: bf16x3\n"
    "unit: {windows: 4, features: 256}\n"
    "memory_per_rank: 3GiB\n"
    "cache: /tmp/c\n"
    "output: out.h5\n";

static void every_key_is_read(void **state)
{
    struct lc_config c;

    (void)state;
    parse_good(&c, full, NULL);
    assert_string_equal(c.model_path, "/big/models/m");
    assert_string_equal(c.sae_path, "runs/s/{site}/{layer}/10_2048");
    assert_int_equal(c.sae_bias, LC_BIAS_IGNORE);
    assert_string_equal(c.corpus_path, "runs/it's here.txt");
    assert_int_equal(c.corpus_tokens, 1000000);
    assert_int_equal(c.windows.length, 128);
    assert_int_equal(c.windows.choice, LC_CHOICE_STARTS);
    assert_int_equal(c.windows.starts.count, 3);
    assert_int_equal(c.windows.starts.value[0], 900);
    assert_int_equal(c.windows.starts.value[2], 70);
    assert_int_equal(c.windows.count, 2);
    assert_int_equal(c.windows.seed, 7);
    assert_int_equal(c.windows.bos, LC_BOS_EACH);
    assert_int_equal(c.layers.count, 3);
    assert_int_equal(c.layers.value[0], 0);
    assert_int_equal(c.layers.value[1], 3);
    assert_int_equal(c.layers.value[2], 12);
    assert_true(c.threshold == 0.1);
    assert_int_equal(c.features.rule, LC_FEATURES_SELECT);
    assert_true(c.features.min_frequency == 0.001);
    assert_int_equal(c.features.top, 500);
    assert_int_equal(c.features.min_unique, 300);
    assert_int_equal(c.features.min_samples, 10);
    assert_string_equal(c.features.from, "runs/../out/sparsity.h5");
    assert_int_equal(c.readout, LC_READOUT_POSITIONS);
    assert_int_equal(c.readout_positions.value[0], 0);
    assert_int_equal(c.readout_positions.value[1], 127);
    assert_int_equal(c.token_residual + c.token_reconstruction + c.token_estimate, 3);
    assert_int_equal(c.residual_probes, 64);
    assert_int_equal(c.contexts_top, 3);
    assert_int_equal(c.keep_profiles, 1);
    assert_int_equal(c.covariance, LC_COVARIANCE_COACTIVATION);
    assert_int_equal(c.top_pairs, 0);
    assert_int_equal(c.spectrum, LC_SPECTRUM_VECTORS);
    assert_int_equal(c.precision, LC_PRECISION_BF16X3);
    assert_int_equal(c.unit_windows, 4);
    assert_int_equal(c.unit_features, 256);
    assert_int_equal(c.memory_per_rank, (int64_t)3 << 30);
    assert_string_equal(c.cache, "/tmp/c");
    assert_string_equal(c.output, "runs/out.h5");
    lc_config_release(&c);
}

static void lengths_are_kept_with_their_longest(void **state)
{
    struct lc_config c;

    (void)state;
    parse_good(&c, BASE "windows: {length: [4, 16, 64], align: end}\n", NULL);
    assert_int_equal(c.windows.length, 64);
    assert_int_equal(c.windows.lengths.count, 3);
    assert_int_equal(c.windows.lengths.value[0], 4);
    assert_int_equal(c.windows.lengths.value[2], 64);
    assert_int_equal(c.windows.align, LC_ALIGN_END);
    lc_config_release(&c);
    parse_good(&c, BASE "windows: {length: [4, 16, 64]}\n", "windows.length=32");
    assert_int_equal(c.windows.length, 32);
    assert_int_equal(c.windows.lengths.count, 0);
    assert_int_equal(c.windows.align, LC_ALIGN_START);
    lc_config_release(&c);
}

/* A thousand lengths are a sweep, one more is refused. */
static void a_sweep_has_its_limit(void **state)
{
    enum { ROOM = 8192 };
    static char text[ROOM];
    struct lc_config c;
    struct lc_err err;

    (void)state;
    for (int most = LC_SWEEP_MAX; most <= LC_SWEEP_MAX + 1; most++) {
        int n = snprintf(text, sizeof text, "%swindows: {length: [1", BASE);
        for (int i = 2; i <= most; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %d", i);
        snprintf(text + n, sizeof text - (size_t)n, "]}\n");
        assert_int_equal(parse(&c, text, NULL, &err), most == LC_SWEEP_MAX ? LC_OK : LC_E_CONFIG);
        if (most > LC_SWEEP_MAX)
            assert_non_null(strstr(err.msg, "'windows.length' is a list of 1001; allowed: at most 1000 lengths"));
        lc_config_release(&c);
    }
}

struct good_case {
    const char *more, *set;
    const char *canonical; /* a line or more of the canonical form */
};

static const struct good_case good_cases[] = {
    {.canonical =
         "job: influence\nmodel:\n  path: model\nsae:\n  path: 'resid_out_layer{layer}'\n  bias: own\n"
         "corpus:\n  path: corpus.txt\nwindows:\n  length: 64\n  choice: sequential\n  seed: 1\n  bos: none\n"
         "threshold: 0.2\nfeatures: active\nreadout: last\ntoken_vector: [reconstruction]\nresidual_probes: 32\n"
         "summary: feature_mean\ncontexts:\n  top: 10\nkeep:\n  profiles: false\n"},
    {.more = "windows: {length: 1}", .canonical = "length: 1\n"},
    {.more = "windows: {length: +1048576}", .canonical = "length: 1048576\n"},
    {.more = "windows: {length: [4, 16, 64]}", .canonical = "  length: [4, 16, 64]\n  align: start\n  choice: sequential\n"},
    {.more = "windows: {length: [5], align: end}", .canonical = "  length: [5]\n  align: end\n"},
    {.more = "windows: {length: 5, align: end}", .canonical = "windows:\n  length: 5\n  choice: sequential\n"},
    {.more = "windows: {length: [4, 8]}", .set = "windows.length=6", .canonical = "  length: 6\n  choice"},
    {.set = "windows={length: [4, 8], align: end}", .canonical = "  length: [4, 8]\n  align: end\n"},
    {.more = "windows: {choice: random, count: 5, seed: 9223372036854775807}",
     .canonical = "  choice: random\n  count: 5\n  seed: 9223372036854775807\n"},
    {.more = "windows: {choice: {starts: [7, 3]}}",
     .canonical = "  choice:\n    starts: [7, 3]\n  seed: 1\n"},
    {.more = "windows: {choice: 'random', count: 1}", .canonical = "choice: random\n"},
    {.more = "windows: {}", .canonical = "length: 64\n"},
    {.more = "sites: {names: [resid_out_layer3, \"resid_out_layer0\"]}",
     .canonical = "sites:\n  layers: [0, 3]\n"},
    {.more = "threshold: 0", .canonical = "threshold: 0\n"},
    {.more = "threshold: -0.0", .canonical = "threshold: 0\n"},
    {.more = "threshold: 3", .canonical = "threshold: 3\n"},
    {.more = "threshold: 0.1", .canonical = "threshold: 0.1\n"},
    {.more = "threshold: 0.30000000000000004", .canonical = "threshold: 0.30000000000000004\n"},
    {.more = "threshold: 1.7976931348623157e308", .canonical = "threshold: 1.7976931348623157e+308\n"},
    {.more = "threshold: 5e-324", .canonical = "threshold: 5e-324\n"},
    {.more = "features: [5, 1, 2147483647]", .canonical = "features: [1, 5, 2147483647]\n"},
    {.more = "features: {from: s.h5}", .canonical = "features:\n  min_samples: 0\n  from: s.h5\nreadout"},
    {.more = "features: {from: s.h5, min_frequency: 0, min_unique: 0, top: 1}",
     .canonical = "features:\n  min_frequency: 0\n  top: 1\n  min_unique: 0\n  min_samples: 0\n"},
    {.more = "readout: all", .canonical = "readout: all\n"},
    {.more = "readout: [63, 2]", .canonical = "readout: [2, 63]\n"},
    {.more = "readout: {top_activations: 3, from: x/c.h5}",
     .canonical = "readout:\n  top_activations: 3\n  from: c.h5\ntoken_vector"},
    {.more = "readout: all", .set = "readout={top_activations: 1000, from: c.h5}",
     .canonical = "top_activations: 1000\n"},
    {.more = "contexts: {top: 1000}", .canonical = "contexts:\n  top: 1000\n"},
    {.more = "token_vector: []", .canonical = "token_vector: []\n"},
    {.more = "token_vector: [residual]", .canonical = "token_vector: [residual]\n"},
    {.more = "memory_per_rank: 4096", .canonical = "memory_per_rank: 4096\n"},
    {.more = "memory_per_rank: 2K", .canonical = "memory_per_rank: 2048\n"},
    {.more = "memory_per_rank: 2MiB", .canonical = "memory_per_rank: 2097152\n"},
    {.more = "keep: {profiles: true}", .canonical = "keep:\n  profiles: true\n"},
    {.more = "unit: {features: 8}", .canonical = "unit:\n  features: 8\n"},
    {.set = "windows.count=5", .canonical = "count: 5\n"},
    {.set = "windows={length: 3, count: 2}", .canonical = "  length: 3\n  choice: sequential\n  count: 2\n"},
    {.more = "windows: {length: 9, count: 2}", .set = "windows.length=10", .canonical = "length: 10\n"},
    {.more = "features: active", .set = "features.from=s.h5", .canonical = "from: s.h5\n"},
    {.more = "features: [1, 2]", .set = "features={from: s.h5, top: 2}", .canonical = "top: 2\n"},
    {.more = "features: {from: a}", .set = "features=active", .canonical = "features: active\n"},
    {.set = "job='12'", .canonical = "job: '12'\n"},
    {.set = "job=\"it's\"", .canonical = "job: 'it''s'\n"},
    {.set = "job='null'", .canonical = "job: 'null'\n"},
    {.set = "corpus.path=\"/a/\\xe9t\\xe9 = #1.txt\"", .canonical = "path: '\xc3\xa9t\xc3\xa9 = #1.txt'\n"},
    {.set = "corpus.path=a=b", .canonical = "path: 'a=b'\n"},
    {.set = "model.path=.", .canonical = "path: '.'\n"},
    {.set = "sae.path='x/{site}/{layer}/ae.pt'", .canonical = "path: '{site}/{layer}/ae.pt'\n"},
    {.set = "sae.path='x/a_{layer}/b_{site}'", .canonical = "path: 'a_{layer}/b_{site}'\n"},
    {.set = "sae.path=x/y/ae.pt///", .canonical = "path: ae.pt\n"},
};

static void canonical_of(struct lc_bytes *out, const struct lc_config *config)
{
    struct lc_err err = LC_ERR_INIT;

    assert_int_equal(lc_config_canonical(config, out, &err), LC_OK);
    assert_int_equal(lc_bytes_add(out, "", 1, &err), LC_OK);
}

/* The canonical form, read with another output, has itself for a canonical form. */
static void assert_reads_back(const char *canonical)
{
    struct lc_config config;
    struct lc_bytes again = {0};

    parse_good(&config, canonical, "output=elsewhere/o.h5");
    canonical_of(&again, &config);
    assert_string_equal((const char *)again.data, canonical);
    lc_bytes_release(&again);
    lc_config_release(&config);
}

static void good_input_has_its_canonical_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_cases); i++) {
        const struct good_case *c = &good_cases[i];
        struct lc_config config;
        struct lc_bytes out = {0};
        char text[BIG];

        snprintf(text, sizeof text, "%s%s\n", BASE, c->more ? c->more : "");
        parse_good(&config, text, c->set);
        canonical_of(&out, &config);
        if (!strstr((const char *)out.data, c->canonical))
            fail_msg("case %zu: no \"%s\" in\n%s", i, c->canonical, (const char *)out.data);
        assert_reads_back((const char *)out.data);
        lc_bytes_release(&out);
        lc_config_release(&config);
    }
}

static void canonical_of_every_key(void **state)
{
    struct lc_config config;
    struct lc_bytes out = {0};

    (void)state;
    parse_good(&config, full, NULL);
    canonical_of(&out, &config);
    assert_string_equal(
        (const char *)out.data,
        "job: influence\nmodel:\n  path: m\nsae:\n  path: '{site}/{layer}/10_2048'\n  bias: ignore\n"
        "corpus:\n  path: 'it''s here.txt'\n  tokens: 1000000\n"
        "windows:\n  length: 128\n  choice:\n    starts: [900, 5, 70]\n  count: 2\n  seed: 7\n  bos: each\n"
        "sites:\n  layers: [0, 3, 12]\nthreshold: 0.1\n"
        "features:\n  min_frequency: 0.001\n  top: 500\n  min_unique: 300\n  min_samples: 10\n"
        "  from: sparsity.h5\nreadout: [0, 127]\ntoken_vector: [residual, reconstruction, residual_estimate]\nresidual_probes: 64\n"
        "summary: pooled\ncontexts:\n  top: 3\nkeep:\n  profiles: true\ncorrelation:\n  definition: coactivation\n  top_pairs: 0\n  spectrum: vectors\nprecision: bf16x3\nunit:\n  windows: 4\n  features: 256\nmemory_per_rank: 3221225472\n");
    assert_reads_back((const char *)out.data);
    lc_bytes_release(&out);
    lc_config_release(&config);
}

/* Where files lie must not change what a result says about itself. */
static void canonical_ignores_folders_and_output(void **state)
{
    const char *there[] = {"model.path=/other/model", "output=/o/p.h5", "cache=/c"}, *none = NULL;
    struct lc_config a, b;
    struct lc_bytes x = {0}, y = {0};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_config_parse(&a, "a.yaml", BASE, strlen(BASE), &none, 0, &err), LC_OK);
    assert_int_equal(lc_config_parse(&b, "/x/y/b.yaml", BASE, strlen(BASE), there, 3, &err), LC_OK);
    assert_string_equal(a.model_path, "demo/model");
    assert_string_equal(a.cache, "results/cache");
    assert_string_equal(b.corpus_path, "/x/y/demo/corpus.txt");
    assert_string_equal(b.cache, "/c");
    canonical_of(&x, &a);
    canonical_of(&y, &b);
    assert_string_equal((const char *)x.data, (const char *)y.data);
    lc_bytes_release(&x);
    lc_bytes_release(&y);
    lc_config_release(&a);
    lc_config_release(&b);
}

static void same_bytes_give_the_same_struct(void **state)
{
    struct lc_config a, b;

    (void)state;
    parse_good(&a, BASE, NULL);
    parse_good(&b, BASE, NULL);
    assert_memory_equal(&a, &b, sizeof a);
    lc_config_release(&a);
    lc_config_release(&b);
}

static void help_names_every_key(void **state)
{
    static const char *const want[] = {
        "job ",
        "model.path ",
        "sae.bias ",
        "own | subtract | ignore; default own",
        "windows.choice.starts ",
        "from 1 to 1048576 | an ascending list of them; default 64",
        "start | end; default start",
        "features.min_frequency ",
        "absent: all",
        "required]",
        "output ",
        "default [reconstruction]",
    };
    struct lc_bytes out = {0};
    struct lc_err err = LC_ERR_INIT;

    (void)state;
    assert_int_equal(lc_config_help(&out, &err), LC_OK);
    assert_int_equal(lc_bytes_add(&out, "", 1, &err), LC_OK);
    for (size_t i = 0; i < COUNT(want); i++)
        if (!strstr((const char *)out.data, want[i]))
            fail_msg("no \"%s\" in\n%s", want[i], (const char *)out.data);
    lc_bytes_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input_is_refused_by_name),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(message_keeps_the_reason),
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(lengths_are_kept_with_their_longest),
        cmocka_unit_test(a_sweep_has_its_limit),
        cmocka_unit_test(good_input_has_its_canonical_form),
        cmocka_unit_test(correlation_selects_by_itself),
        cmocka_unit_test(canonical_of_every_key),
        cmocka_unit_test(canonical_ignores_folders_and_output),
        cmocka_unit_test(same_bytes_give_the_same_struct),
        cmocka_unit_test(help_names_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
