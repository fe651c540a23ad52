#!/usr/bin/env bash
# Fuzzes under the address and undefined-behaviour sanitizers: `scripts/fuzz.sh [TARGET] [SECONDS]`. TARGET is a name or a
# pattern of names (default: every target), SECONDS how long each runs (default 600). Targets run one after the other on one
# core; ends with a table and fails when something was found. What is found and learned lies in build-fuzz/runs/TARGET:
# `found-*` are the inputs at fault, `corpus` grows from run to run, `log` is libFuzzer's.
set -u
cd "$(dirname "$0")/.."
pattern=${1:-*} seconds=${2:-600}
cmake --preset fuzz >/dev/null && cmake --build build-fuzz --target fuzzers >&2 || exit 1

number() { sed -n "s/^stat::$1: *//p" "$2" | tail -1; }

failed=0 table=""
for program in build-fuzz/tests/*_fuzz_*; do
	name=${program##*/}
	# shellcheck disable=SC2254 # a pattern is wanted
	case $name in $pattern) ;; *) continue ;; esac
	run=build-fuzz/runs/$name
	mkdir -p "$run/corpus"
	rm -f "$run"/found-*
	seeds=$(find . -path ./build-fuzz -prune -o -type d -path "*/corpus/$name" -print)
	options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$run/found-")
	[ -f "$seeds.dict" ] && options+=(-dict="$seeds.dict")
	echo "$name: $seconds s" >&2
	begun=$SECONDS
	ASAN_OPTIONS=abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
		nice -n 19 "$program" "${options[@]}" "$run/corpus" "$seeds" >"$run/log" 2>&1 || failed=1
	found=$(find "$run" -maxdepth 1 -name 'found-*' ! -name 'found-slow-unit-*' | wc -l)
	table+=$(printf '%-28s %12s %8s %9s' "$name" "$(number number_of_executed_units "$run/log")" $((SECONDS - begun)) "$found")$'\n'
done
[ -n "$table" ] || { echo "no fuzz target is named $pattern" >&2; exit 1; }
printf '%-28s %12s %8s %9s\n%s' target executions seconds findings "$table"
exit $failed
