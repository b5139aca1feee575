#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs test programs and fuzzers one after the other and counts; called by the Makefile:
# run.sh OUTPUT-DIRECTORY PROGRAM... A program named fuzz_* counts as one test.
# Succeeds if nothing failed and something passed.

out=$1
shift
passed=0
failed=0
[ -d "$out" ] || { echo "$0: no directory $out" >&2; exit 1; }
export UBSAN_OPTIONS="print_stacktrace=1"

for program; do
	name=$(basename "$program")
	log=$out/$name.log
	case $name in
	fuzz_*)
		if "$program" -runs="${FUZZ_RUNS:-50000}" -seed="${FUZZ_SEED:-1}" \
			-max_len=600 -artifact_prefix="$out/$name-" >"$log" 2>&1; then
			passed=$((passed + 1))
			echo "$name: $(tail -n 1 "$log")"
		else
			failed=$((failed + 1))
			cat "$log"
			echo "$name: FAILED"
		fi
		;;
	*)
		"$program" --gtest_color=no >"$log" 2>&1
		status=$?
		cat "$log"
		ok=$(grep -c '^\[       OK \] ' "$log")
		bad=$(grep -c '^\[  FAILED  \] .* ms)$' "$log")
		# It died before it could say which test failed.
		if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
			echo "$name: exit status $status"
			bad=1
		fi
		passed=$((passed + ok))
		failed=$((failed + bad))
		;;
	esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
