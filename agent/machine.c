#include "agent/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* systemd's, and the older one of D-Bus (machine-id(5)); "uninitialized" is what an image has before its
 * first boot. */
static const char *const files[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};

static void read_id(char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < sizeof files / sizeof files[0] && out[0] == '\0'; i++) {
        FILE *f = fopen(files[i], "re");
        if (f == NULL)
            continue;
        if (fgets(out, (int)size, f) == NULL)
            out[0] = '\0';
        out[strcspn(out, "\n")] = '\0';
        (void)fclose(f);
        if (strcmp(out, "uninitialized") == 0)
            out[0] = '\0';
    }
}

/* Not the device's number: that may be another one after a reboot. */
static void read_place(const char *root, char *out, size_t size)
{
    struct statx facts = {0};
    out[0] = '\0';
    if (statx(AT_FDCWD, root, 0, STATX_INO | STATX_BTIME, &facts) != 0)
        return;
    const bool born = (facts.stx_mask & STATX_BTIME) != 0;
    (void)snprintf(out, size, "%llu %lld.%09u", (unsigned long long)facts.stx_ino,
                   born ? (long long)facts.stx_btime.tv_sec : 0LL, born ? facts.stx_btime.tv_nsec : 0U);
}

void machine_read(const char *root, struct machine *out)
{
    read_id(out->id, sizeof out->id);
    read_place(root, out->place, sizeof out->place);
}

static bool same(const char *here, const char *recorded)
{
    return recorded == NULL || recorded[0] == '\0' || here[0] == '\0' || strcmp(here, recorded) == 0;
}

bool machine_same_id(const struct machine *m, const char *recorded)
{
    return same(m->id, recorded);
}

bool machine_same_place(const struct machine *m, const char *recorded)
{
    return same(m->place, recorded);
}
