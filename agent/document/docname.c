#include "agent/document/docname.h"

void docname_put(struct buf *out, const Pgstrand__Table *t)
{
    /* A name with a dot would be taken for schema.name. */
    if (strcmp(t->schema, "public") != 0 || strchr(t->name, '.') != NULL)
        buf_printf(out, "%s.", t->schema);
    buf_text(out, t->name);
}

static bool is_called(const Pgstrand__Table *t, const char *name)
{
    OWNED(buf) struct buf own = {0};
    docname_put(&own, t);
    return strcmp(buf_cstring(&own), name) == 0;
}

const Pgstrand__Table *docname_find(const Pgstrand__Schema *schema, const char *name)
{
    const Pgstrand__Table *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < schema->n_table; i++) {
        if (is_called(schema->table[i], name))
            return schema->table[i];
        if (strcmp(schema->table[i]->name, name) == 0) {
            found = schema->table[i];
            count++;
        }
    }
    return count == 1 ? found : NULL;
}
