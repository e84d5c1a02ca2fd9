# The scripts and units in deploy/: each check is shown to accept the tree and to reject what it exists for.

setup() {
    load ../lib/pgstrand
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree"/{proto/base,store,agent/pg,tools,tests}
    echo '#include "proto/base/err.h"' >"$tree/proto/base/err.c"
    touch "$tree/proto/base/err.h"
}

@test "floors: includes on the same floor or below are accepted" {
    echo '#include "store/log.h"' >"$tree/store/log.c"
    echo '#include "proto/base/err.h"' >>"$tree/store/log.c"
    printf '#include <lmdb.h>\n#include <stdio.h>\n' >>"$tree/store/log.c"
    printf '#include "agent/seal.h"\n#include <libpq-fe.h>\n' >"$tree/agent/pg/pgconn.c"
    echo '#include "tools/main.h"' >"$tree/tests/main_test.c"
    run "$root/deploy/check-floors.sh" "$tree"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "floors: an include from above is named with its line" {
    printf '\n#include "agent/seal.h"\n' >"$tree/store/log.c"
    run "$root/deploy/check-floors.sh" "$tree"
    [ "$status" -eq 1 ]
    [ "$output" = 'store/log.c:2: "agent/seal.h" is on a higher floor' ]
}

@test "floors: base may not include the rest of proto" {
    echo '#include "proto/tuple.h"' >>"$tree/proto/base/err.c"
    run "$root/deploy/check-floors.sh" "$tree"
    [ "$status" -eq 1 ]
}

@test "floors: foreign libraries stay in their adapters" {
    echo '#include <libpq-fe.h>' >"$tree/agent/restore.c"
    echo '#include <lmdb.h>' >"$tree/tools/status.c"
    echo '#  include <openssl/evp.h>' >"$tree/agent/seal.c"
    echo '#include <zstd.h>' >"$tree/proto/frame.c"
    run "$root/deploy/check-floors.sh" "$tree"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 4 ]
}

@test "floors: a quoted include that does not start at the top is rejected" {
    echo '#include "err.h"' >"$tree/store/log.c"
    run "$root/deploy/check-floors.sh" "$tree"
    [ "$status" -eq 1 ]
    [[ $output == *'not written from the top'* ]]
}

@test "readmes: every source is named where it lies, by its name, a row without endings, a pattern or its folder" {
    mkdir -p "$tree"/agent/restore/{plan,lib}
    rm -r "$tree/proto"
    touch "$tree"/store/{io.c,io.h,glob.c,glob.h} "$tree"/tools/cmd_{seal,ship}.c "$tree"/agent/pg/slot.{c,h}
    touch "$tree"/agent/restore/job.c "$tree"/agent/restore/plan/{place.c,place.h,versions.c} "$tree/agent/restore/lib/sums.sql"
    echo 'Files: `io.h` and `glob.{h,c}`. `pgstrand.conf` is not ours.' >"$tree/store/README.md"
    printf '| file | what |\n|---|---|\n| `cmd_NAME.c` | subcommands |\n' >"$tree/tools/README.md"
    printf '| file | what |\n|---|---|\n| `pg/slot` | the slot |\n' >"$tree/agent/README.md"
    printf '| file | what |\n|---|---|\n| job | one |\n| lib/ | SQL |\n\n| plan/ | |\n|---|---|\n| place, versions | where |\n' >"$tree/agent/restore/README.md"
    run "$root/deploy/check-readmes.sh" "$tree"
    [ "$status" -eq 0 ] || complain "$output"
    [ -z "$output" ]
}

