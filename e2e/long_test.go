package e2e_test

import "os"

// envLong asks for the full counts of tests that repeat a fault: `make verify` sets it.
const envLong = "PULLPASS_TEST_LONG"

// long is how often a fault is repeated: often where time was asked for.
func long(short, full int) int {
	if os.Getenv(envLong) != "" {
		return full
	}
	return short
}
