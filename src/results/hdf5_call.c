#include "hdf5_call.h"

#include <stdio.h>
#include <string.h>

void lc_hdf5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    /* a file may name filters to be loaded as shared libraries: no code from data */
    H5PLset_loading_state(0);
}

/* Keep the innermost entry: walking upward it comes first. */
static herr_t innermost(unsigned int n, const H5E_error2_t *entry, void *text)
{
    if (n == 0 && entry->desc)
        snprintf(text, 256, "%s", entry->desc);
    return 0;
}

/* "file write failed: time = ..., error message = 'No space left on device', ..." -> the quoted reason. The
 * rest holds times and addresses. */
static void reason_shorten(char *text)
{
    static const char key[] = "error message = '";
    char *quoted = strstr(text, key), *end;

    if (quoted) {
        quoted += sizeof key - 1;
        end = strchr(quoted, '\'');
        if (end)
            *end = '\0';
        memmove(text, quoted, strlen(quoted) + 1);
        return;
    }
    end = strstr(text, ": time = ");
    if (end)
        *end = '\0';
}

int lc_hdf5_fail(const struct lc_result *r, const char *object, const char *what, struct lc_err *err)
{
    char text[256] = "HDF5 gives no reason";

    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, text);
    reason_shorten(text);
    return LC_FAIL(err, LC_E_IO, "%s%s%s: %s: %s", r->path, object[0] ? ": " : "", object, what, text);
}

hid_t lc_hdf5_access(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);

    if (list < 0)
        return list;
    /* V18: object headers carry checksums; both bounds fixed, so that another library version writes the same
     * bytes */
    if (H5Pset_fapl_sec2(list) < 0 || H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0 ||
        H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) < 0 || H5Pset_file_locking(list, 1, 1) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

static hid_t number_type(enum lc_result_type type, int stored)
{
    switch (type) {
    case LC_RESULT_I64:
        return stored ? H5T_STD_I64LE : H5T_NATIVE_INT64;
    case LC_RESULT_I32:
        return stored ? H5T_STD_I32LE : H5T_NATIVE_INT32;
    case LC_RESULT_F64:
        return stored ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE;
    case LC_RESULT_F32:
        return stored ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT;
    case LC_RESULT_U8:
        return stored ? H5T_STD_U8LE : H5T_NATIVE_UINT8;
    case LC_RESULT_TEXT:
        break;
    }
    return H5I_INVALID_HID;
}

hid_t lc_hdf5_type(enum lc_result_type type, int64_t width, int stored)
{
    hid_t copy;

    if (type != LC_RESULT_TEXT)
        return H5Tcopy(number_type(type, stored));
    copy = H5Tcopy(H5T_C_S1);
    if (copy >= 0 && (H5Tset_size(copy, (size_t)width) < 0 || H5Tset_strpad(copy, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(copy, H5T_CSET_UTF8) < 0)) {
        H5Tclose(copy);
        return H5I_INVALID_HID;
    }
    return copy;
}

size_t lc_hdf5_type_size(enum lc_result_type type, int64_t width)
{
    static const size_t sizes[] = {[LC_RESULT_I64] = 8, [LC_RESULT_I32] = 4, [LC_RESULT_F64] = 8,
                                   [LC_RESULT_F32] = 4, [LC_RESULT_U8] = 1};

    return type == LC_RESULT_TEXT ? (size_t)width : sizes[type];
}

static int wounded; /* HDF5 keeps the file until it ends, for all its users */

herr_t lc_hdf5_close(hid_t file)
{
    herr_t rc = H5Fclose(file);

    wounded |= rc < 0;
    return rc;
}

int lc_result_is_wounded(void)
{
    return wounded;
}

void lc_result_library(char out[32])
{
    unsigned major = 0, minor = 0, release = 0;

    H5get_libversion(&major, &minor, &release);
    snprintf(out, 32, "%u.%u.%u", major, minor, release);
}
