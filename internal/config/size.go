package config

import (
	"errors"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with a unit: 512MiB, 4GiB. "none" is Unlimited,
// "auto" is 0: what suits the machine.
type Size int64

// Unlimited is the size that limits nothing.
const Unlimited Size = -1

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	switch string(text) {
	case "none":
		*s = Unlimited
		return nil
	case "auto":
		*s = 0
		return nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > (1<<62)/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return errors.New("want a whole number with KiB, MiB, GiB or TiB, such as 4GiB, or none")
}
