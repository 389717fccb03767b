package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const day24 = 24 * time.Hour

// parseDuration reads the one form of durations in flags and configuration: numbers
// with d, h, m or s, the larger unit first: 30d, 12h, 90m, 1d12h. 0 needs no unit.
func parseDuration(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	var d time.Duration
	if hasDays {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day24) {
			return 0, badDuration(text)
		}
		if d = time.Duration(n) * day24; rest == "" {
			return d, nil
		}
	} else {
		rest = text
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more > math.MaxInt64-d {
		return 0, badDuration(text)
	}
	return d + more, nil
}

func badDuration(text string) error {
	return fmt.Errorf("%q is not a duration: write 30d, 12h, 90m or 45s", text)
}

// readDuration teaches the parser durations.
func readDuration(c *kong.DecodeContext, target reflect.Value) error {
	token, err := c.Scan.PopValue("duration")
	if err != nil {
		return err
	}
	d, err := parseDuration(fmt.Sprint(token.Value))
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}
