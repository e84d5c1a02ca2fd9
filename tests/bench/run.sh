#!/usr/bin/env bash
# All measurements, one after the other; prints Markdown tables. Exit 0 when every limit holds.
#
#   tests/bench/run.sh [--quick]       quick: fewer runs and rows, for a look
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
quick=${1:-}
failed=0

echo "Measured $(date -u +%Y-%m-%d) on $(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)."
echo
if [ "$quick" = --quick ]; then
    "$here/capture/catchup.sh" --runs 3 --transactions 20000 --rows 200000 || failed=1
    echo
    "$here/capture/latency.sh" --runs 1 --seconds 4 || failed=1
    echo
    "$here/capture/curve.sh" --decades 6 || failed=1
    echo
    "$here/capture/size.sh" --transactions 20000 --rows 100000 || failed=1
    echo
    "$here/restore/base.sh" --runs 3 --scale 3 || failed=1
    "$here/restore/load.sh" --runs 3 --example 20 --pgbench 3 || failed=1
    "$here/restore/changes.sh" --runs 1 --rows 20000 || failed=1
    "$here/restore/seal.sh" --runs 1 --actions 300000 || failed=1
    "$here/restore/memory.sh" --limit 64 --memory 32MiB --rows 40000 --times 24 || failed=1
    echo
    "$here/memory.sh" --rows 400000 || failed=1
else
    for script in catchup latency curve size; do
        "$here/capture/$script.sh" || failed=1
        echo
    done
    for script in base load changes seal memory history; do
        "$here/restore/$script.sh" || failed=1
        echo
    done
    "$here/memory.sh" || failed=1
fi
exit "$failed"
