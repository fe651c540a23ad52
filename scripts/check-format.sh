#!/usr/bin/env bash
# Fails on C sources that clang-format would change; --fix changes them.
set -u
cd "$(dirname "$0")/.."
if [ "${1:-}" = --fix ]; then
	git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format -i
	exit
fi
git ls-files -z '*.c' '*.h' | xargs -0 -r -n 20 -P 2 clang-format --dry-run -Werror 2>&1 | grep -E '^[^ ].*error:' | head -20
exit "$((${PIPESTATUS[1]} != 0))"
