/* Plan, source and gather over small chains made here: which base, where a target is rounded to, what is
 * folded. */
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

#include "agent/restore/fold/baserows.h"
#include "agent/restore/fold/gather.h"
#include "proto/tuple.h"

#define SOLD 1 /* a business table: id, word */
#define TILL 2 /* a device table, the same */
#define GONE 3 /* a relation that no base knows */
#define WIDE 4 /* SOLD with another column */

struct step {
    uint64_t first, last; /* of its commit */
    lsn lsn;
    pgtime time;
    uint32_t relation; /* 0: DDL */
    enum action_kind kind;
    const char *id, *word;
};

struct world {
    struct scratch place;
    struct snapmake make;
    struct chain *chain;
    lsn sold_lsn, till_lsn;
};

static void world_fini(struct world *w)
{
    chain_free(w->chain);
    scratch_remove(&w->place);
}
OWN_VALUE(world, world_fini);

/* In place: the headers point into it. */
static void world_make(struct world *w, lsn sold, lsn till)
{
    *w = (struct world){.place = scratch_make(), .sold_lsn = sold, .till_lsn = till};
    snapmake_init(&w->make);
}

static uuid table_uuid(uint32_t number)
{
    return snapmake_uuid(0xc0, number == WIDE ? SOLD : number);
}

static void fill_columns(Pgstrand__Column **column, size_t count)
{
    static char names[][6] = {"id", "word", "extra"};
    for (size_t i = 0; i < count; i++) {
        pgstrand__column__init(column[i]);
        column[i]->name = names[i];
        column[i]->type = i == 0 ? 23 : 25;
        column[i]->typmod = -1;
        column[i]->key = i == 0;
    }
}

/* ---- writing links ---- */

static void publish(struct world *w, struct snapwriter *writer)
{
    err e = ERR_INIT;
    OWNED(text) char *name = NULL;
    assert_done(snapwriter_publish(writer, &w->make.key, w->make.parent_hash, &name, &e), &e);
}

static void full(struct world *w, uint64_t seq, const char *sold, const char *till)
{
    err e = ERR_INIT;
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    Pgstrand__Table table[2], *tables[2] = {&table[0], &table[1]};
    Pgstrand__Column column[2], *columns[2] = {&column[0], &column[1]};
    uuid id[2] = {table_uuid(SOLD), table_uuid(TILL)};
    char sql[] = "SELECT 1;", space[] = "public", names[][5] = {"sold", "till"};
    fill_columns(columns, 2);
    for (uint32_t i = 0; i < 2; i++) {
        pgstrand__table__init(&table[i]);
        table[i].number = i + 1;
        table[i].table = pbmem_uuid(&id[i]);
        table[i].schema = space;
        table[i].name = names[i];
        table[i].tier = i == 0 ? PGSTRAND__TIER__BUSINESS : PGSTRAND__TIER__DEVICE;
        table[i].replica_identity = 'd';
        table[i].column = columns;
        table[i].n_column = 2;
        table[i].has_base_lsn = true;
        table[i].base_lsn = i == 0 ? w->sold_lsn : w->till_lsn;
    }
    schema.pre_data = sql;
    schema.table = tables;
    schema.n_table = 2;
    snapmake_begin(&w->make, PGSTRAND__SNAPSHOT_TYPE__FULL, seq + 1, seq);
    w->make.header.last_lsn = w->till_lsn > w->sold_lsn ? w->till_lsn : w->sold_lsn;
    w->make.header.last_time = (pgtime)seq;
    assert_done(snapwriter_open(w->place.dir, &w->make.header, SNAPMAKE_LEVEL, 0, &writer, &e), &e);
    assert_done(framecoder_new(SNAPMAKE_LEVEL, &coder, &e), &e);
    snapmake_message(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base);
    snapmake_row_section(writer, coder, TIER_BUSINESS, 1, sold);
    snapmake_row_section(writer, coder, TIER_DEVICE, 2, till);
    publish(w, writer);
}

