package main

import (
	"cmp"
	"slices"
	"time"
)

// percentile returns the smallest sample that p percent of all do not exceed.
func percentile[T cmp.Ordered](samples []T, p float64) T {
	sorted := slices.Sorted(slices.Values(samples))
	i := int(p/100*float64(len(sorted))+0.5) - 1
	return sorted[max(0, min(i, len(sorted)-1))]
}

func median[T cmp.Ordered](samples []T) T { return percentile(samples, 50) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
