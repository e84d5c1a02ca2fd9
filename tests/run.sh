#!/usr/bin/env bash
# Builds pgstrand and runs its tests. The last line is always "N passed, N failed, N skipped"; exit 0 only when none failed.
#
#   tests/run.sh [OPTIONS]
#     --full               also the long tests (tests/full/)
#     --only PATTERN       only what has PATTERN (extended regexp) in its name: a check, unit test, bats file or test, fuzzer
#     --fuzz-seconds N     seconds of processor for each fuzz target (default 2, with --full 300; 0 leaves them out and says so)
#     --jobs N             how much runs at a time (default: the number of processors); of the integration tests half as many more
#     --no-install         do not call deploy/install-deps.sh
#     --tidy               also clang-tidy over every source file
#
# What is counted: checks of the sources, cases of unit tests, integration tests, fuzz targets. What was left out is named.
#
# The integration tests wait a lot: for servers, agents, clocks. So the sanitizers' builds, the unit tests and the fuzz targets run
# beside them, with what the processors have left, and are reported at the end.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
source tests/lib/report.bash

full=no
only=
fuzz_seconds=
jobs=$(nproc)
install=yes
tidy=no

while [ $# -gt 0 ]; do
    case "$1" in
    --full) full=yes ;;
    --only) only=${2:?--only needs a pattern} && shift ;;
    --fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds needs a number} && shift ;;
    --jobs) jobs=${2:?--jobs needs a number} && shift ;;
    --no-install) install=no ;;
    --tidy) tidy=yes ;;
    -h | --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "tests/run.sh: unknown option '$1'; --help lists them" >&2
        exit 2
        ;;
    esac
    shift
done

[ -n "$fuzz_seconds" ] || fuzz_seconds=$([ "$full" = yes ] && echo 300 || echo 2)

logs=$root/build/test-logs
rm -rf "$logs"
mkdir -p "$logs"
started=$SECONDS

# Clusters are made and removed all the time; in memory that costs a fifth less. What has to survive the loss of power is shown by
# tests that keep the record of all writes themselves.
memory_has_room() {
    local room
    room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
    [ "${room:-0}" -ge $((6 << 20)) ] && [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -ge $((10 << 20)) ] &&
        findmnt -no OPTIONS /dev/shm | grep -qvw noexec
}
if [ -z "${TMPDIR:-}" ] && memory_has_room; then
    export TMPDIR=/dev/shm
fi

# What initdb makes is made once for all files. The folder is not in the tree, which may be closed to user postgres.
PGSTRAND_TEST_TEMPLATES=$(mktemp -d "${TMPDIR:-/tmp}/pgstrand-templates.XXXXXX")
export PGSTRAND_TEST_TEMPLATES
chmod 711 "$PGSTRAND_TEST_TEMPLATES"
trap 'rm -rf "$PGSTRAND_TEST_TEMPLATES"' EXIT

wanted() {
    [ -z "$only" ] || [[ $1 =~ $only ]]
}

# which_wanted COMMAND: those of the names that it prints.
which_wanted() {
    "$1" | grep -E -- "${only:-.}"
}

done_with() {
    echo "  . $1 ($2 s)" >&2
}

# step NAME COMMAND...: runs it; what it said, how it ended and how long it took lie in files until report_step.
step() {
    local name=$1 log=$logs/step-$1.log begin=$SECONDS code=0
    shift
    "$@" >"$log" 2>&1 </dev/null || code=$?
    echo "$code" >"$log.exit"
    echo $((SECONDS - begin)) >"$log.seconds"
    done_with "$name" $((SECONDS - begin))
    return "$code"
}

check() {
    ! wanted "$1" || step "$@"
}

# One line of output, one count; the words of a failure are shown. Nothing when it did not run.
report_step() {
    local log=$logs/step-$1.log
    [ -e "$log.exit" ] || return 0
    if [ "$(<"$log.exit")" -eq 0 ]; then
        report_passed "$1" 1 "$(<"$log.seconds")"
    else
        report_failed "$1" "$log"
    fi
}

step_failed() {
    [ -e "$logs/step-$1.log.exit" ] && [ "$(<"$logs/step-$1.log.exit")" -ne 0 ]
}

build() {
    local preset=$1
    shift
    [ -z "$(command -v ccache)" ] || export CMAKE_C_COMPILER_LAUNCHER=ccache
    cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" --target "$@"
}

# ---- unit tests ----

unit_names() {
    grep -rhoE '\b[a-z0-9_]+_test\b' --include=CMakeLists.txt tests/unit | grep -vx pgstrand_test | sort -u
}

