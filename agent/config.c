#include "agent/config.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "agent/config_setting.h"
#include "agent/nearest.h"
#include "store/io.h"

#define FILE_MAX_BYTES ((size_t)1 << 20) /* a configuration larger than this is a mistake */
#define LINE_MAX_BYTES 65536             /* inih's own default is 200, too short for lists of tables */

static status set_text(char **text, const char *piece, err *e)
{
    struct buf joined = {0}; /* a continued value is one value */
    if (*text != NULL)
        buf_text(&joined, *text);
    if (joined.len > 0 && *piece != '\0')
        buf_u8(&joined,
               ' '); /* an empty piece would leave a space at the end, which the next reading drops */
    buf_text(&joined, piece);
    char *taken = buf_take_cstring(&joined);
    if (taken == NULL)
        return err_no_memory(e);
    free(*text);
    *text = taken;
    return DONE;
}

static bool is_text(const struct setting *s)
{
    return s->kind == SETTING_TEXT || s->kind == SETTING_FILE;
}

static char **text_of(struct config *c, const struct setting *s)
{
    return (char **)(void *)((char *)c + s->offset);
}

static status set_number(const struct setting *s, const char *value, struct config *c, err *e)
{
    uint64_t number = 0;
    if (!config_value_parse(s->kind, value, &number))
        return err_set(e, ERR_VALIDATION, "%s in [%s] is \"%s\", but must be %s", s->key, s->section, value,
                       config_value_expected(s->kind));
    if (number < s->least || number > s->most)
        return err_set(e, ERR_VALIDATION, "%s in [%s] is %s, but must be between %llu and %llu", s->key,
                       s->section, value, (unsigned long long)s->least, (unsigned long long)s->most);
    void *member = (char *)c + s->offset;
    if (s->kind == SETTING_BOOL)
        *(bool *)member = number != 0;
    else if (s->kind == SETTING_INT)
        *(int *)member = (int)number;
    else
        *(uint64_t *)member = number;
    return DONE;
}

struct parse {
    struct config *config;
    enum tier fallback;
    struct buf lists[TIER_TRANSIENT + 1]; /* the rules wait for the default tier, which may come last */
    bool seen[CONFIG_SETTINGS];
    bool failed;
    err *e;
};

static bool known_section(const char *section)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp(config_settings[i].section, section) == 0)
            return true;
    return false;
}

static status unknown_key(const char *section, const char *key, err *e)
{
    const char *names[CONFIG_SETTINGS];
    size_t count = 0;

    if (!known_section(section)) {
        for (size_t i = 0; i < CONFIG_SETTINGS; i++)
            names[i] = config_settings[i].section;
        return err_set(e, ERR_VALIDATION, "there is no section [%s]: did you mean [%s]?", section,
                       nearest_word(section, names, CONFIG_SETTINGS));
    }
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp(config_settings[i].key, key) == 0)
            return err_set(e, ERR_VALIDATION, "there is no %s in [%s]: it belongs in [%s]", key, section,
                           config_settings[i].section);
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp(config_settings[i].section, section) == 0)
            names[count++] = config_settings[i].key;
    return err_set(e, ERR_VALIDATION, "there is no %s in [%s]: did you mean %s?", key, section,
                   nearest_word(key, names, count));
}

static status set_one(struct parse *p, const char *section, const char *key, const char *value)
{
    size_t i = 0;
    while (i < CONFIG_SETTINGS &&
           (strcmp(config_settings[i].section, section) != 0 || strcmp(config_settings[i].key, key) != 0))
        i++;
    if (i == CONFIG_SETTINGS)
        return unknown_key(section, key, p->e);

    const struct setting *s = &config_settings[i];
    bool again = p->seen[i];
    p->seen[i] = true;
    switch (s->kind) {
    case SETTING_RULES: /* repeated keys and continued lines append */
        buf_printf(&p->lists[s->tier], "%s%s", again ? ", " : "", value);
        (void)buf_cstring(&p->lists[s->tier]);
        return buf_done(&p->lists[s->tier], p->e);
    case SETTING_TEXT:
    case SETTING_FILE:
        if (!again) { /* the default gives way */
            free(*text_of(p->config, s));
            *text_of(p->config, s) = NULL;
        }
        return set_text(text_of(p->config, s), value, p->e);
    default:
        if (again)
            return err_set(p->e, ERR_VALIDATION, "%s in [%s] is set twice", key, section);
        return s->kind == SETTING_TIER ? tier_parse(value, &p->fallback, p->e)
                                       : set_number(s, value, p->config, p->e);
    }
}

/* Of the configuration, from the root: init keeps what it says in DATA, where another folder would be meant.
 */
