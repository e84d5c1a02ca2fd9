#include "store/merkle.h"

static const char node_domain[] = "pgstrand-node-v1";
static const char empty_domain[] = "pgstrand-none-v1";
static const char root_domain[] = "pgstrand-root-v1";

static status node(struct hasher *h, const uint8_t *left, const uint8_t *right, uint8_t *out, err *e)
{
    TRY(hasher_start(h, e));
    TRY(hasher_add(h, bytes_of(node_domain, sizeof node_domain - 1), e));
    TRY(hasher_add(h, bytes_of(left, SHA256_LEN), e));
    TRY(hasher_add(h, bytes_of(right, SHA256_LEN), e));
    return hasher_end(h, out, e);
}

status merkle_add(struct merkle *m, struct hasher *h, const uint8_t leaf[static SHA256_LEN], err *e)
{
    uint8_t carry[SHA256_LEN];
    memcpy(carry, leaf, sizeof carry);
    size_t level = 0;
    for (; (m->count >> level & 1) != 0; level++)
        TRY(node(h, m->stack[level], carry, carry, e));
    memcpy(m->stack[level], carry, sizeof carry);
    m->count++;
    return DONE;
}

status merkle_tree(const struct merkle *m, struct hasher *h, uint8_t out[static SHA256_LEN], err *e)
{
    bool begun = false;
    for (size_t level = 0; level < 64; level++) {
        if ((m->count >> level & 1) == 0)
            continue;
        if (begun)
            TRY(node(h, m->stack[level], out, out, e));
        else
            memcpy(out, m->stack[level], SHA256_LEN);
        begun = true;
    }
    return begun ? DONE : hasher_once(h, bytes_of(empty_domain, sizeof empty_domain - 1), out, e);
}

status merkle_root(const struct merkle *frames, const struct merkle *index,
                   const uint8_t salt[static MERKLE_SALT_LEN], struct hasher *h,
                   uint8_t out[static SHA256_LEN], err *e)
{
    uint8_t count[8], tree[SHA256_LEN], index_tree[SHA256_LEN];
    for (size_t i = 0; i < sizeof count; i++)
        count[i] = (uint8_t)(frames->count >> 8 * i);
    TRY(merkle_tree(frames, h, tree, e));
    TRY(merkle_tree(index, h, index_tree, e));
    TRY(hasher_start(h, e));
    TRY(hasher_add(h, bytes_of(root_domain, sizeof root_domain - 1), e));
    TRY(hasher_add(h, bytes_of(salt, MERKLE_SALT_LEN), e));
    TRY(hasher_add(h, bytes_of(count, sizeof count), e));
    TRY(hasher_add(h, bytes_of(tree, sizeof tree), e));
    TRY(hasher_add(h, bytes_of(index_tree, sizeof index_tree), e));
    return hasher_end(h, out, e);
}
