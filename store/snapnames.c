#include "store/snapnames.h"

#include <ctype.h>

/* Cuts `end` off the end of `text`, if it is there. */
static bool cut(char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);
    if (len <= tail || strcmp(text + len - tail, end) != 0)
        return false;
    text[len - tail] = '\0';
    return true;
}

/* Cuts ".12" off: the number of a further part. */
static void cut_number(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && isdigit((unsigned char)text[len - 1]))
        len--;
    if (text[len] != '\0' && len > 0 && text[len - 1] == '.')
        text[len - 1] = '\0';
}

bool snapnames_parse(const char *file, struct snapnames_file *out)
{
    if (strlen(file) >= sizeof out->name)
        return false;
    (void)strcpy(out->name, file);
    out->staged = cut(out->name, ".part");
    if (cut(out->name, ".commit"))
        out->kind = SNAPNAMES_COMMIT;
    else if (cut(out->name, ".pruned"))
        out->kind = SNAPNAMES_PRUNED;
    else {
        cut_number(out->name);
        if (cut(out->name, ".device"))
            out->kind = SNAPNAMES_DEVICE;
        else if (cut(out->name, ".snap"))
            out->kind = SNAPNAMES_SNAP;
        else
            return false;
    }
    return snapname_parse(out->name, &out->parsed);
}

status snapnames_committed(const char *dir, struct io_names *out, err *e)
{
    TRY(io_list(dir, out, e));
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct snapnames_file file;
        bool commit = snapnames_parse(out->name[i], &file) && !file.staged && file.kind == SNAPNAMES_COMMIT;
        char *name = commit ? strdup(file.name) : NULL;
        free(out->name[i]);
        out->name[i] = NULL;
        if (commit && name == NULL) { /* what is left is freed by the owner: NULL entries are fine */
            return err_no_memory(e);
        }
        if (commit)
            out->name[kept++] = name;
    }
    out->count = kept;
    return DONE;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(a, *(char *const *)b);
}

bool snapnames_has(const struct io_names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(name, names->name, names->count, sizeof *names->name, by_bytes) != NULL;
}