static void relation_message(uint32_t version, Pgstrand__Relation *out, uuid *id, Pgstrand__Column **columns)
{
    static char space[] = "public", names[][5] = {"", "sold", "till", "gone", "sold"};
    pgstrand__relation__init(out);
    *id = table_uuid(version);
    out->version = version;
    out->oid = version;
    out->schema = space;
    out->name = names[version];
    out->replica_identity = 'd';
    out->table = pbmem_uuid(id);
    out->tier = version == TILL ? PGSTRAND__TIER__DEVICE : PGSTRAND__TIER__BUSINESS;
    out->columns = columns;
    out->n_columns = version == WIDE ? 3 : 2;
}

static void tuple_of(const struct step *s, struct buf *out)
{
    tuple_begin(out, s->relation == WIDE ? 3 : 2);
    tuple_put(out, s->id == NULL ? (struct value){VALUE_UNCHANGED, {0}}
                                 : (struct value){VALUE_TEXT, bytes_text(s->id)});
    for (int i = 0; i < (s->relation == WIDE ? 2 : 1); i++)
        tuple_put(out, s->word == NULL ? (struct value){VALUE_NULL, {0}}
                                       : (struct value){VALUE_TEXT, bytes_text(s->word)});
}

static void action_of(const struct step *s, uint64_t index, struct buf *group)
{
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf raw = {0};
    struct action a = {.kind = s->kind, .relation = s->relation, .index = index};
    if (s->relation == 0)
        a.prefix = bytes_text("ALTER TABLE");
    else
        tuple_of(s, &tuple);
    if (s->kind == ACTION_DELETE) {
        a.old_kind = 'K';
        a.old = buf_view(&tuple);
    } else {
        a.new = buf_view(&tuple);
    }
    action_encode(&a, true, &raw);
    wire_bytes(group, 2, buf_view(&raw));
}

static bool of_tier(const struct step *s, enum tier tier)
{
    return (s->relation == TILL ? TIER_DEVICE : TIER_BUSINESS) == tier;
}

/* All actions of one tier, each commit a group; seqs count up from the commit's first. */
static void action_section(struct snapwriter *writer, struct framecoder *coder, enum tier tier,
                           const struct step *steps, size_t count, uint64_t first_seq)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf frame = {0};
    struct snapsection *section = NULL;
    uint64_t seq = first_seq;
    for (size_t i = 0; i < count; i++, seq++) {
        OWNED(buf) struct buf group = {0};
        OWNED(buf) struct buf commit = {0};
        const struct commit c = {.lsn = steps[i].lsn,
                                 .end_lsn = steps[i].lsn + 1,
                                 .time = steps[i].time,
                                 .first_seq = steps[i].first,
                                 .last_seq = steps[i].last};
        if (!of_tier(&steps[i], tier))
            continue;
        commit_encode(&c, &commit);
        wire_bytes(&group, 1, buf_view(&commit));
        action_of(&steps[i], seq - steps[i].first, &group);
        wire_bytes(&frame, 1, buf_view(&group));
    }
    if (frame.len == 0)
        return;
    assert_done(snapwriter_section(writer, tier, PGSTRAND__SECTION_KIND__ACTIONS, &section, &e), &e);
    assert_done(snapsection_frame(section, coder, 0, first_seq, seq - 1, buf_view(&frame), &e), &e);
    snapsection_count_actions(section, 1);
}

static void incremental(struct world *w, const struct step *steps, size_t count)
{
    err e = ERR_INIT;
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    Pgstrand__Relation relation[4], *relations[4];
    Pgstrand__Column column[3], *columns[3] = {&column[0], &column[1], &column[2]};
    uuid id[4];
    fill_columns(columns, 3);
    for (uint32_t i = 0; i < 4; i++) {
        relation_message(i + 1, &relation[i], &id[i], columns);
        relations[i] = &relation[i];
    }
    schema.relation = relations;
    schema.n_relation = 4;
    snapmake_begin(&w->make, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, steps[0].first, steps[count - 1].last);
    w->make.header.last_lsn = steps[count - 1].lsn;
    w->make.header.last_time = steps[count - 1].time;
    assert_done(snapwriter_open(w->place.dir, &w->make.header, SNAPMAKE_LEVEL, 0, &writer, &e), &e);
    assert_done(framecoder_new(SNAPMAKE_LEVEL, &coder, &e), &e);
    snapmake_message(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base);
    action_section(writer, coder, TIER_BUSINESS, steps, count, steps[0].first);
    action_section(writer, coder, TIER_DEVICE, steps, count, steps[0].first);
    publish(w, writer);
}

