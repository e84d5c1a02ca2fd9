#!/usr/bin/env bash
# Checks that every tracked C file has the shape that .clang-format gives it.
#
#   deploy/check-format.sh          names each place that differs; exit 0 when none does
#   deploy/check-format.sh --fix    rewrites the files instead
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v clang-format >/dev/null || {
    echo "check-format: clang-format is missing; run deploy/install-deps.sh" >&2
    exit 1
}
mapfile -t files < <(git ls-files '*.c' '*.h')
if [ ${#files[@]} -eq 0 ]; then
    echo "check-format: git lists no C files here" >&2
    exit 1
fi
case "${1:-}" in
--fix) clang-format -i "${files[@]}" ;;
"") clang-format --dry-run -Werror "${files[@]}" ;;
*)
    echo "check-format: unknown option '$1'; there is only --fix" >&2
    exit 2
    ;;
esac
