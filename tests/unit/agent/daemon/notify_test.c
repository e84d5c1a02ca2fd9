#include "tests/lib/check.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/daemon/notify.h"
#include "tests/lib/scratch.h"

static void systemd_is_told(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch place = scratch_make();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[100] = "";
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/notify", place.dir);
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);

    notify_begin(); /* without a socket nothing happens */
    notify_send("READY=1");
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "10000000", 1), 0);
    notify_begin();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_int_equal(notify_watchdog_ms(), 5000);
    notify_send("READY=1\nSTATUS=%s", "capturing");
    assert_true(recv(fd, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(got, "READY=1\nSTATUS=capturing");
    assert_true(recv(fd, got, sizeof got - 1, MSG_DONTWAIT) < 0); /* exactly one */
    (void)close(fd);
    notify_send("STOPPING=1"); /* nobody listens any more: no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(systemd_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