run_unit_tests() {
    local log=$logs/unit.log begin=$SECONDS code=0
    # Sanitizers' findings end the program, so that they cannot scroll by.
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
    [ "$full" = no ] || export PGSTRAND_TEST_LONG=1
    ctest --test-dir build/asan -V -j "$jobs" -R "${only:-.}" >"$log" 2>&1 </dev/null || code=$?
    echo "$code" >"$log.exit"
    done_with "unit tests" $((SECONDS - begin))
}

# Each wanted test has to have its lines in the log; what ctest itself thought counts, too.
report_units() {
    local name log=$logs/unit.log before=$failed
    report_expected "unit tests" "$log.exit" "$log" || return 0
    report_ctest "$log"
    for name in "${units[@]}"; do
        report_expected "$name" "$log.$name" "$log" || true
    done
    [ "$(<"$log.exit")" -eq 0 ] || [ "$failed" -gt "$before" ] || report_failed "ctest" "$log"
}

# ---- integration tests ----

# --only: in the file's name, or in names of tests inside it.
bats_wanted() {
    wanted "$(basename "$1" .bats)" || grep -Eq "^@test.*($only)" "$1"
}

# tests/full has files of the same names.
bats_log() {
    local kind=bats
    [[ $1 != tests/full/* ]] || kind=full
    echo "$logs/$kind-$(basename "$1" .bats).log"
}

# One bats file: its TAP goes to a log. A pattern that is not in the file's name selects tests inside it. In tests/full a sweep over
# every crash point is one test.
run_bats_file() {
    local file=$1 name log select=() test_limit=600 limit=1800
    [[ $file != tests/full/* ]] || { test_limit=3600 limit=14400; }
    name=$(basename "$file" .bats)
    log=$(bats_log "$file")
    wanted "$name" || select=(--filter "$only")
    local begin=$SECONDS
    BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-$test_limit} timeout -k 30 "$limit" \
        bats --formatter tap --timing "${select[@]}" "$file" >"$log" 2>&1 </dev/null
    echo "$?" >"$log.exit"
    echo $((SECONDS - begin)) >"$log.seconds"
    done_with "$name" $((SECONDS - begin))
}

# at_a_time N COMMAND ARGUMENTS...: runs the command with each argument. A line in the pipe is the right to run.
at_a_time() {
    local most=$1 command=$2 argument rights running=()
    shift 2
    exec {rights}<> <(:)
    yes '' | head -n "$most" >&"$rights"
    for argument in "$@"; do
        read -ru "$rights"
        {
            "$command" "$argument" {rights}>&-
            echo >&"$rights"
        } &
        running+=($!)
    done
    [ ${#running[@]} -eq 0 ] || wait "${running[@]}"
    exec {rights}>&-
}

# Those that take longest first; the short ones fill the gap at the end. The size of a file tells where this list does not.
slow=(restore capture heal majors merge init schemaver workflow run assets rewrites restoremodes crashpoints)

in_order() {
    local name folder=$1
    shift
    for name in "${slow[@]}"; do
        [ ! -e "$folder/$name.bats" ] || echo "$folder/$name.bats"
    done
    ls -S -- "$folder"/*.bats
}

run_bats() {
    local file files=()
    while read -r file; do
        ! bats_wanted "$file" || files+=("$file")
    done < <(in_order "$1" | awk '!seen[$0]++')
    # They wait for a third of their time: a run of two at a time left a third of two processors idle.
    at_a_time $(((jobs * 3 + 1) / 2)) run_bats_file "${files[@]}"
}

report_all_bats() {
    local file log
    for file in "$1"/*.bats; do
        bats_wanted "$file" || continue
        log=$(bats_log "$file")
        ! report_expected "$(basename "$file")" "$log.exit" "$log" || report_bats "$file" "$log"
    done
}

# ---- fuzz targets ----

fuzz_names() {
    grep -oE '\b[a-z0-9_]+_fuzz\b' tests/fuzz/CMakeLists.txt | sort -u
}

# How many hundredths of a second of processor a process has had.
processor_time() {
    local stat
    { read -ra stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    echo $((stat[13] + stat[14]))
}

# A target has its seconds of processor however much runs beside it; on SIGUSR1 libFuzzer ends as if its time were up. New inputs
# that the run finds stay in the build folder; the committed corpus is only read.
run_fuzzer() {
    local name=$1 pid used
    local found=$root/build/asan/found/$name corpus=$root/tests/fuzz/corpus/$name
    mkdir -p "$found"
    [ -d "$corpus" ] || corpus=
    (cd "$found" && UBSAN_OPTIONS=halt_on_error=1 exec "$root/build/asan/fuzz/$name" \
        -max_total_time=$((fuzz_seconds * 20 + 60)) -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 "$found" ${corpus:+"$corpus"}) \
        >"$logs/fuzz-$name.log" 2>&1 </dev/null &
    pid=$!
    while used=$(processor_time "$pid"); do
        [ "$used" -lt $((fuzz_seconds * 100)) ] || kill -USR1 "$pid" 2>/dev/null
        sleep 0.5
    done
    wait "$pid"
    echo $? >"$logs/fuzz-$name.exit"
    done_with "$name" "$fuzz_seconds"
}

report_fuzzers() {
    local name log
    for name in "${fuzzers[@]}"; do
        log=$logs/fuzz-$name.log
        report_expected "$name" "$logs/fuzz-$name.exit" "$log" || continue
        if [ "$(<"$logs/fuzz-$name.exit")" -eq 0 ]; then
            report_passed "$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs)" 1 "$fuzz_seconds"
        else
            report_failed "$name" "$log"
        fi
    done
}

# ---- all of it ----

tidy_sources() {
    git ls-files 'proto/*.c' 'store/*.c' 'agent/*.c' 'tools/*.c' |
        xargs -P "$jobs" -n 4 clang-tidy -p build/asan --quiet --warnings-as-errors='*'
}

# With what the integration tests leave of the processors. What came of it is in files.
beside() {
    local targets=()
    renice -n 3 -p "$BASHPID" >/dev/null 2>&1
    [ ${#units[@]} -eq 0 ] && [ "$tidy" = no ] || targets+=(unit_tests)
    [ ${#fuzzers[@]} -eq 0 ] || targets+=(fuzzers)
    [ ${#targets[@]} -gt 0 ] || return 0
    step build-asan build asan "${targets[@]}" || return 0
    [ ${#units[@]} -eq 0 ] || run_unit_tests
    [ ${#fuzzers[@]} -eq 0 ] || at_a_time "$jobs" run_fuzzer "${fuzzers[@]}"
    [ "$tidy" = no ] || check clang-tidy tidy_sources
}

# For full/sanitizers.bats, which names what is missing.
build_sanitized() {
    bats_wanted tests/full/sanitizers.bats || return 0
    wait "$beside" # it builds asan, too
    step build-asan-programs build asan pgstrand pgstrand-agent
    step build-tsan build tsan pgstrand pgstrand-agent threaded_tests
}

if [ "$install" = yes ]; then
    deploy/install-deps.sh --dev || exit 1
    # Without the network the tests that want other majors name what is missing.
    deploy/install-deps.sh --majors || true
fi

report_section "Sources"
check floors deploy/check-floors.sh
report_step floors
check readmes deploy/check-readmes.sh
report_step readmes
check format deploy/check-format.sh
report_step format

report_section "Build"
folders=(tests/integration)
[ "$full" = no ] || folders+=(tests/full)
mapfile -t bats < <(for folder in "${folders[@]}"; do for file in "$folder"/*.bats; do ! bats_wanted "$file" || echo "$file"; done; done)
[ ${#bats[@]} -eq 0 ] || step build-release build release pgstrand pgstrand-agent test_tools
report_step build-release
units=()
fuzzers=()
mapfile -t units < <(which_wanted unit_names)
[ "$fuzz_seconds" -eq 0 ] || mapfile -t fuzzers < <(which_wanted fuzz_names)
{
    beside
    : >"$logs/beside.ended"
} &
beside=$!
if ! step_failed build-release; then
    for folder in "${folders[@]}"; do
        [ "$folder" != tests/full ] || build_sanitized
        run_bats "$folder"
    done
fi
wait "$beside" 2>/dev/null
report_expected "what runs beside the integration tests" "$logs/beside.ended" /dev/null || true
report_step build-asan
report_step build-asan-programs
report_step build-tsan
report_step clang-tidy
! step_failed build-release || report_not_run "integration tests" "the release build failed"
! step_failed build-asan || report_not_run "unit tests and fuzz targets" "the asan build failed"
[ "$tidy" = yes ] || report_not_run clang-tidy "only with --tidy"

report_section "Unit tests (address and undefined-behaviour sanitizers)"
if [ ${#units[@]} -gt 0 ]; then
    step_failed build-asan || report_units
elif [ -z "$only" ]; then
    report_failed "unit tests (none were found)" /dev/null
fi

report_section "Integration tests (PostgreSQL clusters of their own)"
step_failed build-release || report_all_bats tests/integration

report_section "Fuzz targets ($fuzz_seconds s of processor each)"
if [ ${#fuzzers[@]} -gt 0 ]; then
    step_failed build-asan || report_fuzzers
elif [ -z "$only" ] && [ "$fuzz_seconds" -gt 0 ]; then
    report_failed "fuzz targets (none were found)" /dev/null
fi
[ "$fuzz_seconds" -gt 0 ] || report_not_run "fuzz targets" "--fuzz-seconds 0"

if [ "$full" = yes ]; then
    report_section "Long tests"
    step_failed build-release || report_all_bats tests/full
else
    for file in tests/full/*.bats; do
        [ -e "$file" ] && report_not_run "$(basename "$file")" "only with --full"
    done
fi

report_end $((SECONDS - started))
