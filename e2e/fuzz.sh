#!/usr/bin/env bash
# Fuzzes every target of the module, one after the other.
#
#   e2e/fuzz.sh SECONDS [TOTAL]
#
# each target for SECONDS, or less where all of them together would take more than
# TOTAL. Exits with 1 if one fails; go test has then written the input that makes it
# fail beside the test, under testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

each=${1:?usage: e2e/fuzz.sh SECONDS [TOTAL]}
total=${2:-0}

mapfile -t targets < <(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort -u)
if [ ${#targets[@]} -eq 0 ]; then
	echo "fuzz: there is no target; this proves nothing" >&2
	exit 1
fi
if [ "$total" -gt 0 ] && [ $((each * ${#targets[@]})) -gt "$total" ]; then
	each=$((total / ${#targets[@]}))
	[ "$each" -gt 0 ] || each=1
fi

failed=0
for target in "${targets[@]}"; do # ./internal/oci/challenge_test.go:func FuzzChallenge
	package=$(dirname "${target%%:*}")
	name=${target##*func }
	echo "fuzz: $package $name for ${each}s"
	if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "${each}s" "$package"; then
		failed=1
	fi
done
exit $failed
