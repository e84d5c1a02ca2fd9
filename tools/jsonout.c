#include "tools/jsonout.h"

#include <errno.h>

#include "tools/output.h"

json_t *jsonout_uuid(const uuid *id)
{
    char text[UUID_TEXT];
    return id == NULL || uuid_is_nil(id) ? json_null() : json_string(uuid_format(id, text));
}

json_t *jsonout_lsn(lsn value)
{
    char text[LSN_TEXT];
    return value == LSN_NONE ? json_null() : json_string(lsn_format(value, text));
}

json_t *jsonout_time(pgtime value)
{
    char text[PGTIME_TEXT];
    return json_string(pgtime_format(value, text));
}

json_t *jsonout_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *jsonout_text(const char *text)
{
    return text == NULL ? json_null() : jsonout_bytes(bytes_text(text));
}

/* Keeps what jansson takes as UTF-8, one character after the other. */
static json_t *repaired(struct bytes text)
{
    OWNED(buf) struct buf good = {0};
    while (text.len > 0) {
        size_t len = 1;
        json_t *piece = NULL;
        while (len <= 4 && len <= text.len && (piece = json_stringn((const char *)text.data, len)) == NULL)
            len++;
        if (piece != NULL) {
            buf_bytes(&good, text.data, len);
            json_decref(piece);
        } else {
            buf_text(&good, "\xEF\xBF\xBD");
            len = 1;
        }
        text = bytes_of(text.data + len, text.len - len);
    }
    return good.bad ? NULL : json_stringn((const char *)good.data, good.len);
}

json_t *jsonout_bytes(struct bytes text)
{
    json_t *value = json_stringn(text.len > 0 ? (const char *)text.data : "", text.len);
    return value != NULL ? value : repaired(text);
}

json_t *jsonout_hex(struct bytes raw)
{
    OWNED(buf) struct buf text = {0};
    for (size_t i = 0; i < raw.len; i++)
        buf_printf(&text, "%02x", raw.data[i]);
    return json_string(buf_cstring(&text));
}

static void spoil(json_t **whole)
{
    json_decref(*whole);
    *whole = NULL;
}

void jsonout_set(json_t **object, const char *key, json_t *value)
{
    if (*object == NULL)
        json_decref(value);
    else if (value == NULL || json_object_set_new(*object, key, value) != 0)
        spoil(object);
}

void jsonout_append(json_t **array, json_t *value)
{
    if (*array == NULL)
        json_decref(value);
    else if (value == NULL || json_array_append_new(*array, value) != 0)
        spoil(array);
}

status jsonout_print(const json_t *value, enum jsonout_shape shape, err *e)
{
    size_t flags = shape == JSONOUT_LINE ? JSON_COMPACT : JSON_INDENT(2);
    if (value == NULL)
        return err_no_memory(e);
    errno = 0;
    if (json_dumpf(value, stdout, flags | JSON_ENCODE_ANY) != 0 || putchar('\n') == EOF)
        return err_errno(e, errno != 0 ? errno : EIO, "cannot write to standard output");
    return DONE;
}

status jsonout_line(const json_t *value, struct buf *out, err *e)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL)
        return err_no_memory(e);
    buf_text(out, text);
    free(text);
    return buf_done(out, e);
}

static void print_value(const json_t *value, FILE *to)
{
    OWNED(buf) struct buf clean = {0};
    if (json_is_string(value)) {
        output_clean(&clean, bytes_of(json_string_value(value), json_string_length(value)));
        (void)fputs(buf_cstring(&clean), to);
        return;
    }
    (void)json_dumpf(value, to, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Objects of a list: their values in one line. */
static void print_list(const json_t *list, FILE *to)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        void *at = json_object_iter(json_array_get(list, i));
        (void)fputs("  ", to);
        for (; at != NULL; at = json_object_iter_next(json_array_get(list, i), at)) {
            (void)fprintf(to, "  %s ", json_object_iter_key(at));
            print_value(json_object_iter_value(at), to);
        }
        (void)fputc('\n', to);
    }
}

status jsonout_facts(const json_t *object, FILE *to, err *e)
{
    json_t *walked = json_deep_copy(object); /* iterators want what is not const */
    if (walked == NULL)
        return err_no_memory(e);
    for (void *at = json_object_iter(walked); at != NULL; at = json_object_iter_next(walked, at)) {
        const json_t *value = json_object_iter_value(at);
        if (json_is_null(value))
            continue;
        (void)fprintf(to, "%-15s ", json_object_iter_key(at));
        if (json_is_array(value))
            (void)fputc('\n', to);
        if (json_is_array(value))
            print_list(value, to);
        else
            print_value(value, to);
        (void)fputs(json_is_array(value) ? "" : "\n", to);
    }
    json_decref(walked);
    return DONE;
}
