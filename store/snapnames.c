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
    const size_t len = strlen(file);
    if (len >= sizeof out->name)
        return false;
    memcpy(out->name, file, len + 1);
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

size_t snapnames_stem(const char *file)
{
    return strcspn(file, ".");
}

static bool is_beside(const char *file, const char *other, size_t len)
{
    return strncmp(file, other, len) == 0 && other[len] == '.';
}

bool snapnames_beside(const struct io_names *all, size_t at, size_t len, const char *suffix)
{
    const char *file = all->name[at];
    size_t first = at;
    while (first > 0 && is_beside(file, all->name[first - 1], len))
        first--;
    for (size_t i = first; i < all->count && (i == at || is_beside(file, all->name[i], len)); i++)
        if (strcmp(all->name[i] + len, suffix) == 0)
            return true;
    return false;
}
