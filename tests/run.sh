#!/usr/bin/env bash
# Builds pgstrand and runs its tests. The last line is always "N passed, N failed, N skipped"; exit 0 only when none failed.
#
#   tests/run.sh [OPTIONS]
#     --full               also the long tests (tests/full/)
#     --only PATTERN       only what has PATTERN (extended regexp) in its name: a check, unit test, bats file or test, fuzzer
#     --fuzz-seconds N     how long each fuzz target runs (default 5; 0 leaves them out and says so)
#     --jobs N             how much runs at a time (default: the number of processors)
#     --no-install         do not call deploy/install-deps.sh
#     --tidy               also clang-tidy over every source file
#
# What is counted: checks of the sources, cases of unit tests, integration tests, fuzz targets. What was left out is named.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
source tests/lib/report.bash

full=no
only=
fuzz_seconds=5
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

logs=$root/build/test-logs
rm -rf "$logs"
mkdir -p "$logs"
started=$SECONDS

wanted() {
    [ -z "$only" ] || [[ $1 =~ $only ]]
}

# check NAME COMMAND...: one line of output, one count; the words of a failure are shown.
check() {
    local name=$1 log=$logs/check-$1.log begin=$SECONDS
    shift
    wanted "$name" || return 0
    if "$@" >"$log" 2>&1; then
        report_passed "$name" 1 $((SECONDS - begin))
    else
        report_failed "$name" "$log"
        return 1
    fi
}

# A check that runs whatever --only says: builds come before what they are for.
needed() {
    local only=
    check "$@"
}

build() {
    local preset=$1
    shift
    [ -z "$(command -v ccache)" ] || export CMAKE_C_COMPILER_LAUNCHER=ccache
    cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" --target "$@"
}

run_unit_tests() {
    local log=$logs/unit.log pattern=${only:-.}
    if [ -n "$only" ] && ! ctest --test-dir build/asan -N -R "$pattern" 2>/dev/null | grep -q ' Test  *#'; then
        return 0
    fi
    # Sanitizers' findings end the program, so that they cannot scroll by.
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
    ctest --test-dir build/asan -V -j "$jobs" -R "$pattern" >"$log" 2>&1
    report_ctest "$log"
}

# One bats file: its TAP goes to a log. A pattern that is not in the file's name selects tests inside it.
run_bats_file() {
    local file=$1 name log select=()
    name=$(basename "$file" .bats)
    log=$logs/bats-$name.log
    if [ -n "$only" ] && ! [[ $name =~ $only ]]; then
        grep -Eq "^@test.*($only)" "$file" || return 0
        select=(--filter "$only")
    fi
    local begin=$SECONDS
    BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300} timeout -k 30 1500 \
        bats --formatter tap --timing "${select[@]}" "$file" >"$log" 2>&1 </dev/null
    echo "$?" >"$log.exit"
    echo $((SECONDS - begin)) >"$log.seconds"
    echo "  . $name ($((SECONDS - begin)) s)" >&2
}

# The largest files first: they tend to take longest, and the short ones fill the gap at the end.
run_bats() {
    local file running=0 ordered
    mapfile -t ordered < <(ls -S -- "$@" 2>/dev/null)
    for file in "${ordered[@]}"; do
        run_bats_file "$file" &
        running=$((running + 1))
        if [ "$running" -ge "$jobs" ]; then
            wait -n
            running=$((running - 1))
        fi
    done
    wait
    for file in "$@"; do
        [ -e "$logs/bats-$(basename "$file" .bats).log" ] && report_bats "$file" "$logs/bats-$(basename "$file" .bats).log"
    done
}

# New inputs that the run finds stay in the build folder; the committed corpus is only read.
run_fuzzer() {
    local target=$1 name
    name=$(basename "$target")
    local found=$root/build/fuzz/found/$name corpus=$root/tests/fuzz/corpus/$name
    mkdir -p "$found"
    [ -d "$corpus" ] || corpus=
    (cd "$found" && UBSAN_OPTIONS=halt_on_error=1 timeout -k 10 $((fuzz_seconds + 120)) "$target" \
        -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 "$found" ${corpus:+"$corpus"}) \
        >"$logs/fuzz-$name.log" 2>&1 </dev/null
    echo $? >"$logs/fuzz-$name.exit"
}

run_fuzzers() {
    local target name running=0 targets=()
    for target in "$root"/build/fuzz/fuzz/*; do
        name=$(basename "$target")
        [ -f "$target" ] && [ -x "$target" ] && wanted "$name" && targets+=("$target")
    done
    for target in "${targets[@]}"; do
        run_fuzzer "$target" &
        running=$((running + 1))
        if [ "$running" -ge "$jobs" ]; then
            wait -n
            running=$((running - 1))
        fi
    done
    wait
    for target in "${targets[@]}"; do
        name=$(basename "$target")
        if [ "$(<"$logs/fuzz-$name.exit")" -eq 0 ]; then
            report_passed "$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/fuzz-$name.log") inputs)" 1 "$fuzz_seconds"
        else
            report_failed "$name" "$logs/fuzz-$name.log"
        fi
    done
}

tidy_sources() {
    git ls-files 'proto/*.c' 'store/*.c' 'agent/*.c' 'tools/*.c' |
        xargs -P "$jobs" -n 4 clang-tidy -p build/asan --quiet --warnings-as-errors='*'
}

if [ "$install" = yes ]; then
    deploy/install-deps.sh --dev || exit 1
    # Without the network the tests that want other majors name what is missing.
    deploy/install-deps.sh --majors || true
fi

report_section "Sources"
check floors deploy/check-floors.sh
check format deploy/check-format.sh

report_section "Build"
have_programs=yes
have_units=yes
# --only also narrows which checks run, but what is to be tested has to be built.
needed build-release build release pgstrand pgstrand-agent test_tools || have_programs=no
needed build-asan build asan unit_tests || have_units=no
[ $have_programs = yes ] || report_not_run "integration tests" "the release build failed"
[ $have_units = yes ] || report_not_run "unit tests" "the asan build failed"
[ "$tidy" = no ] || check clang-tidy tidy_sources
[ "$tidy" = yes ] || report_not_run clang-tidy "only with --tidy"

report_section "Unit tests (address and undefined-behaviour sanitizers)"
[ $have_units = yes ] && run_unit_tests

report_section "Integration tests (PostgreSQL clusters of their own)"
[ $have_programs = yes ] && run_bats tests/integration/*.bats

report_section "Fuzz targets ($fuzz_seconds s each)"
if [ "$fuzz_seconds" -eq 0 ]; then
    report_not_run "fuzz targets" "--fuzz-seconds 0"
elif needed build-fuzz build fuzz fuzzers; then
    run_fuzzers
fi

if [ "$full" = yes ]; then
    report_section "Long tests"
    [ $have_programs = yes ] && run_bats tests/full/*.bats
else
    for file in tests/full/*.bats; do
        [ -e "$file" ] && report_not_run "$(basename "$file")" "only with --full"
    done
fi

report_end $((SECONDS - started))