/* ---- reading them ---- */

static const struct restore_target latest = {.kind = TARGET_LATEST};
#define ALL_TIERS (TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT) | TIER_BIT(TIER_DEVICE))

static status collect(void *context, struct bytes lines, err *e)
{
    struct buf *out = context;
    (void)e;
    buf_bytes(out, lines.data, lines.len);
    return DONE;
}

static status run(struct world *w, const struct restore_target *target, unsigned tiers, const char *tables,
                  struct plan **plan, char **sold, err *e)
{
    OWNED(fold) struct fold *fold = NULL;
    OWNED(buf) struct buf lines = {0};
    OWNED(baserows) struct baserows *rows = NULL;
    const struct fold_options options = {1 << 20, w->place.dir, 1};
    struct table_digest digest;
    chain_free(w->chain);
    w->chain = NULL;
    assert_done(chain_load(w->place.dir, &w->chain, e), e);
    const struct plan_options wanted = {w->chain, NULL, target, tiers, tables, NULL};
    TRY(plan_make(&wanted, plan, e));
    TRY(fold_new(&options, &fold, e));
    TRY(gather_run(*plan, fold, &progress_silent, e));
    TRY(baserows_open(*plan, &(*plan)->table[0], &rows, e));
    const struct fold_source source = baserows_source(rows);
    const struct fold_sink sink = {&lines, collect};
    TRY(fold_emit(fold, 0, &source, &(*plan)->table[0].base_digest, &sink, &digest, e));
    *sold = buf_take_cstring(&lines);
    return *sold == NULL ? err_no_memory(e) : DONE;
}

/* The rows of "sold" in the order of the base, one character a row: its id; or the failure's message. */
static void expect(struct world *w, const struct restore_target *target, uint64_t seq, const char *rows)
{
    err e = ERR_INIT;
    OWNED(plan) struct plan *plan = NULL;
    OWNED(text) char *sold = NULL;
    assert_done(run(w, target, ALL_TIERS, NULL, &plan, &sold, &e), &e);
    assert_int_equal(plan->seq, seq);
    assert_string_equal(sold, rows);
}

static void refuse(struct world *w, const struct restore_target *target, enum err_class class,
                   const char *piece)
{
    err e = ERR_INIT;
    OWNED(plan) struct plan *plan = NULL;
    OWNED(text) char *sold = NULL;
    assert_fails(run(w, target, ALL_TIERS, NULL, &plan, &sold, &e), &e, class);
    assert_mentions(&e, piece);
}

static struct restore_target to_seq(uint64_t seq)
{
    return (struct restore_target){.kind = TARGET_SEQ, .seq = seq};
}

/* Three commits: seqs 1 to 3, 4, 5 to 8. */
static const struct step history[] = {
    {1, 3, 0x100, 10, SOLD, ACTION_CREATE, "2", "b"}, {1, 3, 0x100, 10, TILL, ACTION_CREATE, "9", "t"},
    {1, 3, 0x100, 10, SOLD, ACTION_UPDATE, "1", "A"}, {4, 4, 0x200, 20, SOLD, ACTION_DELETE, "2", NULL},
    {5, 8, 0x300, 30, SOLD, ACTION_CREATE, "3", "c"}, {5, 8, 0x300, 30, TILL, ACTION_UPDATE, "9", "u"},
    {5, 8, 0x300, 30, SOLD, ACTION_CREATE, "4", "d"}, {5, 8, 0x300, 30, TILL, ACTION_DELETE, "9", NULL},
};

static void usual(struct world *w)
{
    world_make(w, 0x80, 0x80);
    full(w, 0, "1\ta\n", "7\tx\n");
    incremental(w, history, 4);
    incremental(w, history + 4, 4);
}

