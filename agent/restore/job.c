#include "agent/restore/job.h"

void job_fini(struct job *job)
{
    for (size_t i = 0; i < job->left_out_count; i++)
        free(job->left_out[i].line);
    free(job->left_out);
    job->left_out = NULL;
    job->left_out_count = 0;
}

static status append(char ***list, size_t *count, char *line, err *e)
{
    char **grown = line == NULL ? NULL : realloc(*list, (*count + 1) * sizeof *grown);
    if (grown == NULL) {
        free(line);
        return err_no_memory(e);
    }
    grown[(*count)++] = line;
    *list = grown;
    return DONE;
}

static char *format_line(const char *format, va_list arguments)
{
    char *line = NULL;
    return vasprintf(&line, format, arguments) < 0 ? NULL : line;
}

status job_warn(struct job *job, err *e, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = format_line(format, arguments);
    va_end(arguments);
    if (line != NULL)
        job->progress->say(job->progress->context, line);
    return append(&job->out->warning, &job->out->warning_count, line, e);
}

status job_skip(struct job *job, err *e, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = format_line(format, arguments);
    va_end(arguments);
    return append(&job->out->skipped, &job->out->skipped_count, line, e);
}
