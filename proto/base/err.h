/*
 * err: why something failed. A value on the caller's stack; it owns nothing.
 *
 * Threads:  none of its own; one err belongs to one thread at a time.
 * Classes:  decisions (retry, exit code) look at the class only, never at the text.
 * Message:  one line for a person: what failed, on what, why, and what to do next. err_wrap puts context in
 * front and keeps class, origin and code.
 */
#ifndef PGSTRAND_ERR_H
#define PGSTRAND_ERR_H

#include <stdarg.h>

#include "proto/base/status.h"

enum err_class {
    ERR_NONE = 0,
    ERR_VALIDATION,  /* the input, configuration or request is wrong (exit 10) */
    ERR_SCHEMA,      /* the database's schema does not allow it (exit 11) */
    ERR_STORAGE,     /* disk, LMDB, a snapshot file, damage (exit 12) */
    ERR_NETWORK,     /* the server, a peer or a bucket cannot be reached or refuses (exit 13) */
    ERR_TIMEOUT,     /* it took longer than allowed (exit 14) */
    ERR_REFUSED,     /* possible, but not safe (exit 15) */
    ERR_INTERRUPTED, /* the user asked to stop (exit 130) */
    ERR_USAGE        /* wrong arguments of a command (exit 2) */
};

enum err_origin { FROM_SELF = 0, FROM_ERRNO, FROM_LIBPQ, FROM_LMDB, FROM_OPENSSL, FROM_ZSTD, FROM_PROTOBUF };

#define ERR_TEXT 1024 /* bytes of message, NUL included; longer ones are cut */

typedef struct {
    enum err_class class;
    enum err_origin origin;
    int code;         /* errno, LMDB's or OpenSSL's number; 0 when there is none */
    char sqlstate[6]; /* from the server, else empty */
    char message[ERR_TEXT];
} err;

#define ERR_INIT ((err){0})

/* Fills *e and returns FAILED, so that a failure is one statement: return err_set(e, ERR_STORAGE, "...",
 * ...); */
status err_set(err *e, enum err_class class, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with an errno value `code`; its text is appended after ": ". Class: timeouts and network errors
 * are told from the number, all others are ERR_STORAGE. */
status err_errno(err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for the adapters of foreign libraries. */
status err_from(err *e, enum err_class class, enum err_origin origin, int code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* No memory: ERR_STORAGE with ENOMEM. */
status err_no_memory(err *e);

/* Puts "context: " in front of the message; keeps everything else. Returns FAILED. */
status err_wrap(err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#if defined(__clang_analyzer__) && !defined(PGSTRAND_ERR_SOURCE)
/* clang-tidy looks at one file at a time: that these always fail it has to be told. */
#define err_set(...) ((void)err_set(__VA_ARGS__), FAILED)
#define err_errno(...) ((void)err_errno(__VA_ARGS__), FAILED)
#define err_from(...) ((void)err_from(__VA_ARGS__), FAILED)
#define err_no_memory(e) ((void)err_no_memory(e), FAILED)
#define err_wrap(...) ((void)err_wrap(__VA_ARGS__), FAILED)
#endif

/* "validation", "schema", ... : the word for reports and JSON. */
const char *err_class_name(enum err_class class);

/* The exit code of a command that ends with this class (CLI contract; 0 for ERR_NONE). */
int err_exit_code(enum err_class class);

/* Is trying again later likely to help without anyone's doing? Network and timeout. */
bool err_is_transient(const err *e);

#endif