static status folder_of(const char *path, char **out, err *e)
{
    const char *slash = strrchr(path, '/');
    OWNED(text)
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return err_no_memory(e);
    *out = realpath(folder, NULL);
    return *out != NULL ? DONE : err_errno(e, errno, "cannot find %s", folder);
}

/* Files are looked for beside the configuration that names them. */
static status finish_files(struct config *c, const char *path, err *e)
{
    OWNED(text) char *folder = NULL;
    for (size_t i = 0; path != NULL && i < CONFIG_SETTINGS; i++) {
        char **file = text_of(c, &config_settings[i]);
        char *whole = NULL;
        if (config_settings[i].kind != SETTING_FILE || **file == '\0' || **file == '/')
            continue;
        if (folder == NULL)
            TRY(folder_of(path, &folder, e));
        if (asprintf(&whole, "%s/%s", folder, *file) < 0)
            return err_no_memory(e);
        free(*file);
        *file = whole;
    }
    return DONE;
}

static int on_setting(void *context, const char *section, const char *key, const char *value)
{
    struct parse *p = context;
    if (!p->failed)
        p->failed = !set_one(p, section, key, value).ok;
    return p->failed ? 0 : 1;
}

static status finish_rules(struct parse *p)
{
    TRY(tier_rules_new(p->fallback, &p->config->tiers, p->e));
    for (enum tier t = TIER_BUSINESS; t <= TIER_TRANSIENT; t++)
        if (p->lists[t].len > 0)
            TRY(tier_rules_add(p->config->tiers, t, (const char *)p->lists[t].data, p->e));
    return DONE;
}

static status set_defaults(struct parse *p)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (config_settings[i].kind != SETTING_RULES)
            TRY(set_one(p, config_settings[i].section, config_settings[i].key, config_settings[i].fallback));
    memset(p->seen, 0, sizeof p->seen);
    return DONE;
}

/* inih asks for lines as fgets would give them. Its own way over strings cuts long lines silently. */
static char *next_line(char *line, int room, void *context)
{
    struct bytes *left = context;
    const uint8_t *newline = memchr(left->data, '\n', left->len);
    size_t len = newline != NULL ? (size_t)(newline - left->data) + 1 : left->len;
    if (len == 0)
        return NULL;
    if (len >= (size_t)room)
        len = (size_t)room - 1;
    memcpy(line, left->data, len);
    line[len] = '\0';
    *left = bytes_of(left->data + len, left->len - len);
    return line;
}

static status check_text(struct bytes text, err *e)
{
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0')
            return err_set(e, ERR_VALIDATION, "line %zu: has a NUL byte, so it is not text", line);
        if (i - start > LINE_MAX_BYTES - 8)
            return err_set(e, ERR_VALIDATION,
                           "line %zu: is longer than %d bytes: break it, indented lines go on", line,
                           LINE_MAX_BYTES - 8);
        if (text.data[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return DONE;
}

static status parse_text(struct parse *p, struct bytes text)
{
    TRY(check_text(text, p->e));
    ini_use_stack = false;
    ini_max_line = LINE_MAX_BYTES;
    ini_initial_alloc = LINE_MAX_BYTES;
    ini_allow_inline_comments = false; /* a value may hold a semicolon */
    ini_allow_multiline = true;
    ini_stop_on_first_error = true;
    int line = ini_parse_stream(next_line, &text, on_setting, p);
    if (p->failed)
        return err_wrap(p->e, "line %d", line);
    if (line > 0)
        return err_set(p->e, ERR_VALIDATION, "line %d: is neither a [section] nor NAME = VALUE", line);
    if (line < 0)
        return err_no_memory(p->e);
    return DONE;
}

static void parse_fini(struct parse *p)
{
    for (size_t t = 0; t <= TIER_TRANSIENT; t++)
        buf_fini(&p->lists[t]);
}
OWN_VALUE(parse, parse_fini);

status config_load(const char *path, struct config **out, err *e)
{
    OWNED(config) struct config *c = calloc(1, sizeof *c);
    OWNED(parse) struct parse p = {.config = c, .fallback = TIER_BUSINESS, .e = e};
    OWNED(text) char *text = NULL;
    size_t len = 0;

    if (c == NULL)
        return err_no_memory(e);
    TRY(set_defaults(&p));
    if (path != NULL && io_exists(path)) {
        TRY(io_load(path, FILE_MAX_BYTES, (uint8_t **)(void *)&text, &len, e));
        if (!parse_text(&p, bytes_of(text, len)).ok)
            return err_wrap(e, "configuration %s", path);
    }
    TRY(finish_files(c, path, e));
    if (!finish_rules(&p).ok)
        return path != NULL ? err_wrap(e, "configuration %s", path) : FAILED;
    *out = c;
    c = NULL;
    return DONE;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (is_text(&config_settings[i]))
            free(*text_of(c, &config_settings[i]));
    tier_rules_free(c->tiers);
    free(c);
}
