#include "agent/capture/context.h"

#include "proto/jsonread.h"

static bool take_string_or_null(struct reader *r, struct buf *out)
{
    buf_reset(out);
    return jsonread_null(r) || jsonread_string(r, out);
}

static bool parse(struct reader *r, struct buf *user, struct buf *session)
{
    OWNED(buf) struct buf name = {0};
    OWNED(buf) struct buf other = {0};
    if (!jsonread_take(r, '{'))
        return false;
    if (jsonread_take(r, '}'))
        return true;
    do {
        if (!jsonread_string(r, &name) || !jsonread_take(r, ':'))
            return false;
        struct buf *out = bytes_equal(buf_view(&name), bytes_text("user"))      ? user
                          : bytes_equal(buf_view(&name), bytes_text("session")) ? session
                                                                                : &other;
        if (!take_string_or_null(r, out))
            return false;
    } while (jsonread_take(r, ','));
    return jsonread_take(r, '}');
}

bool context_parse(struct bytes content, struct buf *user, struct buf *session)
{
    struct reader r = reader_over(content);
    buf_reset(user);
    buf_reset(session);
    const bool good = parse(&r, user, session);
    if (good && jsonread_end(&r) && !user->bad && !session->bad)
        return true;
    buf_reset(user);
    buf_reset(session);
    return false;
}
