#include "tools/chains.h"

#include "agent/nearest.h"

void chains_free(struct chains *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++) {
        free(c->item[i].dir);
        vault_names_free(&c->item[i].names);
        chain_free(c->item[i].chain);
    }
    free(c->item);
    free(c);
}

static status load_item(struct vault *v, const struct vault_chain *which, struct chains_item *item, err *e)
{
    item->node = which->node;
    item->incarnation = which->incarnation;
    TRY(vault_local_dir(v, &which->node, &which->incarnation, &item->dir, e));
    TRY(vault_list(v, &which->node, &which->incarnation, &item->names, e));
    if (!chain_load(item->dir, &item->chain, &item->why).ok)
        item->chain = NULL;
    return DONE;
}

static int64_t began(const struct chains_item *item)
{
    const struct chain *c = item->chain;
    return c != NULL && c->count > c->own ? c->link[c->own].commit->header->created : INT64_MAX;
}

static int by_beginning(const void *a, const void *b)
{
    int64_t left = began(a);
    int64_t right = began(b);
    return left < right ? -1 : left > right;
}

status chains_load(const char *root, struct chains **out, err *e)
{
    OWNED(vault) struct vault *v = NULL;
    OWNED(vault_chains) struct vault_chains found = {0};
    OWNED(chains) struct chains *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_no_memory(e);
    TRY(vault_open(root, false, &v, e));
    TRY(vault_chains(v, &found, e));
    c->item = calloc(found.count > 0 ? found.count : 1, sizeof *c->item);
    if (c->item == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < found.count; i++) {
        struct chains_item *item = &c->item[c->count++];
        TRY(load_item(v, &found.chain[i], item, e));
    }
    qsort(c->item, c->count, sizeof *c->item, by_beginning);
    *out = c;
    c = NULL;
    return DONE;
}

/* ---- names of vaults ---- */

struct known_vaults {
    char *name[64];
    size_t count;
};

static status on_vault(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct known_vaults *known = context;
    const Pgstrand__VaultRecord *vault = (const Pgstrand__VaultRecord *)(const void *)record;
    (void)key;
    if (known->count == sizeof known->name / sizeof known->name[0])
        return DONE;
    known->name[known->count] = strdup(vault->name);
    return known->name[known->count++] != NULL ? DONE : err_no_memory(e);
}

static status unknown_vault(struct datadir *d, const char *name, err *e)
{
    struct known_vaults known = {0};
    const char *near = NULL;
    status failed = FAILED;
    if (d != NULL && !catalog_each(d->catalog, CATALOG_VAULT, on_vault, &known, e).ok)
        failed = FAILED;
    else if ((near = nearest_close(name, (const char *const *)known.name, known.count)) != NULL)
        failed = err_set(e, ERR_VALIDATION, "there is no vault \"%s\": did you mean %s?", name, near);
    else
        failed = err_set(
            e, ERR_VALIDATION,
            "there is no vault \"%s\": pgstrand vault list shows them; vault add makes one known", name);
    for (size_t i = 0; i < known.count; i++)
        free(known.name[i]);
    return failed;
}

status chains_vault_url(struct datadir *d, const char *name, char **url, err *e)
{
    PB_OWNED(ProtobufCMessage) *record = NULL;
    if (strstr(name, "://") != NULL || name[0] == '/') {
        *url = strdup(name);
        return *url != NULL ? DONE : err_no_memory(e);
    }
    if (d != NULL)
        TRY(catalog_get(d->catalog, CATALOG_VAULT, bytes_text(name), &record, e));
    if (record == NULL)
        return unknown_vault(d, name, e);
    *url = strdup(((const Pgstrand__VaultRecord *)(const void *)record)->url);
    return *url != NULL ? DONE : err_no_memory(e);
}
