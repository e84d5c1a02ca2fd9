#include "tests/unit/agent/capture/capturefixture.h"

#define ITEMS 100

static void m_retold(struct fixture *f, uint32_t stream, struct buf *content)
{
    struct buf m = head('M', stream);
    buf_u8(&m, 1);
    buf_u64(&m, 0x1f00);
    put_name(&m, "pgstrand.retold");
    buf_u32(&m, (uint32_t)content->len);
    buf_bytes(&m, content->data, content->len);
    buf_fini(content);
    send(f, &m);
}

static void m_retold_relation(struct fixture *f, uint32_t stream, const char *name, char identity)
{
    struct buf m = head('R', 0);
    buf_u32(&m, ITEMS);
    put_name(&m, "app");
    put_name(&m, name);
    buf_u8(&m, (uint8_t)identity);
    buf_u16(&m, 2);
    for (int i = 0; i < 2; i++) {
        buf_u8(&m, identity == 'f' || i == 0 ? 1 : 0);
        put_name(&m, i == 0 ? "id" : "v");
        buf_u32(&m, 25);
        buf_u32(&m, UINT32_MAX);
    }
    m_retold(f, stream, &m);
}

static void m_retold_row(struct fixture *f, uint32_t stream, const char *id, const char *v)
{
    struct buf m = head('N', 0);
    buf_u32(&m, 2);
    for (int i = 0; i < 2; i++) {
        const char *text = i == 0 ? id : v;
        buf_u32(&m, 17);
        buf_u32(&m, text == NULL ? UINT32_MAX : (uint32_t)strlen(text));
        buf_text(&m, text == NULL ? "" : text);
    }
    m_retold(f, stream, &m);
}

static void m_retold_end(struct fixture *f, uint32_t stream)
{
    struct buf m = head('E', 0);
    m_retold(f, stream, &m);
}

static void m_ddl(struct fixture *f, uint32_t stream, const char *event)
{
    char row[64];
    (void)snprintf(row, sizeof row, "1,0/1,%s,ALTER TABLE,[7],now", event);
    m_relation(f, stream, 200, "pgstrand", "ddl", 'd', "txid*,lsn*,event,tag,objects,seen");
    m_insert(f, stream, 200, row);
}

static void rows_of_a_rewritten_table_come_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("tills", "carts", "jobs where state = 'done'");
    for (int stream = 0; stream <= 50; stream += 50) {
        const uint32_t xid = (uint32_t)stream;
        if (xid != 0)
            m_stream_start(f, xid, true);
        else
            m_begin(f, 9, 0x2000);
        m_ddl(f, xid, "table_retold");
        m_retold_relation(f, xid, "items", 'd');
        m_retold_row(f, xid, "1", "a");
        m_retold_row(f, xid, "2", NULL);
        m_retold_end(f, xid);
        m_ddl(f, xid, "table_retold");
        m_retold_relation(f, xid, "items", 'f');
        m_retold_row(f, xid, "1", "");
        m_retold_end(f, xid);
        m_relation(f, xid, ITEMS, "app", "items", 'f', "id*,v*");
        m_insert(f, xid, ITEMS, "3,c");
        if (xid != 0) {
            m_stream_stop(f);
            m_stream_commit(f, xid, 0x2100, 0x2130);
        } else {
            m_commit(f, 0x2000, 0x2030);
        }
    }
#define RETOLD                                                                                             \
    "DDL ALTER TABLE=[7]; TRUNCATE items/business; UPDATE items/business 1,a; UPDATE items/business 2,~; " \
    "DDL ALTER TABLE=[7]; TRUNCATE items/business; CREATE items/business 1,; CREATE items/business 3,c"
    assert_log(f, "9: " RETOLD "\n50: " RETOLD);
    fixture_free(f);
}

/* Anybody may emit such messages: without a gap behind the trigger's row, or they are only messages. */
static void what_only_looks_like_it_is_a_message(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("tills", "carts", "jobs where state = 'done'");
    m_begin(f, 9, 0x2000);
    m_message(f, true, 0x1f00, "pgstrand.retold", "N");
    m_ddl(f, 0, "ddl_command_end");
    m_message(f, true, 0x1f00, "pgstrand.retold", "N");
    m_ddl(f, 0, "table_retold");
    m_retold_relation(f, 0, "items", 'd');
    m_retold_end(f, 0);
    m_message(f, true, 0x1f00, "pgstrand.retold", "N");
    m_ddl(f, 0, "table_retold");
    m_message(f, true, 0x1f00, "other", "x");
    m_message(f, true, 0x1f00, "pgstrand.retold", "N");
    m_commit(f, 0x2000, 0x2030);
    /* a stream's part that is taken back, and what it was */
    m_stream_start(f, 50, true);
    m_ddl(f, 51, "table_retold");
    m_retold_relation(f, 51, "items", 'd');
    m_stream_stop(f);
    m_stream_abort(f, 50, 51);
    m_stream_start(f, 50, false);
    m_stream_message(f, 50, true, 0x2040, "pgstrand.retold", "N");
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2100, 0x2130);
    /* a new transaction */
    m_begin(f, 60, 0x2200);
    m_ddl(f, 0, "table_retold");
    m_commit(f, 0x2200, 0x2230);
    m_begin(f, 61, 0x2300);
    m_message(f, true, 0x2240, "pgstrand.retold", "N");
    m_commit(f, 0x2300, 0x2330);
    assert_log(f, "9: MESSAGE pgstrand.retold=N; DDL ALTER TABLE=[7]; MESSAGE pgstrand.retold=N; "
                  "DDL ALTER TABLE=[7]; TRUNCATE items/business; MESSAGE pgstrand.retold=N; "
                  "DDL ALTER TABLE=[7]; MESSAGE other=x; MESSAGE pgstrand.retold=N\n"
                  "50: MESSAGE pgstrand.retold=N\n60: DDL ALTER TABLE=[7]\n61: MESSAGE pgstrand.retold=N");
    fixture_free(f);
}

static void a_form_that_is_not_known_ends_capture(void **state)
{
    static const char *const content[] = {"", "X", "N", "E"};
    (void)state;
    for (size_t i = 0; i < sizeof content / sizeof content[0]; i++) {
        struct fixture *f = fixture_new("tills", "carts", "jobs where state = 'done'");
        err e = ERR_INIT;
        struct buf m = head('M', 0);
        m_begin(f, 9, 0x2000);
        m_ddl(f, 0, "table_retold");
        buf_u8(&m, 1);
        buf_u64(&m, 0x1f00);
        put_name(&m, "pgstrand.retold");
        buf_u32(&m, (uint32_t)strlen(content[i]));
        buf_text(&m, content[i]);
        assert_fails(give(f, &m, &e), &e, ERR_STORAGE);
        assert_log(f, "");
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_rewritten_table_come_again),
        cmocka_unit_test(what_only_looks_like_it_is_a_message),
        cmocka_unit_test(a_form_that_is_not_known_ends_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
