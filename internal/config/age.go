package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Age is how old something may get: 400d, or 36h; "off" is 0.
type Age time.Duration

const day = 24 * time.Hour

// minRetention is the shortest time for which audit records can be kept: less would
// be a way to have none.
const minRetention = Age(day)

const maxDays = 36_500

// UnmarshalText reads an age.
func (a *Age) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "off" {
		*a = 0
		return nil
	}
	if number, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(number); err == nil && n > 0 && n <= maxDays {
			*a = Age(n) * Age(day)
			return nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		*a = Age(d)
		return nil
	}
	return errors.New("want a number of days such as 400d, a duration such as 36h, or off")
}