static void seqs_are_rounded_down_to_a_commit(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    usual(&w);
    static const struct {
        uint64_t wanted, got;
        const char *rows;
    } cases[] = {{0, 0, "1\ta\n"},
                 {1, 0, "1\ta\n"},
                 {2, 0, "1\ta\n"},
                 {3, 3, "1\tA\n2\tb\n"},
                 {4, 4, "1\tA\n"},
                 {7, 4, "1\tA\n"},
                 {8, 8, "1\tA\n3\tc\n4\td\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct restore_target target = to_seq(cases[i].wanted);
        err e = ERR_INIT;
        OWNED(plan) struct plan *plan = NULL;
        OWNED(text) char *sold = NULL;
        assert_done(run(&w, &target, ALL_TIERS, NULL, &plan, &sold, &e), &e);
        assert_int_equal(plan->seq, cases[i].got);
        assert_int_equal(strlen(sold), strlen(cases[i].rows));
    }
    expect(&w, &latest, 8, "1\tA\n3\tc\n4\td\n");
}

static void times_and_lsns_stop_before_what_is_later(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    usual(&w);
    struct restore_target t = {.kind = TARGET_TIME, .time = 20};
    expect(&w, &t, 4, "1\tA\n");
    t.time = 19;
    expect(&w, &t, 3, "1\tA\n2\tb\n");
    t.time = 1000;
    expect(&w, &t, 8, "1\tA\n3\tc\n4\td\n");
    t = (struct restore_target){.kind = TARGET_LSN, .lsn = 0x2ff};
    expect(&w, &t, 4, "1\tA\n");
    t.lsn = 0x7f;
    expect(&w, &t, 0, "1\ta\n");
    t.lsn = 0x7e;
    refuse(&w, &t, ERR_VALIDATION, "earliest restorable seq is 0");
    t.lsn = 0x301;
    refuse(&w, &t, ERR_VALIDATION, "0/300");
}

static void snapshots_by_uuid_and_name(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    usual(&w);
    char id[UUID_TEXT];
    const uuid middle = snapmake_uuid(0xb0, 1);
    struct restore_target t = {.kind = TARGET_SNAPSHOT, .snapshot = uuid_format(&middle, id)};
    expect(&w, &t, 4, "1\tA\n");
    t.snapshot = "nobody";
    refuse(&w, &t, ERR_VALIDATION, "nobody");
}

static void the_future_is_refused_with_the_last_seq(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    usual(&w);
    const struct restore_target t = to_seq(9);
    refuse(&w, &t, ERR_VALIDATION, "the last one is 8");
}

static void the_newest_base_that_serves(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    usual(&w);
    w.sold_lsn = w.till_lsn = 0x380;
    full(&w, 8, "1\tfrom the second base\n", "7\tx\n");
    struct restore_target t = to_seq(8);
    expect(&w, &t, 8, "1\tfrom the second base\n");
    t = to_seq(7);
    expect(&w, &t, 4, "1\tA\n");
}

static void bases_of_several_times(void **state)
{
    (void)state;
    OWNED(world) struct world w;
    world_make(&w, 0x80, 0x180);
    full(&w, 0, "1\ta\n", "9\tt\n"); /* the till's base has the first commit already */
    struct restore_target t = latest;
    refuse(&w, &t, ERR_VALIDATION, "not in the chain yet");
    incremental(&w, history, 8);
    expect(&w, &t, 8, "1\tA\n3\tc\n4\td\n");
    t = to_seq(2);
    refuse(&w, &t, ERR_VALIDATION, "earliest restorable seq is 3");
    t = to_seq(3);
    expect(&w, &t, 3, "1\tA\n2\tb\n");
}

static void only_the_tiers_and_tables_that_come(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(world) struct world w;
    usual(&w);
    OWNED(plan) struct plan *plan = NULL;
    OWNED(text) char *sold = NULL;
    assert_done(run(&w, &latest, TIER_BIT(TIER_BUSINESS), NULL, &plan, &sold, &e), &e);
    assert_true(plan->table[0].comes && !plan->table[1].comes);
    assert_int_equal(plan->table[0].actions, 5);
    assert_int_equal(plan->actions, 5);
    OWNED(plan) struct plan *named = NULL;
    OWNED(text) char *rows = NULL;
    assert_done(run(&w, &latest, ALL_TIERS, "public.ti*", &named, &rows, &e), &e);
    assert_true(!named->table[0].comes && named->table[1].comes);
    assert_int_equal(named->table[1].actions, 3);
    OWNED(plan) struct plan *nothing = NULL;
    OWNED(text) char *none = NULL;
    assert_fails(run(&w, &latest, ALL_TIERS, "absent", &nothing, &none, &e), &e, ERR_VALIDATION);
}

static void schema_changes_are_refused(uint32_t relation, const char *piece)
{
    const struct step changed[] = {
        {9, 10, 0x400, 40, SOLD, ACTION_CREATE, "5", "e"},
        {9, 10, 0x400, 40, relation, relation == 0 ? ACTION_DDL : ACTION_CREATE, "6", "f"}};
    OWNED(world) struct world w;
    usual(&w);
    incremental(&w, changed, 2);
    struct restore_target t = latest;
    refuse(&w, &t, ERR_SCHEMA, piece);
    refuse(&w, &t, ERR_SCHEMA, "up to seq 8");
    t = to_seq(8);
    expect(&w, &t, 8, "1\tA\n3\tc\n4\td\n");
    w.sold_lsn = w.till_lsn = 0x480;
    full(&w, 10, "1\tnew\n", "");
    expect(&w, &latest, 10, "1\tnew\n");
}

static void ddl_new_tables_and_new_columns(void **state)
{
    (void)state;
    schema_changes_are_refused(0, "ALTER TABLE");
    schema_changes_are_refused(GONE, "public.gone was made");
    schema_changes_are_refused(WIDE, "column extra was added");
}

static void a_change_before_a_later_base_is_named_with_it(void **state)
{
    (void)state;
    const struct step ddl[] = {{9, 9, 0x400, 40, 0, ACTION_DDL, "", ""}};
    const struct step more[] = {{10, 10, 0x500, 50, SOLD, ACTION_CREATE, "5", "e"}};
    OWNED(world) struct world w;
    usual(&w);
    incremental(&w, ddl, 1);
    incremental(&w, more, 1);
    w.sold_lsn = w.till_lsn = 0x580;
    full(&w, 10, "1\tnew\n", "");
    const struct restore_target t = to_seq(9);
    refuse(&w, &t, ERR_SCHEMA, "from seq 10 on");
}

/* Folding is a little behind: what it meets there comes before what ended the reading. */
static void damage_before_a_change_of_the_schema_is_what_is_told(void **state)
{
    (void)state;
    const struct step keyless[] = {{9, 9, 0x400, 40, SOLD, ACTION_CREATE, NULL, "e"}};
    const struct step ddl[] = {{10, 10, 0x500, 50, 0, ACTION_DDL, "", ""}};
    OWNED(world) struct world w;
    usual(&w);
    incremental(&w, keyless, 1);
    incremental(&w, ddl, 1);
    const struct restore_target t = to_seq(10);
    refuse(&w, &t, ERR_STORAGE, "seq 9");
}

static void a_missing_file_is_damage(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(world) struct world w;
    usual(&w);
    OWNED(io_names) struct io_names names = {0};
    assert_done(io_list(w.place.dir, &names, &e), &e);
    for (size_t i = 0; i < names.count; i++)
        if (strstr(names.name[i], "0000000000000001-") == names.name[i] &&
            strstr(names.name[i], ".snap") != NULL)
            assert_done(io_unlink(scratch_path(&w.place, names.name[i]), &e), &e);
    const struct restore_target base = to_seq(0);
    refuse(&w, &latest, ERR_STORAGE, ".snap");
    refuse(&w, &base, ERR_STORAGE, ".snap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seqs_are_rounded_down_to_a_commit),
        cmocka_unit_test(times_and_lsns_stop_before_what_is_later),
        cmocka_unit_test(snapshots_by_uuid_and_name),
        cmocka_unit_test(the_future_is_refused_with_the_last_seq),
        cmocka_unit_test(the_newest_base_that_serves),
        cmocka_unit_test(bases_of_several_times),
        cmocka_unit_test(only_the_tiers_and_tables_that_come),
        cmocka_unit_test(ddl_new_tables_and_new_columns),
        cmocka_unit_test(a_change_before_a_later_base_is_named_with_it),
        cmocka_unit_test(damage_before_a_change_of_the_schema_is_what_is_told),
        cmocka_unit_test(a_missing_file_is_damage),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