@test "readmes: a source that no README names, and a name whose file is gone, are told" {
    rm -r "$tree/proto"
    touch "$tree"/store/{io.c,vault.c} "$tree"/agent/pg/slot.c
    printf 'The shim is `io.c`; `logreader.c` reads on.\n' >"$tree/store/README.md"
    printf '| file | what |\n|---|---|\n| pg/slot, pg/fate | the slot |\n' >"$tree/agent/README.md"
    run "$root/deploy/check-readmes.sh" "$tree"
    [ "$status" -eq 1 ]
    [ "$output" = 'agent/README.md:3: there is no pg/fate
store/README.md:1: there is no logreader.c
store/vault.c: is not named in store/README.md' ] || complain "$output"
    rm "$tree/agent/README.md"
    run "$root/deploy/check-readmes.sh" "$tree"
    [[ $output == *'agent/pg/slot.c: no README is near'* ]]
}

@test "format: a badly shaped tracked file is rejected, --fix mends it" {
    git -C "$tree" init -q
    mkdir "$tree/deploy"
    cp "$root/.clang-format" "$tree/"
    cp "$root/deploy/check-format.sh" "$tree/deploy/"
    printf 'int main( void )\n{ return 0 ; }\n' >"$tree/tools/main.c"
    git -C "$tree" add .
    run "$tree/deploy/check-format.sh"
    [ "$status" -ne 0 ]
    "$tree/deploy/check-format.sh" --fix
    "$tree/deploy/check-format.sh"
}

@test "install-deps: everything is there, nothing is done, in a moment" {
    run timeout 60 "$root/deploy/install-deps.sh" --dev
    [ "$status" -eq 0 ]
    [[ $output == *"packages are there"* ]]
}

@test "install-deps: an unknown option is one clear line" {
    run "$root/deploy/install-deps.sh" --everything
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"--everything"* ]]
}

# The unit with a program that exists on this machine: systemd checks that.
installed_unit() {
    sed "s|/usr/bin/pgstrand-agent|$(command -v true)|" "$root/deploy/systemd/pgstrand-agent@.service" \
        >"$BATS_TEST_TMPDIR/pgstrand-agent@.service"
    cp "$BATS_TEST_TMPDIR/pgstrand-agent@.service" "$BATS_TEST_TMPDIR/pgstrand-agent@shop.service"
}

@test "systemd: the unit is well formed" {
    installed_unit
    run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/pgstrand-agent@shop.service"
    echo "$output"
    [ "$status" -eq 0 ]
    refute grep -q "pgstrand-agent@" <<<"$output"
}

@test "systemd: the drill's service and timer are well formed, and the timer starts the service" {
    local unit
    for unit in service timer; do
        sed "s|/usr/bin/pgstrand |$(command -v true) |" "$root/deploy/systemd/pgstrand-drill@.$unit" >"$BATS_TEST_TMPDIR/pgstrand-drill@.$unit"
        cp "$BATS_TEST_TMPDIR/pgstrand-drill@.$unit" "$BATS_TEST_TMPDIR/pgstrand-drill@shop.$unit"
    done
    run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/pgstrand-drill@shop.service" "$BATS_TEST_TMPDIR/pgstrand-drill@shop.timer"
    echo "$output"
    [ "$status" -eq 0 ]
    refute grep -q "pgstrand-drill@" <<<"$output"
    systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' "$root/deploy/systemd/pgstrand-drill@.timer")" >/dev/null
    systemd-analyze security --no-pager --offline=true --threshold=20 "$BATS_TEST_TMPDIR/pgstrand-drill@shop.service" >/dev/null
    # The command that it runs is one.
    "$PGSTRAND_BUILD/pgstrand" drill --help | grep -q -- --no-progress
}

@test "systemd: the sandbox is tight (exposure at most 2.0 of 10)" {
    installed_unit
    systemd-analyze security --no-pager --offline=true --threshold=20 "$BATS_TEST_TMPDIR/pgstrand-agent@shop.service" >/dev/null
    sed -i '/^Protect/d; /^Private/d; /^SystemCall/d; /^Capability/d' "$BATS_TEST_TMPDIR/pgstrand-agent@shop.service"
    run systemd-analyze security --no-pager --offline=true --threshold=20 "$BATS_TEST_TMPDIR/pgstrand-agent@shop.service"
    [ "$status" -ne 0 ]
}

@test "install-deps: what run.sh and the tour call comes with --build" {
    local build
    build=$(sed -n '/^build=(/,/)/p' "$root/deploy/install-deps.sh")
    grep -qw jq "$root/deploy/run.sh"
    grep -qw jq <<<"$build"
    refute grep -qwE 'python3|curl|wget' "$root/deploy/run.sh" "$root"/deploy/lib/*.bash # nothing brings these
}

@test "bench: every script takes the options that run.sh gives it" {
    local line script option
    while read -r line; do
        script=$(sed 's/^"\([^"]*\)".*/\1/' <<<"$line")
        for option in $(grep -oE -- '--[a-z]+' <<<"$line"); do
            grep -qE -- "(\[|[[:space:]])$option( |\))" "$root/tests/bench/$script" || {
                echo "$script does not know $option"
                return 1
            }
        done
    done < <(grep -oE '"\$here/[^"]*" --.*\|\|' "$root/tests/bench/run.sh" | sed 's,\$here/,,')
}
