#include "agent/document/docpart.h"

#include "agent/document/docname.h"
#include "agent/restore/fold/spillfile.h"
#include "proto/jsonwrite.h"

#define PIECE ((size_t)65536)

struct docpart {
    struct spillfile *file;
    struct hasher *hasher;
    struct buf out; /* text that is neither hashed nor written yet: whole values */
    struct buf compact;
    struct docrow row;
    bool in_table;
    bool any_row; /* in this table */
    struct docpart_facts facts;
};

void docpart_free(struct docpart *p)
{
    if (p == NULL)
        return;
    spillfile_free(p->file);
    hasher_free(p->hasher);
    buf_fini(&p->out);
    buf_fini(&p->compact);
    docrow_fini(&p->row);
    free(p);
}

status docpart_new(const char *dir, struct docpart **out, err *e)
{
    OWNED(docpart) struct docpart *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_no_memory(e);
    TRY(spillfile_new(dir, PIECE, &p->file, e));
    TRY(hasher_new(&p->hasher, e));
    TRY(hasher_start(p->hasher, e));
    buf_u8(&p->out, '{');
    *out = p;
    p = NULL;
    return DONE;
}

static status flush(struct docpart *p, err *e)
{
    TRY(buf_done(&p->out, e));
    if (p->out.len == 0)
        return DONE;
    buf_reset(&p->compact);
    jsonwrite_compact(&p->compact, buf_view(&p->out)); /* json values may have white space of their own */
    TRY(buf_done(&p->compact, e));
    TRY(hasher_add(p->hasher, buf_view(&p->compact), e));
    TRY(spillfile_put(p->file, buf_view(&p->out), e));
    p->facts.bytes += p->out.len;
    buf_reset(&p->out);
    return DONE;
}

/* A line end between rows is for people and their tools; no part of the checksum. */
static status line_end(struct docpart *p, err *e)
{
    TRY(flush(p, e));
    p->facts.bytes++;
    return spillfile_put(p->file, bytes_text("\n"), e);
}

static void end_table(struct docpart *p)
{
    if (p->in_table)
        buf_u8(&p->out, ']');
    p->in_table = false;
    docrow_fini(&p->row);
}

status docpart_table(struct docpart *p, const Pgstrand__Table *t, err *e)
{
    OWNED(buf) struct buf name = {0};
    end_table(p);
    docname_put(&name, t);
    if (p->facts.tables++ > 0)
        buf_u8(&p->out, ',');
    TRY(line_end(p, e));
    jsonwrite_text(&p->out, buf_cstring(&name));
    buf_text(&p->out, ":[");
    p->in_table = true;
    p->any_row = false;
    return docrow_init(&p->row, t, e);
}

static status put_row(struct docpart *p, struct bytes line, err *e)
{
    if (p->any_row)
        buf_u8(&p->out, ',');
    TRY(line_end(p, e));
    TRY(docrow_put(&p->row, line, &p->out, e));
    p->any_row = true;
    p->facts.records++;
    return DONE;
}

status docpart_lines(struct docpart *p, struct bytes lines, err *e)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows end in the middle of a line; run pgstrand verify");
        TRY(put_row(p, bytes_of(at, (size_t)(stop - at)), e));
        at = stop + 1;
    }
    return DONE;
}

status docpart_end(struct docpart *p, err *e)
{
    end_table(p);
    buf_u8(&p->out, '}');
    TRY(flush(p, e));
    return hasher_end(p->hasher, p->facts.hash, e);
}

const struct docpart_facts *docpart_facts(const struct docpart *p)
{
    return &p->facts;
}

status docpart_copy(struct docpart *p, const struct docsink *to, err *e)
{
    TRY(spillfile_rewind(p->file, e));
    for (;;) {
        struct bytes piece;
        bool any = false;
        TRY(spillfile_next(p->file, &piece, &any, e));
        if (!any)
            return DONE;
        TRY(to->write(to->context, piece, e));
    }
}
