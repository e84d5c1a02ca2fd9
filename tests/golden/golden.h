/*
 * golden: what the golden chain holds, for the program that wrote it and the test that reads it.
 */
#ifndef PGSTRAND_GOLDEN_H
#define PGSTRAND_GOLDEN_H

#include "proto/action.h"
#include "proto/tuple.h"

#define GOLDEN_SCHEMA "CREATE TABLE public.item (id integer PRIMARY KEY, name text);\n"
/* Enough that it is smaller by column. */
#define GOLDEN_ITEMS                                                                                     \
    "1\tfig\tkg\t2.73\tt\n2\tpear\tkg\t6.36\tt\n3\tmelon\t\\N\t5.87\tt\n4\tplum\tkg\t1.63\tf\n"          \
    "5\tlemon\tkg\t4.08\tt\n6\tcherry\t\\N\t9.67\tt\n7\tlime\tkg\t6.48\tt\n8\tgrape\tkg\t5.15\tf\n"      \
    "9\tapple\t\\N\t6.70\tt\n10\tfig\tkg\t6.24\tt\n11\tpear\tkg\t0.97\tt\n12\tmelon\t\\N\t6.50\tf\n"     \
    "13\tplum\tkg\t0.43\tt\n14\tlemon\tkg\t9.60\tt\n15\tcherry\t\\N\t8.87\tt\n16\tlime\tkg\t5.10\tf\n"   \
    "17\tgrape\tkg\t2.95\tt\n18\tapple\t\\N\t5.94\tt\n19\tfig\tkg\t2.69\tt\n20\tpear\tkg\t2.26\tf\n"     \
    "21\tmelon\t\\N\t7.64\tt\n22\tplum\tkg\t5.11\tt\n23\tlemon\tkg\t5.83\tt\n24\tcherry\t\\N\t8.86\tf\n" \
    "25\tlime\tkg\t5.92\tt\n26\tgrape\tkg\t5.17\tt\n27\tapple\t\\N\t4.36\tt\n28\tfig\tkg\t6.84\tf\n"     \
    "29\tpear\tkg\t9.11\tt\n30\tmelon\t\\N\t1.84\tt\n31\tplum\tkg\t2.67\tt\n32\tlemon\tkg\t6.80\tf\n"    \
    "33\tcherry\t\\N\t1.85\tt\n34\tlime\tkg\t9.18\tt\n35\tgrape\tkg\t9.78\tt\n36\tapple\t\\N\t5.65\tf\n" \
    "37\tfig\tkg\t4.29\tt\n38\tpear\tkg\t7.89\tt\n39\tmelon\t\\N\t0.45\tt\n40\tplum\tkg\t7.17\tf\n"
#define GOLDEN_AUDIT "1\tlogin\tana\n2\tprice changed\tana\n"
#define GOLDEN_DEVICE "till\t17\n"
#define GOLDEN_ROLLOVER 1024 /* so that the FULL has several parts */

/* Of the first INCREMENTAL whose actions lie by column; the second one has one more. */
#define GOLDEN_ACTIONS 200
#define GOLDEN_USER "ana"

static inline void golden_value(struct buf *row, const char *text)
{
    const struct value null = {VALUE_NULL, bytes_text("")},
                       some = {VALUE_TEXT, bytes_text(text == NULL ? "" : text)};
    tuple_put(row, text == NULL ? null : some);
}

/* The action with this seq: orders put in, changed and deleted, and a message; its row lies in `row`. */
static inline void golden_action(uint64_t seq, struct buf *row, struct action *out)
{
    static const char *const notes[] = {"fig", "pear, ripe", NULL, "Honigmelone"};
    char text[64];
    const unsigned n = (unsigned)seq;
    buf_reset(row);
    *out = (struct action){.kind = (enum action_kind)(ACTION_CREATE + n % 3), .relation = 1 + n % 2};
    if (n % 40 == 0) {
        *out = (struct action){
            .kind = ACTION_MESSAGE, .prefix = bytes_text("till"), .content = bytes_text("closed")};
        return;
    }
    tuple_begin(row, 7);
    (void)snprintf(text, sizeof text, "%u", 100 + n / 3);
    golden_value(row, text);
    (void)snprintf(text, sizeof text, "R-%06u", n);
    golden_value(row, text);
    (void)snprintf(text, sizeof text, "%s%u.%02u", n % 5 == 0 ? "-" : "", 1 + n * 7 % 90, n * 13 % 100);
    golden_value(row, text);
    (void)snprintf(text, sizeof text, "2026-11-22 09:%02u:%02u.%u+00", n / 60, n % 60, 1 + n % 9);
    golden_value(row, text);
    (void)snprintf(text, sizeof text, "%08x-9c0b-4ef8-bb6d-6bb9bd38%04x", n * 2654435761u, n);
    golden_value(row, text);
    golden_value(row, notes[n % 4]);
    golden_value(row, n % 2 == 0 ? "t" : "f");
    if (out->kind == ACTION_DELETE) {
        out->old_kind = 'O';
        out->old = buf_view(row);
    } else
        out->new = buf_view(row);
}

#endif
