#!/usr/bin/env bash
# All tests, in the order in which a failure is cheapest to learn: checks of the sources, unit tests, the same under
# sanitizers with the component tests, the API server under chaos, e2e. Ends with one line `N passed, N failed`
# (`, N skipped` where any were).
#   scripts/test.sh [checks|unit|asan|chaos|e2e]...     default: all of them
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
parts=${*:-checks unit asan chaos e2e}
logs=${CUBE_TEST_LOGS:-/tmp/cube-test-logs}
mkdir -p "$logs"

note() { # NAME STATUS [LOG]
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "ok    $1"
	else
		failed=$((failed + 1))
		echo "FAIL  $1"
		[ -n "${3:-}" ] && tail -n 60 "$3" | sed 's/^/      /'
	fi
}
check() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >"$logs/$name.log" 2>&1
	note "$name" $? "$logs/$name.log"
}
build() { # PRESET: with warnings as errors
	cmake --preset "$1" -DCUBE_WERROR=ON >"$logs/configure-$1.log" 2>&1 &&
		cmake --build --preset "$1" >"$logs/build-$1.log" 2>&1
	local status=$?
	note "build-$1" $status "$logs/build-$1.log"
	return $status
}
run_ctest() { # DIR LABELS NAME
	local log="$logs/ctest-$3.log" line
	ctest --test-dir "$1" -L "$2" -j2 --output-on-failure --no-tests=error >"$log" 2>&1
	line=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -1)
	local bad total
	bad=$(sed -E 's/.* ([0-9]+) tests? failed.*/\1/' <<<"$line")
	total=$(sed -E 's/.*out of ([0-9]+).*/\1/' <<<"$line")
	if [ -z "$line" ]; then
		note "ctest-$3" 1 "$log"
		return
	fi
	passed=$((passed + total - bad))
	failed=$((failed + bad))
	echo "$([ "$bad" = 0 ] && echo 'ok  ' || echo FAIL)  $3: $((total - bad)) of $total test programs"
	[ "$bad" = 0 ] || grep -vE '^ *[0-9]+/[0-9]+ .*Passed' "$log" | tail -n 150 | sed 's/^/      /'
}

run_python() { # NAME PROGRAM...: one that ends with `N passed, N failed, N skipped`
	local name=$1 line p f s
	shift
	"$@" >"$logs/$name.log" 2>&1
	grep -vE '^[0-9]+ passed' "$logs/$name.log"
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$logs/$name.log" | tail -1)
	if [ -z "$line" ]; then
		note "$name" 1 "$logs/$name.log"
	else
		read -r p f s <<<"$(sed -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/' <<<"$line")"
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
	fi
}

if [[ " $parts " == *" checks "* ]]; then
	check layers scripts/check-layers.sh
	check format scripts/check-format.sh
	check docs scripts/check-docs.py
fi
if [[ " $parts " == *" unit "* || " $parts " == *" e2e "* || " $parts " == *" chaos "* ]]; then
	build release || parts=none
fi
if [[ " $parts " == *" unit "* ]]; then
	run_ctest build '^unit$' unit
	check tidy scripts/check-tidy.sh
fi
if [[ " $parts " == *" asan "* ]] && build asan; then
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
	run_ctest build-asan 'unit' unit-asan
	run_ctest build-asan 'component' component-asan
	CUBE_BIN=$PWD/build-asan/bin run_python chaos-asan e2e/chaos/run.py --kills 3 --only storm
	unset ASAN_OPTIONS UBSAN_OPTIONS
fi
if [[ " $parts " == *" chaos "* ]]; then
	check chaos-checker e2e/chaos/checker_test.py
	check chaos-world e2e/chaos/world_test.py
	run_python chaos e2e/chaos/run.py
fi
if [[ " $parts " == *" e2e "* ]]; then
	manifests/images/build.sh >"$logs/images.log" 2>&1 || note images 1 "$logs/images.log"
	run_python e2e e2e/run.py
fi
tail_text=
[ "$skipped" = 0 ] || tail_text=", $skipped skipped"
echo "$passed passed, $failed failed$tail_text"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
